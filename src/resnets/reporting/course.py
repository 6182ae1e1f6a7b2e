"""How a training went, as rules that can be checked: was it done, and did it learn by heart?"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from resnets.reporting.facts import Epoch
from resnets.reporting.words import percent

LEAST_EPOCHS = 6
"""Fewer say nothing about a trend."""

_STILL_FALLING = 0.03  # of the level, over the last third
_SURE = 2.0  # standard errors of the slope
_RISEN = 1.1  # times the lowest loss
_GAINED = 0.01
_GAP = 0.10  # between training and validation


def course_words(history: Sequence[Epoch]) -> str:
    """Say what the course of a training suggests; '' if nothing.

    The first rule that applies:

    - *by heart*: the validation loss was lowest in the first two thirds and its mean over the last third
      is more than a tenth above that, while the training loss fell on and validation gained less than a
      point.
    - *not done*: the validation loss (without validation, the training loss) fell over the last third of
      the epochs: a straight line through it falls by more than 3 % of its level and by more than two
      standard errors.
    - *done early*: the best validation lies in the first 60 % of the epochs.
    - *gap*: the training images were recognised more than 10 points better than those of validation.

    Args:
        history: of the run.
    """
    if len(history) < LEAST_EPOCHS:
        return ""
    rules = (_by_heart, _not_done, _done_early, _gap)
    return next((words for words in (rule(history) for rule in rules) if words), "")


def best_epoch(history: Sequence[Epoch]) -> int | None:
    """The epoch, from 1, that validated best; of equal ones that with the lower loss.

    Args:
        history: of the run.
    """
    scored = [(e.val_top1, -(e.val_loss or 0.0), -e.epoch) for e in history if e.val_top1 is not None]
    return -max(scored)[2] if scored else None


def _by_heart(history: Sequence[Epoch]) -> str:
    losses = _validation(history)
    lowest = int(np.argmin(losses)) if losses else len(history)
    last_third = losses[-(len(history) // 3) :]
    if 3 * lowest >= 2 * len(history) or np.mean(last_third) <= _RISEN * losses[lowest]:
        return ""
    turn, last = history[lowest], history[-1]
    gained = (last.val_top1 or 0.0) - (turn.val_top1 or 0.0)
    if last.train_loss >= turn.train_loss or gained >= _GAINED:
        return ""
    return (
        f"from epoch {turn.epoch} on it learned by heart (validation loss {losses[lowest]:.2f} to "
        f"{losses[-1]:.2f}): more images or stronger augmentation may help"
    )


def _not_done(history: Sequence[Epoch]) -> str:
    losses = _validation(history) or [e.train_loss for e in history]
    return "training longer may help: the loss was still falling" if is_falling(losses) else ""


def is_falling(losses: Sequence[float]) -> bool:
    """Tell whether losses fell over their last third, by more than scatter explains.

    Args:
        losses: one for each epoch.
    """
    last = np.array(losses[-max(3, len(losses) // 3) :], np.float64)
    if len(last) < 3 or not np.isfinite(last).all():
        return False
    x = np.arange(len(last)) - (len(last) - 1) / 2
    slope = float((x * last).sum() / (x * x).sum())
    rest = last - last.mean() - slope * x
    error = sqrt(float((rest * rest).sum()) / (len(last) - 2) / float((x * x).sum()))
    fall = -slope * (len(last) - 1)
    return fall > _STILL_FALLING * abs(float(last.mean())) and -slope > _SURE * error


def _done_early(history: Sequence[Epoch]) -> str:
    best = best_epoch(history)
    if best is None or best > 0.6 * len(history):
        return ""
    return f"more epochs alone would not help: the best of {len(history)} was epoch {best}"


def _gap(history: Sequence[Epoch]) -> str:
    last = history[-1]
    if last.train_top1 is None or last.val_top1 is None or last.train_top1 - last.val_top1 <= _GAP:
        return ""
    return (
        f"it knows its training images ({percent(last.train_top1)}) better than new ones "
        f"({percent(last.val_top1)}): more images or stronger augmentation may help"
    )


def _validation(history: Sequence[Epoch]) -> list[float]:
    """The losses of validation; none if one is missing."""
    losses = [e.val_loss for e in history if e.val_loss is not None]
    return losses if len(losses) == len(history) else []
