"""`resnets evaluate`."""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from resnets import console
from resnets.commands.options import Json
from resnets.errors import ConfigError, DataError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.table import Table

    from resnets.evaluation.calibration import Calibration
    from resnets.evaluation.evaluation import Evaluation, ImageAnswer
    from resnets.weights.model_info import Metric

_CLASSES = 20  # of more classes, the ten with the lowest F1 are shown
_WORST_CLASSES = 10
_PAIRS = 10
_IMAGES = 5
_TITLES = {
    "top1": "top-1",
    "top5": "top-5",
    "mean_recall": "mean recall",
    "loss": "loss",
    "calibration_error": "calibration error (15 bins)",
    "answered": "answered",
    "answered_top1": "top-1 of those",
    "right_kept": "right answers kept",
    "wrong_refused": "wrong answers refused",
}


def evaluate_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model file, a run folder, or weights such as resnet20:cifar10 (in the package) or "
            "resnet50:torchvision_v2 (downloaded).",
        ),
    ],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder of class folders, a CSV file, an archive, a .pack file, or a name such as "
            "fashion_mnist.",
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(help="train, val, test or all. [val, or test; all where DATA has no splits]"),
    ] = None,
    crops: Annotated[
        int, typer.Option(help="1, 5: the middle and the corners, or 10: their mirror images, too.")
    ] = 1,
    flip: Annotated[bool, typer.Option("--flip", help="Average with the mirror image.")] = False,
    restrict: Annotated[
        bool, typer.Option("--restrict", help="Allow only the classes of DATA as answers.")
    ] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Fit a temperature, and write it into the model file.")
    ] = False,
    abstain: Annotated[
        bool,
        typer.Option(
            "--abstain", help="With --calibrate: choose how sure the model has to be to answer, too."
        ),
    ] = False,
    keep_right: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Of the right answers, what --abstain keeps."),
    ] = 0.9,
    min_top1: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="End with code 6 below this share, such as 0.76."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write the answer for every image.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 64,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that read. [one for each core, at most 8]")
    ] = None,
    json: Json = False,
) -> None:
    r"""Measure how well a model recognises labelled images, and where it fails.

    Top-1 and top-5 with their 95 % intervals, each class, what is confused with what, how sure the model
    is compared with how right, and the images with the highest loss.

    \b
    resnets evaluate runs/train/pets photos/
    resnets evaluate resnet50:torchvision_v2 imagenet/val --min-top1 0.8
    resnets evaluate pets.safetensors photos/ --calibrate --abstain
    """
    _check_options(crops, flip, restrict, calibrate, min_top1)
    if abstain and not calibrate:
        raise ConfigError("the options", ["--abstain needs probabilities to rely on: add --calibrate"])

    from resnets.evaluation.calibrating import calibrate as fit_and_measure
    from resnets.evaluation.evaluating import evaluate, open_model

    on_batch = _Progress(batch_size)
    if not calibrate:
        classifier, name = open_model(model, on_progress=console.DownloadBar())
        if ":" in model and (licence := classifier.info.licence):
            console.say(printable(f"{classifier.info.origin}; {licence.weights}. Data: {licence.data}"))
        found = evaluate(
            classifier,
            data,
            split=split,
            crops=crops,
            flip=flip,
            restrict=restrict,
            batch_size=batch_size,
            workers=workers,
            on_batch=on_batch,
        )
        found = replace(found, model=name)
    else:
        found = fit_and_measure(
            model,
            data,
            split=split,
            keep_right=keep_right if abstain else None,
            batch_size=batch_size,
            workers=workers,
            on_batch=on_batch,
        )
        if found.calibration is None:
            raise DataError(found.notes[-1])
    if json:
        console.print_json(found.to_dict())
    else:
        console.print_blocks(_blocks(found))
    for note in found.notes:
        console.say(f"resnets: note: {note}")
    if save is not None:
        console.say(f"wrote {printable(str(found.save_predictions(save)))}")
    if not json:
        console.say(_next(found, model, data))
    if min_top1 is not None:
        found.require_top1(min_top1)


def _check_options(
    crops: int, flip: bool, restrict: bool, calibrate: bool, min_top1: float | None
) -> None:
    problems = []
    if calibrate and (crops != 1 or flip or restrict):
        problems.append(
            "--calibrate looks at each image once and at all classes: not with --crops, --flip or "
            "--restrict"
        )
    if min_top1 is not None and not 0 <= min_top1 <= 1:
        guess = f": did you mean {min_top1 / 100:g}?" if 1 < min_top1 <= 100 else ""
        problems.append(f"--min-top1 is a share, 0 to 1, got {min_top1:g}{guess}")
    if problems:
        raise ConfigError("the options", problems)


