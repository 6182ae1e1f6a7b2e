"""What is minimised: a mean over images, in float32 at least, also where the network computes in less.

The mean of no images is not a number: a batch of which no image could be used must be skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from resnets.recipes.settings import Loss

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From scores (N, K) and targets to one number. Targets are labels (N,) or shares of classes (N, K)."""


def make_loss(loss: Loss, *, num_classes: int, class_counts: Sequence[int]) -> LossFunction:
    """Make the loss that settings ask for.

    Labels and shares are smoothed alike: (1 - s) target + s / K, Szegedy et al. 2015, arXiv:1512.00567,
    sec. 7. Binary cross-entropy is the mean over images and classes, as in timm, with which the learning
    rates, epsilon and clipping of Wightman et al. 2021, arXiv:2110.00476, were found: its gradients are
    K times smaller than those of the sum over classes. An image is weighed as a whole, by its label or
    by the mixture of its labels, and the mean is over images, not over weights, so that it does not
    matter into which parts a batch is divided.

    Args:
        loss: the settings.
        num_classes: K.
        class_counts: training images of each class.
    """
    smoothing = loss.label_smoothing
    weights = _balanced(class_counts) if loss.class_weights == "balanced" else None

    def compute(scores: Tensor, targets: Tensor) -> Tensor:
        nonlocal weights
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        if loss.name == "cross_entropy":
            losses = functional.cross_entropy(
                scores, targets, reduction="none", label_smoothing=smoothing
            )
        else:
            losses = _binary(scores, targets, smoothing, loss.target_threshold)
        if weights is not None:
            weights = weights.to(scores.device)
            losses = losses * (weights[targets] if targets.ndim == 1 else targets @ weights)
        return losses.mean()

    assert len(class_counts) == num_classes
    return compute


def _binary(scores: Tensor, targets: Tensor, smoothing: float, threshold: float | None) -> Tensor:
    num_classes = scores.shape[1]
    if targets.ndim == 1:
        targets = functional.one_hot(targets, num_classes)
    elif threshold is not None:
        targets = targets > threshold
    targets = targets.to(scores.dtype) * (1 - smoothing) + smoothing / num_classes
    losses = functional.binary_cross_entropy_with_logits(scores, targets, reduction="none")
    return losses.mean(1)


def _balanced(class_counts: Sequence[int]) -> Tensor:
    """Inverse frequencies, so that the mean weight of all images is 1."""
    counts = torch.tensor(class_counts, dtype=torch.float32)
    return counts.sum() / ((counts > 0).sum() * counts.clamp(min=1))
