"""Losses of labels and of mixed labels, against their definitions and PyTorch's."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from resnets.recipes.settings import Loss
from resnets.training.losses import LossFunction, make_loss

SCORES = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 0, 0])
MIXED = 0.7 * functional.one_hot(LABELS, 4).float() + 0.3 * functional.one_hot(LABELS.flip(0), 4).float()


def make(**options: object) -> LossFunction:
    return make_loss(Loss.model_validate(options), num_classes=4, class_counts=(6, 3, 2, 1))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("targets", [LABELS, MIXED], ids=["labels", "mixed"])
def test_cross_entropy(smoothing: float, targets: Tensor) -> None:
    shares = functional.one_hot(targets, 4).double() if targets.ndim == 1 else targets.double()
    smoothed = (1 - smoothing) * shares + smoothing / 4
    expected = -(smoothed * SCORES.double().log_softmax(1)).sum(1).mean()
    loss = make(label_smoothing=smoothing)(SCORES, targets)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("targets", [LABELS, MIXED], ids=["labels", "mixed"])
def test_binary_cross_entropy_is_the_mean_over_images_and_classes(
    smoothing: float, targets: Tensor
) -> None:
    shares = functional.one_hot(targets, 4).double() if targets.ndim == 1 else targets.double()
    smoothed = (1 - smoothing) * shares + smoothing / 4
    p = SCORES.double().sigmoid()
    expected = -(smoothed * p.log() + (1 - smoothed) * (1 - p).log()).mean()
    loss = make(name="binary_cross_entropy", label_smoothing=smoothing)(SCORES, targets)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_class_that_is_present_in_a_mixed_image_counts_wholly() -> None:
    # Shares are 0.7 and 0.3, or 1 where both images are of one class.
    for threshold, present in ((0.2, MIXED > 0), (0.5, MIXED > 0.5)):
        loss = make(name="binary_cross_entropy", target_threshold=threshold)
        expected = functional.binary_cross_entropy_with_logits(SCORES, present.float())
        assert loss(SCORES, MIXED).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy"])
def test_a_class_counts_as_much_as_another(name: str) -> None:
    """In a batch as the data are, each class has the same part of the loss, and the mean weight is 1."""
    labels = torch.repeat_interleave(torch.arange(4), torch.tensor([6, 3, 2, 1]))
    plain, balanced = make(name=name), make(name=name, class_weights="balanced")
    alike = torch.zeros(12, 4)
    assert balanced(alike, labels).item() == pytest.approx(plain(alike, labels).item())
    scores = torch.randn(12, 4, generator=torch.Generator().manual_seed(1))
    of_class = [plain(scores[labels == label], labels[labels == label]) for label in range(4)]
    expected = torch.stack(of_class).mean()
    assert balanced(scores, labels).item() == pytest.approx(expected.item(), rel=1e-6)
    as_shares = functional.one_hot(labels, 4).float()
    assert balanced(scores, as_shares).item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_class_without_images_does_not_disturb_the_weights() -> None:
    loss = make_loss(Loss(class_weights="balanced"), num_classes=3, class_counts=(4, 0, 4))
    value = loss(torch.zeros(2, 3), torch.tensor([0, 2]))
    assert value.item() == pytest.approx(math.log(3))


def test_the_parts_of_a_batch_add_up() -> None:
    loss = make(class_weights="balanced", label_smoothing=0.1)
    parts = [loss(SCORES[:2], LABELS[:2]) * 2 / 6, loss(SCORES[2:], LABELS[2:]) * 4 / 6]
    assert sum(part.item() for part in parts) == pytest.approx(loss(SCORES, LABELS).item(), rel=1e-6)


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy"])
def test_computed_in_float32(name: str) -> None:
    loss = make(name=name)
    scores = SCORES.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(scores, LABELS)
    assert value.dtype == torch.float32
    assert value.item() == loss(scores.float(), LABELS).item()


def test_large_scores_stay_finite() -> None:
    scores = torch.tensor([[300.0, -300.0, 0.0, 0.0]], requires_grad=True)
    for name in ("cross_entropy", "binary_cross_entropy"):
        value = make(name=name)(scores, torch.tensor([1]))
        (gradient,) = torch.autograd.grad(value, scores)
        assert math.isfinite(value.item())
        assert gradient.isfinite().all()