class _Progress:
    """Shows how many images are done: in place on a terminal, else a line every 30 s."""

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._start = self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Take note of a batch."""
        terminal, now = sys.stderr.isatty(), time.monotonic()
        if terminal and done == total:
            print("\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201
        elif now - self._last >= (0.2 if terminal else 30.0):
            self._last = now
            images = done * self._batch_size
            words = f"{done / total:4.0%}  {images:,} images, {images / (now - self._start):,.0f}/s"
            print(words, end="\r" if terminal else "\n", file=sys.stderr, flush=True)  # noqa: T201


def _blocks(found: Evaluation) -> Iterator[RenderableType]:
    where = f"{printable(found.data)} {found.split}"
    size = f"{_count(len(found), 'image')}, {_count(len(found.class_names), 'class', 'classes')}"
    yield f"{printable(found.model)} ({found.architecture}) on {where}: {size}{_how(found)}\n"
    yield console.table(
        [("", "left"), ("value", "right"), ("95 % interval", "right")],
        [(_TITLES[metric.name], *_figure(metric)) for metric in found.metrics],
    )
    if found.calibration:
        yield ""
        yield from _calibration_lines(found.calibration)
    yield ""
    yield _class_table(found)
    if pairs := found.confused(_PAIRS):
        counts = dict(zip(found.class_names, found.per_class.count.tolist(), strict=True))
        yield ""
        yield console.table(
            [("most confused", "left"), ("taken for", "left"), ("images", "right"), ("of all", "right")],
            [
                (printable(right), printable(answered), f"{number:,}", f"{number / counts[right]:.1%}")
                for right, answered, number in pairs
            ],
        )
    yield ""
    yield _image_table("highest loss", found.worst(_IMAGES))
    yield ""
    yield _image_table("least certain", found.least_certain(_IMAGES))


def _how(found: Evaluation) -> str:
    how = found.conditions
    views = max(how.crops, 1) * (2 if how.flip and how.crops != 10 else 1)
    words = [
        f"mean of {views} views" if views > 1 else "",
        "only these classes as answers" if how.restricted else "",
        "classes matched by their ids" if how.matched_by == "ids" else "",
        f"temperature {how.temperature:.3g}" if how.temperature else "",
        f"no answer if less than {how.abstain_below:.1%} sure" if how.abstain_below else "",
    ]
    return "".join(f"; {each}" for each in words if each)


def _figure(metric: Metric) -> tuple[str, str]:
    if metric.name == "loss":
        return f"{metric.value:.4f}", ""
    if metric.low is None or metric.high is None:
        return f"{metric.value:.2%}", ""
    return f"{metric.value:.2%}", f"{metric.low:.2%} to {metric.high:.2%}"


def _calibration_lines(fit: Calibration) -> Iterator[str]:
    yield (
        f"temperature {fit.temperature:.4g}, fitted to {_count(fit.num_images, 'image')} of "
        f"{fit.fitted_on} and written into the model"
    )
    if fit.abstain_below and fit.keep_right:
        yield (
            f"no answer below {fit.abstain_below:.1%}, which keeps {fit.keep_right:.0%} of the right "
            f"answers among those {_count(fit.num_images, 'image')}"
        )
    if fit.cross_fitted:
        yield "for these figures, each half of the images has what fits the other half"
    yield (
        f"calibration error {fit.error_before:.2%} before, {fit.error:.2%} after; "
        f"loss {fit.loss_before:.4f} before, {fit.loss:.4f} after"
    )


def _class_table(found: Evaluation) -> Table:
    scores, names = found.per_class, found.class_names
    shown = [i for i in range(len(names)) if scores.count[i]]
    title = "class"
    if len(shown) > _CLASSES:
        shown = sorted(shown, key=lambda i: scores.f1[i])[:_WORST_CLASSES]
        title = "lowest F1"
    columns: list[tuple[str, Literal["left", "right"]]] = [
        (title, "left"),
        ("images", "right"),
        ("recall", "right"),
        ("precision", "right"),
        ("F1", "right"),
    ]
    return console.table(
        columns,
        [
            (
                printable(names[i]),
                f"{scores.count[i]:,}",
                *(
                    "-" if isnan(x) else f"{x:.1%}"
                    for x in (scores.recall[i], scores.precision[i], scores.f1[i])
                ),
            )
            for i in shown
        ],
    )


def _image_table(title: str, answers: list[ImageAnswer]) -> Table:
    return console.table(
        [
            (title, "left"),
            ("is", "left"),
            ("taken for", "left"),
            ("how sure", "right"),
            ("loss", "right"),
        ],
        [
            (
                printable(answer.image),
                printable(answer.label),
                printable(answer.predicted),
                f"{answer.probability:.1%}",
                f"{answer.loss:.2f}",
            )
            for answer in answers
        ],
    )


def _next(found: Evaluation, model: str, data: str) -> str:
    """What to do with it: make the model as sure as it is right, then look at what it gets wrong."""
    if found.conditions.temperature is None and ":" not in model:
        return printable(f"Next: resnets evaluate {shlex.quote(model)} {shlex.quote(data)} --calibrate")
    return printable(f"Next: resnets data check {shlex.quote(data)}")


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one}" if number == 1 else f"{number:,} {more or one + 's'}"
