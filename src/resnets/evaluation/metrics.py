"""Figures of a classifier, each over all images at once: nothing is averaged over batches.

Everything takes scores (N, C), any numbers that grow with the class's probability, and the right class
of each image (N,). A class that nothing can be said about has NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Scores: TypeAlias = NDArray[np.floating[Any]]
Classes: TypeAlias = NDArray[np.int64]
Hits: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.float64]


def accuracy(labels: Classes, predictions: Classes) -> float:
    """Share of images whose class was recognised; NaN of none.

    Args:
        labels: the right classes.
        predictions: the classes that were answered.

    Example:
        >>> accuracy(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]))
        0.75
    """
    return float((labels == predictions).mean()) if len(labels) else float("nan")


def predict_classes(scores: Scores) -> Classes:
    """The class with the highest score of each image; of equal ones the first.

    Shape:
        (N, C) -> (N,)
    """
    best: Classes = scores.argmax(1).astype(np.int64)
    return best


def ranks(scores: Scores, labels: Classes) -> Classes:
    """Number of classes that stand before the right one; of equal scores the first class comes first.

    Args:
        scores: of all classes.
        labels: the right classes.

    Shape:
        (N, C), (N,) -> (N,)
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(scores.shape[1]) < labels[:, None]
    before: Classes = ((scores > own) | ((scores == own) & earlier)).sum(1)
    return before


def top_k(scores: Scores, labels: Classes, k: int) -> Hits:
    """Whether the right class is among the k with the highest scores.

    Args:
        scores: of all classes.
        labels: the right classes.
        k: 1 or more.

    Shape:
        (N, C), (N,) -> (N,)
    """
    return ranks(scores, labels) < k


def wilson_interval(hits: int, total: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for a share of independent trials, right for small numbers and near 0 and 1 as well.

    As in Wilson 1927, doi:10.1080/01621459.1927.10502953.

    Args:
        hits: trials that succeeded.
        total: trials; at least 1.
        confidence: 0 to 1.

    Example:
        >>> [round(limit, 4) for limit in wilson_interval(7600, 10000)]
        [0.7515, 0.7683]
    """
    low, high = wilson_intervals(np.array([hits]), np.array([total]), confidence=confidence)
    return float(low[0]), float(high[0])


def wilson_intervals(
    hits: Classes, totals: Classes, *, confidence: float = 0.95
) -> tuple[Numbers, Numbers]:
    """Lower and upper limits of many shares; NaN where there were no trials.

    Args:
        hits: trials that succeeded.
        totals: trials.
        confidence: 0 to 1.

    Shape:
        (C,), (C,) -> (C,), (C,)
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    total = np.where(totals > 0, totals, np.nan)
    share = hits / total
    middle = share + z * z / (2 * total)
    half = z * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    # At 0 and 1 the limit is exact; rounding must not move it.
    low = np.where(hits == 0, 0 * share, (middle - half) / scale)
    return low, np.where(hits == totals, share, (middle + half) / scale)


def log_softmax(scores: Scores) -> Numbers:
    """Logarithms of the probabilities, in float64.

    Shape:
        (N, C) -> (N, C)
    """
    exact = scores.astype(np.float64)
    exact -= exact.max(1, keepdims=True)
    normalized: Numbers = exact - np.log(np.exp(exact).sum(1, keepdims=True))
    return normalized


def cross_entropy(scores: Scores, labels: Classes) -> Numbers:
    """Loss of each image: minus the logarithm of the probability of its class, in float64.

    Args:
        scores: of all classes.
        labels: the right classes.

    Shape:
        (N, C), (N,) -> (N,)
    """
    losses = [
        -log_softmax(scores[part])[np.arange(len(labels[part])), labels[part]]
        for part in _parts(len(labels))
    ]
    return np.concatenate(losses) if losses else np.empty(0)


def confusion_matrix(labels: Classes, predictions: Classes, num_classes: int) -> Classes:
    """Count what was taken for what.

    Args:
        labels: the right classes.
        predictions: the classes that were answered.
        num_classes: C.

    Returns:
        Array (C, C): in row i and column j, the images of class i that were taken for class j.
    """
    cells = np.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes).astype(np.int64)


