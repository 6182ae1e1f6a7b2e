"""The learning rate of each step, as a factor of the highest: a pure function of the step.

Nothing is remembered from step to step, so a resumed run goes on with exactly the same rates. All shapes
change from step to step, also where the sources change the rate once an epoch.
"""

from __future__ import annotations

import math

from resnets.recipes.settings import Schedule


def learning_rate_factor(
    schedule: Schedule,
    step: int,
    *,
    num_steps: int,
    steps_per_epoch: int,
    warmup_end: int | None = None,
) -> float:
    """The factor that the highest learning rate is multiplied by in one step.

    The warm-up comes first. A linear one starts at `warmup_start` and would be 1 at the first step after
    it; a constant one is `warmup_start` throughout. Then the shape takes over: 'cosine' and 'polynomial'
    are 1 at the first step after the warm-up and would be `final` at step `num_steps`, one after the
    last. The milestones of 'step' count epochs that are done, of the whole run: 60 is the first step of
    the 61st. 'one_cycle' rises from `warmup_start` at step 0 to 1 at the share `peak` of the run, and
    would be `final` at step `num_steps`.

    Args:
        schedule: the settings.
        step: of the run, from 0.
        num_steps: of the run.
        steps_per_epoch: of an epoch.
        warmup_end: first step after the warm-up, where it ended early by `warmup_until_error`.

    Example:
        >>> schedule = Schedule(shape="step", milestones=(60, 120, 160), gamma=0.2)
        >>> learning_rate_factor(schedule, 60 * 391, num_steps=200 * 391, steps_per_epoch=391)
        0.2
    """
    warmup = schedule.warmup_epochs * steps_per_epoch
    if warmup_end is not None:
        warmup = min(warmup, warmup_end)
    if step < warmup:
        start = schedule.warmup_start
        return start if schedule.warmup == "constant" else _between(start, 1.0, step / warmup)
    if schedule.shape == "constant":
        return 1.0
    if schedule.shape == "step":
        # A milestone of a third of an epoch is not a whole number of steps, nor exact.
        passed = sum(step >= epoch * steps_per_epoch - 1e-6 for epoch in schedule.milestones)
        return schedule.gamma**passed
    if schedule.shape == "one_cycle":
        return _one_cycle(schedule, step / num_steps)
    done = (step - warmup) / (num_steps - warmup)
    if schedule.shape == "cosine":
        return _between(schedule.final, 1.0, (1 + math.cos(math.pi * done)) / 2)
    return _between(schedule.final, 1.0, (1 - done) ** schedule.power)


def schedule_problems(schedule: Schedule, *, epochs: int) -> list[str]:
    """What in a schedule cannot work in a run of this length, one sentence each.

    Args:
        schedule: the settings.
        epochs: of the run.

    Example:
        >>> schedule_problems(Schedule(warmup_epochs=5.0), epochs=5)
        ['schedule.warmup_epochs must be less than the 5 epochs of the run, got 5']
    """
    problems = []
    of_run = f"less than the {epochs} epochs of the run"
    if schedule.warmup_epochs >= epochs:
        problems.append(f"schedule.warmup_epochs must be {of_run}, got {schedule.warmup_epochs:g}")
    late = [f"{milestone:g}" for milestone in schedule.milestones if milestone >= epochs]
    if late:
        problems.append(f"schedule.milestones must be {of_run}, got {', '.join(late)}")
    if schedule.shape == "one_cycle" and schedule.warmup_epochs:
        problems.append(
            "schedule.warmup_epochs must be 0 with shape 'one_cycle', which rises by itself until "
            f"`peak`; got {schedule.warmup_epochs:g}"
        )
    return problems


def _one_cycle(schedule: Schedule, done: float) -> float:
    if done < schedule.peak:
        return _between(schedule.warmup_start, 1.0, done / schedule.peak)
    return _between(1.0, schedule.final, (done - schedule.peak) / (1 - schedule.peak))


def _between(start: float, end: float, share: float) -> float:
    return start + (end - start) * share
