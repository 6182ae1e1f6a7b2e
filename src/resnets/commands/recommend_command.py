"""`resnets recommend`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from resnets import console
from resnets.commands.options import Json
from resnets.errors import ConfigError, Interrupted, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from resnets.analysis.recommendation import Recommendation, Recommended

_LONGEST = 23
# Letters of a model in the table, so that this has 100; the command below it has all of them.
_HEADINGS: dict[str, Literal["left", "right"]] = {
    "": "right",
    "model": "left",
    "weights": "left",
    "pixels": "right",
    "expected": "right",
    "training": "right",
    "epochs": "right",
    "latency": "right",
    "file": "right",
}
_WEIGHTS = {
    "random": "random",
    "shipped": "in package",
    "downloaded": "in cache",
    "published": "download",
}


def recommend_command(
    data: Annotated[str, typer.Argument(help="Folder of images, or another data set.")],
    latency_ms: Annotated[
        float | None, typer.Option(help="Most milliseconds for one image here, the network alone.")
    ] = None,
    max_mb: Annotated[float | None, typer.Option(help="Most megabytes of the model file.")] = None,
    target: Annotated[
        Literal["quality", "speed", "size"], typer.Option(help="What counts beside accuracy.")
    ] = "quality",
    minutes: Annotated[
        float | None,
        typer.Option(help="Longest training. [120 on a processor, 240 on a GPU]"),
    ] = None,
    weights: Annotated[
        Literal["none", "here", "published"],
        typer.Option(
            help="To start from: none, those on this machine, or also those that would be downloaded."
        ),
    ] = "here",
    trials: Annotated[
        bool, typer.Option("--try", help="Give the best a short real training, and rank by that.")
    ] = False,
    budget: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="Of all trials together. [10]")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the runs of the trials there.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the trainings.")] = 0,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1. [a GPU if there is one]")
    ] = None,
    json: Json = False,
) -> None:
    r"""Say which networks to train on your images, with what result and at what cost.

    A few steps of the most promising trainings are timed on this machine. Nothing is downloaded, and
    nothing is written without --output.

    \b
    resnets recommend photos/
    resnets recommend photos/ --latency-ms 20 --max-mb 10 --target speed
    resnets recommend photos/ --try --budget 30
    """
    from resnets.allocator import keep_memory
    from resnets.analysis.halving import Halving
    from resnets.analysis.recommending import recommend
    from resnets.commands.task_progress import TaskProgress

    if not trials and (budget is not None or output is not None):
        raise ConfigError("the options", ["--budget and --output belong to --try: add it"])
    keep_memory()
    found = recommend(
        data,
        latency_ms=latency_ms,
        max_mb=max_mb,
        target=target,
        minutes=minutes,
        weights=weights,
        halving=Halving(minutes=10.0 if budget is None else budget, output=output) if trials else None,
        seed=seed,
        device=device,
        on_progress=TaskProgress(),
    )
    if json:
        console.print_json(found.to_dict())
    else:
        console.print_blocks(_blocks(found))
    for note in found.notes:
        console.say(f"resnets: note: {note}")
    if found.interrupted is not None:
        raise Interrupted(found.interrupted, "the trials ended early, as asked")
    if not json:
        console.say(f"Next: {shlex.join(found.ranked[0].command)}")


def _blocks(found: Recommendation) -> Iterator[RenderableType]:
    from resnets.analysis.settings_words import settings_words

    images = ", ".join(f"{count:,} {name}" for name, count in found.num_images.items())
    yield f"{printable(found.data)}: {images} images; {found.num_classes} classes"
    yield _machine(found)
    yield console.table(
        list(_HEADINGS.items()),
        [_row(rank, each) for rank, each in enumerate(found.ranked, start=1)],
    )
    yield ""
    for rank, each in enumerate(found.ranked, start=1):
        yield f"{rank}. {printable(each.reason)}{_plan(each)}"
        yield f"   {settings_words(each.settings)}"
        yield f"   {printable(shlex.join(each.command))}"
    yield f"\nExpected top-1: {found.ranked[0].expected.basis}."
    if found.trials:
        yield ""
        yield _trials(found)
        yield ""
        for trial in found.trials:
            yield printable(shlex.join(trial.command))
    if found.left_out:
        yield ""
        for left in found.left_out:
            yield f"left out: {printable(left.model)} at {left.image_size} pixels: {left.why}"


def _machine(found: Recommendation) -> str:
    machine = found.machine
    threads = "1 thread" if machine["threads"] == 1 else f"{machine['threads']} threads"
    name = printable(machine["device_name"] or machine["device"])
    return f"times of a training if nothing else runs, on {name}, {threads}\n"


def _row(rank: int, each: Recommended) -> list[str]:
    from resnets.reporting.words import duration, shortened

    low, high = 100 * each.expected.low, 100 * each.expected.high
    latency = "-" if each.latency_ms is None else f"{each.latency_ms:.3g} ms"
    return [
        str(rank),
        shortened(printable(each.model), _LONGEST),
        _WEIGHTS[each.kind],
        str(each.image_size),
        f"{low:.0f} to {high:.0f} %",
        duration(each.training_seconds),
        str(each.epochs),
        latency,
        f"{each.file_bytes / 1e6:.3g} MB",
    ]


def _plan(each: Recommended) -> str:
    parts = []
    if each.download_mib is not None:
        parts.append(f"; downloads {each.download_mib:.0f} MiB first")
    if each.is_plan:
        parts.append("; resnets train takes this network by itself")
    return "".join(parts)


def _trials(found: Recommendation) -> RenderableType:
    from resnets.reporting.words import duration

    return console.table(
        [
            ("rung", "right"),
            ("trial", "left"),
            ("epochs", "right"),
            ("time", "right"),
            ("top-1", "right"),
            ("95 % interval", "right"),
            ("images", "right"),
        ],
        [
            (
                str(trial.rung),
                printable(trial.model),
                str(trial.epochs),
                duration(trial.seconds),
                f"{trial.top1:.1%}",
                f"{100 * trial.low:.1f} to {100 * trial.high:.1f} %",
                f"{trial.num_images:,}",
            )
            for trial in found.trials
        ],
    )