def confused_pairs(matrix: Classes, count: int = 10) -> list[tuple[int, int, int]]:
    """The most frequent mistakes: right class, answered class, number of images.

    Args:
        matrix: of confusion.
        count: pairs at most; equal ones in the order of the classes.
    """
    wrong = matrix - np.diag(np.diag(matrix))
    most = np.argsort(-wrong, axis=None, kind="stable")[:count].tolist()
    places = [divmod(place, len(matrix)) for place in most]
    return [(i, j, int(wrong[i, j])) for i, j in places if wrong[i, j]]


@dataclass(frozen=True, eq=False)
class PerClass:
    """Figures of each class, (C,).

    Attributes:
        count: images of the class.
        precision: share of the images taken for the class that are of it.
        recall: share of the images of the class that were recognised.
        recall_low: of its 95 % interval.
        recall_high: likewise.
        f1: harmonic mean of precision and recall.
    """

    count: Classes
    precision: Numbers
    recall: Numbers
    recall_low: Numbers
    recall_high: Numbers
    f1: Numbers


def per_class(matrix: Classes) -> PerClass:
    """Compute precision, recall and F1 of each class.

    Args:
        matrix: of confusion.
    """
    right, counts, taken = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    low, high = wilson_intervals(right, counts)
    return PerClass(
        count=counts,
        precision=_ratio(right, taken),
        recall=_ratio(right, counts),
        recall_low=low,
        recall_high=high,
        f1=_ratio(2 * right, counts + taken),
    )


@dataclass(frozen=True)
class CalibrationBin:
    """Images whose highest probability is above `low` and at most `high`.

    Attributes:
        low: probability.
        high: probability.
        count: of images.
        confidence: mean of their highest probabilities; NaN of none.
        accuracy: share of them that was recognised; NaN of none.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def calibration_bins(confidences: Numbers, hits: Hits, num_bins: int = 15) -> list[CalibrationBin]:
    """Compare how sure a classifier is with how often it is right.

    As in Guo et al. 2017, arXiv:1706.04599, sec. 2: bin m holds ((m - 1) / M, m / M].

    Args:
        confidences: highest probability of each image.
        hits: which images were recognised.
        num_bins: of equal width from 0 to 1.
    """
    edges = np.arange(num_bins + 1) / num_bins
    which = np.clip(np.searchsorted(edges, confidences, side="left") - 1, 0, num_bins - 1)
    counts = np.bincount(which, minlength=num_bins)
    sure = _ratio(np.bincount(which, confidences, num_bins), counts)
    right = _ratio(np.bincount(which, hits.astype(np.float64), num_bins), counts)
    columns = (edges[:-1], edges[1:], counts, sure, right)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [CalibrationBin(*row) for row in rows]


def calibration_error(confidences: Numbers, hits: Hits, num_bins: int = 15) -> float:
    """Expected calibration error (ECE): mean distance of confidence and accuracy over the bins.

    As in Guo et al. 2017, arXiv:1706.04599, eq. 3.

    Args:
        confidences: highest probability of each image.
        hits: which images were recognised.
        num_bins: of equal width from 0 to 1.
    """
    bins = [part for part in calibration_bins(confidences, hits, num_bins) if part.count]
    total = sum(part.count * abs(part.accuracy - part.confidence) for part in bins)
    return total / len(hits) if len(hits) else float("nan")


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Numbers:
    """Divide; NaN where there is nothing to divide by."""
    nothing = np.full(len(whole), np.nan)
    ratio: Numbers = np.divide(part, whole, out=nothing, where=whole > 0)
    return ratio


def _parts(total: int) -> list[slice]:
    """Divide many images, so that no second table of all scores is made."""
    return [slice(start, start + 4096) for start in range(0, total, 4096)]
