"""The best epoch, and when there is nothing more to gain."""

from __future__ import annotations

import numpy as np

from resnets.evaluation.metrics import Hits
from resnets.recipes.settings import EarlyStopping
from resnets.training.selection import Selection


def hits(count: int, total: int = 1000) -> Hits:
    return np.arange(total) < count


def test_the_best_epoch_is_kept_and_loss_decides_between_equals() -> None:
    selection = Selection()
    taken = [
        selection.take(hits(count), loss=loss, step=step, stopping=None)
        for step, (count, loss) in enumerate(
            [(500, 1.0), (600, 0.9), (600, 0.95), (600, 0.8), (599, 0.1)]
        )
    ]
    assert taken == [True, True, False, True, False]
    assert (selection.step, selection.top1, selection.loss) == (3, 0.6, 0.8)


def test_what_chance_explains_is_no_improvement() -> None:
    """Of 1,000 images won and lost ones cancel: only their difference counts, against their number."""
    stopping = EarlyStopping(patience=2, standard_errors=2.0)
    selection = Selection()
    selection.take(hits(800), loss=1.0, step=0, stopping=stopping)
    # 30 won and 24 lost: a difference of 6 with a standard error of 7.3.
    noisy = hits(830)
    noisy[:24] = False
    assert selection.take(noisy, loss=0.9, step=1, stopping=stopping)
    assert (selection.epochs_since, selection.is_over(stopping)) == (1, False)
    # Since the first epoch 40 won and none lost: real, though only 34 more than the second.
    assert selection.take(hits(840), loss=0.8, step=2, stopping=stopping)
    assert selection.epochs_since == 0
    for step in (3, 4):
        selection.take(hits(840), loss=0.8, step=step, stopping=stopping)
    assert selection.is_over(stopping)
    assert not selection.is_over(None)
