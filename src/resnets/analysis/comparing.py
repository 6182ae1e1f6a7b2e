"""`compare`: networks side by side, on paper or on data and on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

import numpy as np

from resnets.analysis.comparison import (
    ComparedModel,
    ComparedPair,
    Comparison,
    DifferingImage,
    holm,
)
from resnets.analysis.contenders import Contender, contender
from resnets.analysis.latency import Timing, check_timing, measure_speed, one_device
from resnets.analysis.reference_chart import pareto_front
from resnets.analysis.timed_machine import busy_note, timed_machine
from resnets.data.dataset import Dataset
from resnets.downloads.transfer import Progress
from resnets.errors import ConfigError, DataError, printable
from resnets.evaluation.evaluating import Reading, match_model, score_images
from resnets.evaluation.evaluation import Conditions, Evaluation
from resnets.evaluation.labelled_images import LabelledImages, choose_images, open_data
from resnets.evaluation.metrics import Hits
from resnets.evaluation.pairing import mcnemar
from resnets.reporting.galleries import image_sources
from resnets.weights.classifier import Classifier

OnProgress: TypeAlias = Callable[[str, int, int], None]
"""Is told what is being done, how many steps of it are done, and of how many."""

_PICTURES = 24


def compare(
    models: Sequence[str | Path | Classifier] = (),
    *,
    data: str | Path | Dataset | None = None,
    split: str | None = None,
    restrict: bool = False,
    speed: Timing | bool | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
) -> Comparison:
    """Compare networks: what they cost, how good they are, how fast here, and what is only chance.

    Without data, published accuracies count. With data, all networks see the same images, McNemar's test
    tells for each pair whether the difference is real (corrected for the number of pairs after Holm),
    and time and memory are measured in turn on this machine.

    Args:
        models: architectures (without data), model files, run folders, published weights, or what
            `resnets.load` gave; without any, the comparison holds the reference alone.
        data: path or name of a data set, or an opened one.
        split: 'train', 'val', 'test' or 'all'. [as `evaluate` chooses]
        restrict: only the classes of the data can be answered.
        speed: whether time and memory are measured, or how. [with data]
        batch_size: images that a network sees at a time when it is evaluated.
        workers: processes that read. [one for each core, at most 8]
        on_progress: called after each step.

    Raises:
        ConfigError: if an argument makes no sense.
        DataError: if a model lacks classes of the data; before any of them is evaluated.

    Example:
        >>> found = compare(["resnet18", "resnet50"])
        >>> [(row.name, row.multiply_adds) for row in found.models]
        [('resnet18', 1814073344), ('resnet50', 4089184256)]
    """
    if data is not None and not models:
        raise ConfigError("the arguments of compare", ["data is for models: name at least one"])
    timing = _timing(speed, has_data=data is not None)
    contenders = _named([contender(model) for model in models])
    rows = [each.row for each in contenders]
    found = Comparison(models=tuple(rows))
    if data is None and timing is None:
        return replace(found, models=_with_front(rows))
    arriving = _watch_download(on_progress)
    classifiers = [each.load(random_weights=data is None, on_progress=arriving) for each in contenders]
    names = [row.name for row in rows]
    if timing is not None and classifiers:
        one_device(classifiers, names)
    if data is not None:
        reading = Reading(batch_size=batch_size, workers=workers)
        found = _evaluated(found, classifiers, (data, split, restrict), reading, on_progress)
    if timing is not None and classifiers:
        found = _timed(found, classifiers, timing, on_progress)
    return replace(found, models=_with_front(found.models))


def _timing(speed: Timing | bool | None, *, has_data: bool) -> Timing | None:
    if isinstance(speed, Timing):
        check_timing(speed)
        return speed
    return Timing() if (has_data if speed is None else speed) else None


def _named(contenders: Sequence[Contender]) -> list[Contender]:
    """Tell contenders of one name apart."""
    seen: dict[str, int] = {}
    made = []
    for each in contenders:
        name = each.row.name
        seen[name] = seen.get(name, 0) + 1
        unique = name if seen[name] == 1 else f"{name} ({seen[name]})"
        made.append(replace(each, row=replace(each.row, name=unique)))
    return made


def _evaluated(
    found: Comparison,
    classifiers: Sequence[Classifier],
    chosen: tuple[str | Path | Dataset, str | None, bool],
    reading: Reading,
    on_progress: OnProgress | None,
) -> Comparison:
    data, split, restrict = chosen
    # Where the data have no splits, a model's own recipe draws them: that of the first with a recipe.
    own = next((i for i, c in enumerate(classifiers) if c.info.data is not None), 0)
    opened = open_data(data, classifiers[own].info)
    images = choose_images(opened, classifiers[own].info, split)
    for row, classifier in zip(found.models, classifiers, strict=True):
        try:
            match_model(classifier, images)
        except DataError as error:
            raise DataError(f"{printable(row.name)}: {error}") from error
    evaluations = []
    for row, classifier in zip(found.models, classifiers, strict=True):
        conditions = Conditions(
            crops=1,
            flip=False,
            restricted=restrict,
            matched_by="names",
            temperature=classifier.info.temperature,
        )
        watched = replace(reading, on_batch=_watch(on_progress, f"evaluating {row.name}"))
        evaluations.append(score_images(classifier, images, conditions, watched, name=row.name))
    assert all(each.images == evaluations[0].images for each in evaluations)
    differing = _differing(evaluations)
    shown = [each.image for each in differing[:_PICTURES]]
    rows = zip(found.models, evaluations, strict=True)
    return replace(
        found,
        models=tuple(replace(row, evaluation=evaluation) for row, evaluation in rows),
        pairs=tuple(_pairs(evaluations)),
        differing=tuple(differing),
        data=images.data,
        split=images.split,
        num_images=len(evaluations[0]),
        notes=(*found.notes, *_notes(evaluations, images, classifiers, own)),
        pictures=image_sources(opened, shown) if isinstance(opened, Dataset) else {},
    )


def _watch_download(on_progress: OnProgress | None) -> Callable[[Progress], None] | None:
    if on_progress is None:
        return None
    return lambda part: on_progress(
        f"downloading {part.name}", part.num_bytes, part.total_bytes or part.num_bytes or 1
    )


def _watch(on_progress: OnProgress | None, words: str) -> Callable[[int, int], None] | None:
    if on_progress is None:
        return None
    return lambda done, total: on_progress(words, done, total)


def _notes(
    evaluations: Sequence[Evaluation],
    images: LabelledImages,
    classifiers: Sequence[Classifier],
    own: int,
) -> list[str]:
    """What every evaluation noted once, the rest by model; and who may have seen the images."""
    common = [note for note in evaluations[0].notes if all(note in e.notes for e in evaluations)]
    notes = list(common)
    for each in evaluations:
        notes += [f"{printable(each.model)}: {n}" for n in each.notes if n not in common]
    if images.split == "all" or not images.notes:
        return notes
    drawn = _division(classifiers[own])
    for each, classifier in zip(evaluations, classifiers, strict=True):
        if classifier.info.data is not None and _division(classifier) != drawn:
            notes.append(
                f"{printable(each.model)} was trained on another division of its data than "
                f"{printable(evaluations[own].model)}: it may have seen some of these images"
            )
    return notes


def _division(classifier: Classifier) -> tuple[object, object]:
    return classifier.info.recipe.get("val_share"), classifier.info.recipe.get("seed")


def _pairs(evaluations: Sequence[Evaluation]) -> list[ComparedPair]:
    pairs = list(combinations(evaluations, 2))
    tests = [mcnemar(first.hits, second.hits) for first, second in pairs]
    corrected = holm([test.p_value for test in tests])
    return [
        ComparedPair(
            first=first.model,
            second=second.model,
            result=test,
            p_value=p_value,
            level=level,
            agreement=float(_alike(first, second).mean()),
        )
        for (first, second), test, (p_value, level) in zip(pairs, tests, corrected, strict=True)
    ]


def _alike(first: Evaluation, second: Evaluation) -> Hits:
    """Which images have the same answer: two right ones are, whatever the models call the class."""
    names = [np.array(each.class_names, object)[each.predictions] for each in (first, second)]
    same: Hits = (first.hits & second.hits) | (
        ~first.hits & ~second.hits & (names[0] == names[1]).astype(np.bool_)
    )
    return same


def _differing(evaluations: Sequence[Evaluation]) -> list[DifferingImage]:
    """Images that are not answered alike, the most telling first."""
    if len(evaluations) < 2:
        return []
    apart = ~np.all([_alike(evaluations[0], each) for each in evaluations[1:]], axis=0)
    hits = np.array([each.hits for each in evaluations])
    sure = np.array([each.confidences for each in evaluations])
    # How sure the surest right answer and the surest wrong one are, together; at most 2.
    telling = np.where(hits, sure, 0).max(0) + np.where(hits, 0, sure).max(0)
    telling += 2 * (hits.any(0) & ~hits.all(0))
    order = sorted(np.flatnonzero(apart).tolist(), key=lambda i: -telling[i])
    first = evaluations[0]
    return [
        DifferingImage(
            image=first.images[i],
            label=first.class_names[first.labels[i]],
            answers=tuple(
                (each.class_names[each.predictions[i]], float(each.confidences[i]))
                for each in evaluations
            ),
        )
        for i in order
    ]


def _timed(
    found: Comparison,
    classifiers: Sequence[Classifier],
    timing: Timing,
    on_progress: OnProgress | None,
) -> Comparison:
    names = [row.name for row in found.models]
    speeds = measure_speed(classifiers, names, timing, on_round=_watch(on_progress, "timing"))
    rows = zip(found.models, speeds, strict=True)
    note = busy_note()
    return replace(
        found,
        models=tuple(replace(row, speed=speed) for row, speed in rows),
        machine=timed_machine(next(classifiers[0].network.parameters()).device),
        notes=(*found.notes, *([note] if note else [])),
    )


def _with_front(rows: Sequence[ComparedModel]) -> tuple[ComparedModel, ...]:
    """Mark the networks that no other one is better than at the same cost or less."""

    def cost(row: ComparedModel) -> float:
        return row.speed.latency_ms if row.speed else row.multiply_adds

    known = [row for row in rows if _is_comparable(row, rows)]
    front = pareto_front(known, cost=cost, gain=lambda row: row.top1 or 0.0)
    return tuple(
        replace(row, on_front=any(row is each for each in front))
        if len(known) > 1 and any(row is each for each in known)
        else row
        for row in rows
    )


def _is_comparable(row: ComparedModel, rows: Sequence[ComparedModel]) -> bool:
    """Whether a row has one accuracy, on the same data as the first that has one."""
    if row.evaluation is not None:
        return True
    if len(row.reported) != 1:
        return False
    first = next(each for each in rows if len(each.reported) == 1)
    return row.reported[0].data == first.reported[0].data
