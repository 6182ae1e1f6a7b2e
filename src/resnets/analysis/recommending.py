"""`recommend`: which networks to train on a data set and how, with what result and at what cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import sqrt
from pathlib import Path
from typing import TypeAlias

from resnets.analysis.candidates import Candidate, Weights, candidates
from resnets.analysis.halving import Halving, check_halving, halve
from resnets.analysis.keeping_limits import (
    refuse_none,
    too_large,
    too_long,
    too_much_memory,
    too_slow,
    within,
)
from resnets.analysis.recommendation import LeftOut, Limits, Recommendation, Recommended, Target
from resnets.analysis.recommendation_notes import FEW, imbalance, recommendation_notes
from resnets.analysis.timed_machine import timed_machine
from resnets.analysis.weighing import (
    Setting,
    Weighed,
    command,
    measure,
    weigh,
    with_latency,
    with_settings,
)
from resnets.data.dataset import Dataset
from resnets.errors import ConfigError
from resnets.recipes.settings import TrainingSettings
from resnets.reporting.words import duration
from resnets.training.data_facts import data_facts
from resnets.training.interruption import Interruption
from resnets.training.machine import forked_rng
from resnets.training.model_rules import patience_hours
from resnets.training.planning import Prepared, complete, prepare

OnProgress: TypeAlias = Callable[[str, int, int], None]
"""Is told what is being done, how many steps of it are done, and of how many."""

_MEASURED = 5
# Candidates whose steps are timed: those that would be first if the machine were as fast as guessed.
_SHOWN = 5


def recommend(  # noqa: PLR0913 - one argument for each option of the command
    data: str | Path | Dataset,
    *,
    latency_ms: float | None = None,
    max_mb: float | None = None,
    target: Target = "quality",
    minutes: float | None = None,
    weights: Weights = "here",
    halving: Halving | None = None,
    seed: int = 0,
    device: str | None = None,
    on_progress: OnProgress | None = None,
) -> Recommendation:
    """Rank trainings for a data set: network, weights, resolution and settings.

    The settings are those that `train` chooses by its rules. A few steps of the most promising
    trainings are timed on this machine. The expected accuracy is a range, from published results.

    Args:
        data: a data set, as for `train`.
        latency_ms: that the network may take for one image here, in float32.
        max_mb: that the model file may have, in 10^6 bytes.
        target: what counts besides accuracy: 'quality' for nothing, 'speed' or 'size' of the network.
        minutes: that the training may take here. [120 on a processor, 240 on a GPU]
        weights: to start from: 'none', 'here' for those in this package and in the cache of downloads,
            'published' for those, too, that `train` would download.
        halving: give the best candidates short real trainings, and rank them by those.
        seed: of the trainings.
        device: as for `train`.
        on_progress: called after each step.

    Raises:
        ConfigError: if an argument makes no sense.
        CheckFailedError: if no network keeps the limits.
        Interrupted: by a signal before there was anything to tell.
    """
    told = on_progress or (lambda _words, _done, _total: None)
    _check(latency_ms, max_mb, minutes)
    if halving is not None:
        check_halving(halving)
    with Interruption() as interruption, forked_rng(device):
        given = complete(TrainingSettings(seed=seed), data=data, model=None)
        prepared = prepare(
            given,
            opened=data if isinstance(data, Dataset) else None,
            check=False,
            device=device,
            interruption=interruption,
            watch=lambda _: None,
        )
        limits = Limits(latency_ms, max_mb, minutes or 60 * patience_hours(prepared.machine))
        where = Setting(
            given=given,
            dataset=prepared.dataset,
            facts=data_facts(prepared.dataset),
            machine=prepared.machine,
            device=prepared.device,
            minutes=limits.minutes,
            interruption=interruption,
            said_device=device,
        )
        chosen, left_out = _choose(prepared, where, limits, (target, weights), told)
        found = Recommendation(
            data=given.data,
            num_images={name: len(split) for name, split in prepared.dataset.splits.items()},
            num_classes=len(prepared.dataset.class_names),
            target=target,
            limits=limits,
            ranked=tuple(_ranked(chosen, prepared, where)),
            left_out=tuple(left_out),
            notes=tuple(recommendation_notes(prepared, where, weights)),
            machine=timed_machine(prepared.device),
        )
        return halve(found, chosen, where, halving, told) if halving else found


def _check(latency_ms: float | None, max_mb: float | None, minutes: float | None) -> None:
    given = {"latency_ms": latency_ms, "max_mb": max_mb, "minutes": minutes}
    problems = [
        f"{name} must be more than 0, got {value:g}"
        for name, value in given.items()
        if value is not None and not value > 0
    ]
    if problems:
        raise ConfigError("the arguments of recommend", problems)


def _choose(
    prepared: Prepared,
    where: Setting,
    limits: Limits,
    wishes: tuple[Target, Weights],
    told: OnProgress,
) -> tuple[list[Weighed], list[LeftOut]]:
    """The best candidates, measured, the best first; and those that the limits rule out."""
    target, weights = wishes
    weighed = [weigh(candidate, where) for candidate in _named(prepared, where, weights)]
    left_out: list[LeftOut] = []
    fitting = within(weighed, left_out, lambda each: too_large(each, limits))
    refuse_none(fitting, weighed, limits)
    if limits.latency_ms is not None or target == "speed":
        told("timing the networks", 0, len(fitting))
        timed = with_latency(fitting, where)
        fitting = within(timed, left_out, lambda each: too_slow(each, limits))
        refuse_none(fitting, timed, limits)
    first = sorted(fitting, key=lambda each: _score(each, fitting, target))[:_MEASURED]
    plan = [each for each in fitting if _is_plan(each, prepared) and each not in first]
    measured = []
    for number, each in enumerate([*first, *plan]):
        told(f"timing a few steps of {each.candidate.model}", number, len(first) + len(plan))
        where.interruption.check("nothing was written")
        measured.append(measure(each, where))
    told("timing", 1, 1)
    lasting = within(measured, left_out, lambda each: too_long(each, limits))
    refuse_none(lasting, measured, limits)
    ranked = sorted(lasting, key=lambda each: _score(each, lasting, target))
    shown = ranked[: 1 if _has_few(where) else _SHOWN]
    whole = [with_settings(each, where) for each in shown]
    final = within(whole, left_out, lambda each: too_much_memory(each, where))
    refuse_none(final, whole, limits)
    return with_latency(final, where), left_out


def _named(prepared: Prepared, where: Setting, weights: Weights) -> list[Candidate]:
    """The candidates; with few images only the safest: given weights, and what `train` would take."""
    assert prepared.settings.preprocessing is not None
    named = candidates(where.facts, prepared.settings.preprocessing, weights)
    plan = prepared.settings.model
    if not any(each.model == plan and each.image_size is None for each in named):
        named.append(Candidate(plan, None, 1.5, 1.0, "usual for such images"))
    if not _has_few(where):
        return named
    return [each for each in named if each.kind != "random" or each.model == plan]


def _has_few(where: Setting) -> bool:
    return min(where.facts.class_counts) < FEW


def _score(each: Weighed, those: Sequence[Weighed], target: Target) -> float:
    """The odds of a mistake; a network twice as fast or small may make 1.4 times as many."""
    if target == "quality":
        return each.expected.odds
    if target == "size":
        return each.expected.odds * sqrt(each.file_bytes / min(x.file_bytes for x in those))
    fastest = min(x.latency_ms or float("inf") for x in those)
    return each.expected.odds * sqrt((each.latency_ms or 0.0) / fastest)


def _is_plan(each: Weighed, prepared: Prepared) -> bool:
    return each.candidate.model == prepared.settings.model and each.candidate.image_size is None


def _ranked(those: Sequence[Weighed], prepared: Prepared, where: Setting) -> Iterator[Recommended]:
    for rank, each in enumerate(those):
        yield Recommended(
            model=each.candidate.model,
            kind=each.candidate.kind,
            settings=each.settings,
            choices=each.choices,
            command=command(each, where),
            wanted_epochs=each.wanted_epochs,
            expected=each.expected,
            training_seconds=each.seconds(each.epochs),
            latency_ms=each.latency_ms,
            file_bytes=each.file_bytes,
            download_mib=each.candidate.download_mib,
            reason=_reason(each, those, rank, where),
            is_plan=_is_plan(each, prepared),
        )


def _reason(each: Weighed, those: Sequence[Weighed], rank: int, where: Setting) -> str:
    """What speaks for a training, and what against it."""
    words = [each.candidate.why]
    time = duration(60 * where.minutes)
    if each.epochs < each.wanted_epochs:
        words.append(f"{each.epochs} of {each.wanted_epochs} epochs fit into {time}")
    else:
        words.append(f"all of its {each.epochs} epochs fit into {time}")
    if ratio := imbalance(where.facts):
        words.append(f"the largest class has {ratio:,.0f} times the images of the smallest")
    if rank:
        times = each.expected.odds / those[0].expected.odds
        words.append(f"about {times:.2g} times the mistakes of the first" if times > 1.05 else "")
    return "; ".join(filter(None, words))
