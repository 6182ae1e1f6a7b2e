from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sklearn_metrics

from resnets.evaluation import metrics

EMPTY = np.empty(0, np.int64)


@pytest.fixture
def scores() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 2, (2000, 12)).astype(np.float32)


@pytest.fixture
def labels(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Half of them right; class 11 has no images and class 10 is never answered."""
    scores[:, 10] -= 100
    drawn = np.random.default_rng(1).integers(0, 11, len(scores))
    return np.where(np.arange(len(scores)) % 2, drawn, scores[:, :11].argmax(1))


def test_top_1_and_top_5_are_those_of_scikit_learn(
    scores: NDArray[np.float32], labels: NDArray[np.int64]
) -> None:
    predictions = metrics.predict_classes(scores)
    assert metrics.accuracy(labels, predictions) == sklearn_metrics.accuracy_score(labels, predictions)
    for k in (1, 5, 11):
        theirs = sklearn_metrics.top_k_accuracy_score(labels, scores, k=k, labels=range(12))
        assert metrics.top_k(scores, labels, k).mean() == theirs
    assert (metrics.top_k(scores, labels, 1) == (predictions == labels)).all()


def test_equal_scores_stand_in_the_order_of_the_classes() -> None:
    scores = np.array([[1.0, 3.0, 3.0, 3.0], [0.0, 0.0, 0.0, 0.0]])
    assert metrics.predict_classes(scores).tolist() == [1, 0]
    assert metrics.ranks(scores, np.array([3, 0])).tolist() == [2, 0]
    assert metrics.ranks(scores, np.array([0, 3])).tolist() == [3, 3]


def test_no_image_has_no_accuracy() -> None:
    assert math.isnan(metrics.accuracy(EMPTY, EMPTY))
    assert math.isnan(metrics.calibration_error(np.empty(0), np.empty(0, np.bool_)))
    assert metrics.cross_entropy(np.empty((0, 3)), EMPTY).shape == (0,)


@pytest.mark.parametrize(
    ("hits", "total"), [(0, 1), (1, 1), (3, 7), (0, 40), (7600, 10000), (49999, 50000)]
)
@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_wilson_interval_is_that_of_scipy(hits: int, total: int, confidence: float) -> None:
    theirs = stats.binomtest(hits, total).proportion_ci(confidence, method="wilson")
    assert metrics.wilson_interval(hits, total, confidence=confidence) == pytest.approx(
        theirs, abs=1e-12
    )


def test_wilson_interval_covers_what_it_promises() -> None:
    hits = np.random.default_rng(0).binomial(60, 0.9, 4000)
    limits = np.array([metrics.wilson_interval(int(h), 60) for h in hits])
    covered = ((limits[:, 0] <= 0.9) & (limits[:, 1] >= 0.9)).mean()
    assert 0.93 < covered < 0.97


def test_loss_is_that_of_scikit_learn(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
    labels = np.minimum(labels, 9)
    losses = metrics.cross_entropy(np.tile(scores, (3, 1)), np.tile(labels, 3))  # more than one part
    probabilities = np.exp(metrics.log_softmax(scores))
    theirs = sklearn_metrics.log_loss(labels, probabilities, labels=range(12))
    assert losses[:2000].mean() == losses[4000:].mean() == pytest.approx(theirs, rel=1e-12)


def test_huge_scores_have_a_finite_loss() -> None:
    scores = np.array([[3e38, -3e38]], np.float32)
    assert metrics.cross_entropy(scores, np.array([1])) == pytest.approx(6e38)


def test_classes_and_confusion_are_those_of_scikit_learn(
    scores: NDArray[np.float32], labels: NDArray[np.int64]
) -> None:
    predictions = metrics.predict_classes(scores)
    matrix = metrics.confusion_matrix(labels, predictions, 12)
    theirs = sklearn_metrics.confusion_matrix(labels, predictions, labels=range(12))
    assert (matrix == theirs).all()
    ours = metrics.per_class(matrix)
    columns = sklearn_metrics.precision_recall_fscore_support(
        labels, predictions, labels=range(12), zero_division=np.nan
    )
    for own, theirs in zip((ours.precision, ours.recall, ours.f1, ours.count), columns, strict=True):
        assert own == pytest.approx(theirs, nan_ok=True, rel=1e-12)
    assert math.isnan(ours.recall[11])
    assert math.isnan(ours.recall_low[11])
    limits = metrics.wilson_interval(int(matrix[3, 3]), int(matrix[3].sum()))
    assert (ours.recall_low[3], ours.recall_high[3]) == limits
    assert math.isnan(ours.precision[10])
    assert ours.recall[10] == 0


def test_most_confused_pairs() -> None:
    matrix = np.array([[5, 2, 0], [7, 1, 2], [0, 0, 9]])
    assert metrics.confused_pairs(matrix) == [(1, 0, 7), (0, 1, 2), (1, 2, 2)]
    assert metrics.confused_pairs(matrix, 2) == [(1, 0, 7), (0, 1, 2)]
    assert metrics.confused_pairs(np.diag([3, 4])) == []


def test_calibration_error_of_a_case_done_by_hand() -> None:
    confidences = np.array([0.2, 0.2, 0.95, 0.95, 0.95, 1.0])
    hits = np.array([True, False, True, True, False, True])
    # 2 images that are 0.3 too unsure; 4 in the last bin, 3 of them right, sure by (3 * 0.95 + 1) / 4
    assert metrics.calibration_error(confidences, hits) == pytest.approx(
        (2 * 0.3 + 4 * abs(0.75 - 3.85 / 4)) / 6
    )


def test_bins_are_open_below_and_closed_above() -> None:
    edges = np.arange(16) / 15
    bins = metrics.calibration_bins(edges, np.ones(16, np.bool_))
    assert [part.count for part in bins] == [2, *[1] * 14]  # 0 belongs to the first
    assert [part.high for part in bins] == edges[1:].tolist()
    beyond = metrics.calibration_bins(np.nextafter(edges[1:-1], 1), np.ones(14, np.bool_))
    assert [part.count for part in beyond] == [0, *[1] * 14]
    assert math.isnan(beyond[0].confidence)
    assert math.isnan(beyond[0].accuracy)


def test_a_model_that_is_as_sure_as_it_is_right_has_no_error() -> None:
    generator = np.random.default_rng(0)
    confidences = generator.uniform(0.1, 1, 200_000)
    hits = generator.uniform(size=200_000) < confidences
    assert metrics.calibration_error(confidences, hits) < 0.005
    assert metrics.calibration_error(confidences, ~hits) > 0.3
