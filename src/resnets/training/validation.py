"""Validation in a run: each process scores its share of the images, and all get to know all of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnets.evaluation.metrics import Hits, cross_entropy, ranks
from resnets.evaluation.scoring import OnBatch, Scores, score_split
from resnets.training.session import Session


@dataclass(frozen=True, eq=False)
class Validation:
    """What a validation found, for every image of the split once, in its order.

    Attributes:
        losses: cross-entropies, (N,).
        ranks: number of classes that stand before the right one, (N,).
    """

    losses: NDArray[np.float64]
    ranks: NDArray[np.int64]

    @property
    def loss(self) -> float:
        """Mean over the images."""
        return float(self.losses.mean())

    def hits(self, k: int) -> Hits:
        """Whether the right class is among the first k."""
        return self.ranks < k


def validate(session: Session, *, on_batch: OnBatch) -> Validation:
    """Score the images of validation, none of them twice, however many processes there are.

    Args:
        session: with a loader of validation.
        on_batch: called after each batch.
    """
    assert session.validation is not None
    learner = session.learner
    learner.begin_evaluation()

    def go_on(done: int, total: int) -> None:
        session.processes.sum()  # so that all of them know of a wish to end
        session.check_interruption()
        on_batch(done, total)

    scores = score_split(
        learner.evaluated,
        session.validation,
        session.preprocessing,
        autocast=learner.autocast,
        channels_last=bool(session.settings.channels_last),
        on_batch=go_on,
    )
    shares = session.processes.gather((scores.indices, *_judged(scores)))
    indices, losses, places = (np.concatenate(column) for column in zip(*shares, strict=True))
    order = np.argsort(indices)
    return Validation(losses[order], places[order])


def _judged(scores: Scores) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Loss and rank of each image."""
    if not len(scores.labels):
        return np.empty(0), np.empty(0, np.int64)
    return cross_entropy(scores.logits, scores.labels), ranks(scores.logits, scores.labels)
