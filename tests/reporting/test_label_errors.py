"""Wrong labels that were planted are found."""

from __future__ import annotations

import numpy as np
import pytest

from resnets.reporting import label_errors
from resnets.reporting.label_errors import find_label_errors, mean_self_confidence


def test_thresholds_are_mean_self_confidences() -> None:
    table = np.array([[0.9, 0.1, 0.0], [0.7, 0.3, 0.0], [0.6, 0.4, 0.0]], np.float32)
    means = mean_self_confidence(np.array([0, 0, 1]), table)
    assert means.tolist() == pytest.approx([0.8, 0.4, np.inf])


def test_by_hand() -> None:
    # Thresholds: class 0 (0.9 + 0.8 + 0.1) / 3 = 0.6, class 1 (0.9 + 0.3 + 0.55) / 3 = 0.583.
    table = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9], [0.7, 0.3], [0.45, 0.55]])
    found = find_label_errors(np.array([0, 0, 0, 1, 1, 1]), table.astype(np.float32))
    assert [(e.index, e.given, e.suggested) for e in found] == [(2, 0, 1), (4, 1, 0)]
    assert (found[0].given_probability, found[0].suggested_probability) == pytest.approx((0.1, 0.9))


def test_a_class_without_images_is_not_suggested() -> None:
    table = np.array([[0.2, 0.1, 0.7], [0.1, 0.3, 0.6]], np.float32)
    assert find_label_errors(np.array([0, 1]), table) == []


@pytest.mark.parametrize(("share", "num_classes"), [(0.05, 5), (0.2, 10)])
def test_planted_errors_are_found(
    share: float, num_classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Classes far apart, each a Gaussian, and the exact probabilities, which no wrong label has changed."""
    monkeypatch.setattr(label_errors, "_CHUNK", 700)
    random = np.random.default_rng(0)
    centres = 9.0 * np.linalg.qr(random.normal(size=(16, 16)))[0][:num_classes] / np.sqrt(2)
    right = random.integers(0, num_classes, 2000)
    images = centres[right] + random.normal(size=(2000, 16))
    table = np.exp(-((images[:, None] - centres) ** 2).sum(2) / 2)
    table /= table.sum(1, keepdims=True)
    changed = random.choice(2000, round(share * 2000), replace=False)
    labels = right.copy()
    labels[changed] = (labels[changed] + random.integers(1, num_classes, len(changed))) % num_classes
    found = {e.index: e.suggested for e in find_label_errors(labels, table.astype(np.float32))}
    hits = found.keys() & set(changed.tolist())
    assert len(hits) >= 0.98 * len(changed)
    assert len(hits) >= 0.98 * len(found)
    assert all(found[i] == right[i] for i in hits)
