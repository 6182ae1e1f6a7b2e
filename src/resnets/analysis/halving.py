"""Short real trainings of the best candidates, by successive halving.

All candidates are tried for a while, the better half of them for longer, until one is left; every rung
has the same time for all of its trials together (Jamieson and Talwalkar 2016, arXiv:1502.07943, fig. 1).
Other than there, a trial of a later rung begins anew: its learning rate falls over the whole of it, and
a short schedule that has ended cannot become the first part of a longer one.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from resnets.analysis.expected_accuracy import ExpectedAccuracy
from resnets.analysis.recommendation import Recommendation, Recommended, Trial
from resnets.analysis.weighing import Setting, Weighed, command, with_epochs, with_settings
from resnets.errors import ConfigError, Interrupted
from resnets.evaluation.evaluation import Evaluation
from resnets.reporting.words import duration, percent
from resnets.training.events import Event, StepProgress
from resnets.training.train import train

OnProgress: TypeAlias = Callable[[str, int, int], None]

_STEPS_SHARE = 0.9
# Of a trial's time that its steps may take; evaluation and report need some, too.
_UNSURE = 1.2
# The odds of a mistake after the whole training may be lower than the rules say by this factor.


@dataclass(frozen=True)
class Halving:
    """How candidates are tried.

    Attributes:
        minutes: of all trials together.
        output: folder for the runs of the trials, which stay; None for a temporary one.
    """

    minutes: float = 10.0
    output: Path | None = None


@dataclass(frozen=True, eq=False)
class _Runner:
    """A candidate in the race."""

    recommended: Recommended
    weighed: Weighed


def check_halving(halving: Halving) -> None:
    """Check how candidates are to be tried.

    Args:
        halving: see there.

    Raises:
        ConfigError: if there is no time for it.
    """
    if not halving.minutes > 0:
        problem = f"the minutes of trials must be more than 0, got {halving.minutes:g}"
        raise ConfigError("the arguments of recommend", [problem])


def halve(
    found: Recommendation,
    weighed: Sequence[Weighed],
    where: Setting,
    halving: Halving,
    told: OnProgress,
) -> Recommendation:
    """Try what is recommended, and rank it by what came out.

    Args:
        found: without trials.
        weighed: what was recommended, in the same order.
        where: see there.
        halving: how.
        told: is called after each step.
    """
    if len(found.ranked) < 2:
        return replace(found, notes=(*found.notes, "only one candidate is left: nothing to try"))
    runners = [_Runner(*pair) for pair in zip(found.ranked, weighed, strict=True)]
    racing, notes = _fitting(runners, halving, where)
    if len(racing) < 2:
        return replace(found, notes=(*found.notes, *notes))
    trials: list[Trial] = []
    interrupted = None
    with _folder(halving) as folder:
        try:
            for trial in _race(racing, where, halving, folder, told):
                trials.append(trial)  # noqa: PERF402 - what was done before an interruption counts
        except Interrupted as error:
            interrupted = error.exit_code - 128
            notes.append(f"{str(error).partition(':')[0]}: ranked by the trials that were done")
    return replace(
        found,
        ranked=tuple(_by_evidence(runners, trials, where)),
        notes=(*found.notes, *notes),
        trials=tuple(trials),
        interrupted=interrupted,
    )


def rungs(number: int) -> int:
    """How many times candidates are halved until one is left.

    Args:
        number: of candidates.

    Example:
        >>> [rungs(number) for number in (2, 3, 4, 5)]
        [1, 2, 2, 3]
    """
    return max(1, math.ceil(math.log2(number)))


def _seconds(number: int, of: int, halving: Halving) -> float:
    """Of a trial in a rung with some candidates left, of so many at the start."""
    return 60 * halving.minutes / rungs(of) / number


def _fitting(
    runners: Sequence[_Runner], halving: Halving, where: Setting
) -> tuple[list[_Runner], list[str]]:
    """Those of which an epoch fits into a trial of the first rung; and what to say about the others."""
    racing = list(runners)
    notes = []
    while racing:
        seconds = _seconds(len(racing), len(racing), halving)
        longest = max(racing, key=lambda runner: runner.weighed.seconds(1))
        needed = longest.weighed.seconds(1) / _STEPS_SHARE
        if needed <= seconds:
            break
        racing.remove(longest)
        notes.append(
            f"{longest.weighed.candidate.model} was not tried: one epoch takes {duration(needed)}, and "
            f"a trial of the first rung has {duration(seconds)}"
        )
    if len(racing) < 2:
        notes.append("fewer than two candidates can be tried in this time: give the trials more minutes")
    return racing, notes


def _race(
    racing: Sequence[_Runner], where: Setting, halving: Halving, folder: Path, told: OnProgress
) -> Iterator[Trial]:
    start = len(racing)
    left = list(racing)
    for rung in range(1, rungs(start) + 1):
        tried: list[tuple[float, _Runner]] = []
        for number, runner in enumerate(left, start=1):
            seconds = _seconds(len(left), start, halving)
            words = f"rung {rung} of {rungs(start)}, trial {number} of {len(left)}"
            place = folder / f"rung-{rung}-trial-{number}"
            trial = _try(runner, where, (rung, seconds, place, halving.output is not None), told, words)
            yield trial
            tried.append((trial.top1, runner))
        # Of equal ones, the one that was ranked before the other.
        tried.sort(key=lambda pair: -pair[0])
        left = [runner for _, runner in tried[: max(1, (len(tried) + 1) // 2)]]


def _try(
    runner: _Runner,
    where: Setting,
    how: tuple[int, float, Path, bool],
    told: OnProgress,
    words: str,
) -> Trial:
    """Train a candidate for a while, on the images that are not kept aside."""
    rung, seconds, place, stays = how
    weighed = with_settings(with_epochs(runner.weighed, where, seconds=_STEPS_SHARE * seconds), where)
    name = weighed.candidate.model

    def watch(event: Event) -> None:
        if isinstance(event, StepProgress) and event.phase == "training":
            done = event.epoch * event.num_steps + event.step
            told(f"{words}: {name}", done, event.num_epochs * event.num_steps)

    splits = {key: split for key, split in where.dataset.splits.items() if key != "test"}
    begun, cpu = time.monotonic(), time.process_time()
    result = train(
        replace(where.dataset, splits=splits),
        settings=weighed.settings.model_copy(update={"data": where.given.data}),
        output=place,
        check=False,
        device=where.said_device,
        watch=watch,
    )
    told("", 1, 1)
    top1 = _required(result.evaluation).metric("top1")
    repeat = (*command(weighed, where), "--no-check", *(("--output", str(place)) if stays else ()))
    return Trial(
        model=name,
        image_size=weighed.image_size,
        rung=rung,
        epochs=max(1, weighed.epochs),
        planned_seconds=seconds,
        seconds=time.monotonic() - begun,
        cpu_seconds=time.process_time() - cpu,
        top1=top1.value,
        low=top1.low or 0.0,
        high=top1.high or 1.0,
        num_images=top1.num_images or 0,
        command=repeat,
    )


def _required(evaluation: Evaluation | None) -> Evaluation:
    assert evaluation is not None  # the data have a validation split: `recommend` sees to it
    return evaluation


def _by_evidence(
    runners: Sequence[_Runner], trials: Sequence[Trial], where: Setting
) -> list[Recommended]:
    """Those that came furthest first, and the better ones of them before the others."""
    last = {(trial.model, trial.image_size): trial for trial in trials}
    made = []
    for runner in runners:
        each = runner.recommended
        trial = last.get((each.model, each.image_size))
        made.append(each if trial is None else _with_trial(runner, trial, where))
    return sorted(
        made, key=lambda each: (-each.trial.rung, -each.trial.top1) if each.trial else (0, 0.0)
    )


def _with_trial(runner: _Runner, trial: Trial, where: Setting) -> Recommended:
    """What the whole training is to be expected to give, after a short one."""
    each = runner.recommended
    short = with_epochs(runner.weighed, where, seconds=_STEPS_SHARE * trial.planned_seconds)
    gain = min(1.0, each.expected.odds / short.expected.odds) / _UNSURE
    best = 1 / (1 + gain * (1 - trial.high) / max(trial.high, 1e-6))
    basis = (
        f"a trial of {trial.epochs} epochs reached {percent(trial.top1)} ({percent(trial.low)} to "
        f"{percent(trial.high)}) of {trial.num_images:,} images that it had not learned from; the whole "
        "training has more epochs"
    )
    if each.epochs <= trial.epochs:
        basis = basis.replace("more epochs", "no more epochs")
    expected = ExpectedAccuracy(trial.low, max(best, trial.high), each.expected.odds, basis)
    reason = f"{percent(trial.top1)} in a trial of {duration(trial.seconds)}; {each.reason}"
    return replace(each, expected=expected, trial=trial, reason=reason)


@contextmanager
def _folder(halving: Halving) -> Iterator[Path]:
    if halving.output is not None:
        yield halving.output
        return
    with tempfile.TemporaryDirectory(prefix="resnets-") as folder:
        yield Path(folder)
