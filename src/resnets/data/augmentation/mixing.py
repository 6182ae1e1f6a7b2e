"""Mixup and cutmix: each image with the one before it in the batch, labels by the same shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resnets.data.augmentation.parameters import Draws, Numbers, Purpose, below
from resnets.data.augmentation.settings import Mixing
from resnets.data.cropping import Box


@dataclass(frozen=True, eq=False)
class Mixture:
    """How the images of a batch are mixed.

    Attributes:
        shares: (N,), of the image itself; the rest is that of the one before it, and before the first
            comes the last.
        boxes: where the one before shows instead of the image; None where both are blended.
    """

    shares: Numbers
    boxes: list[Box | None]


def draw_mixture(size: tuple[int, int], mixing: Mixing, draws: Draws) -> Mixture:
    """Draw how the images of a batch are mixed.

    Args:
        size: width and height of the images.
        mixing: what is permitted.
        draws: of the batch.
    """
    drawn = draws.uniform(Purpose.MIXING, 2)
    happens = drawn[:, 0] < mixing.probability
    is_cutmix = drawn[:, 1] < (0.5 if mixing.mixup_alpha else 1.0)
    if not mixing.cutmix_alpha:
        is_cutmix = np.zeros(len(draws), np.bool_)
    shares = np.ones(len(draws))
    if mixing.mixup_alpha:
        shares = draws.beta(Purpose.MIXUP, mixing.mixup_alpha)
    windows = np.zeros((len(draws), 4), np.int64)
    if mixing.cutmix_alpha:
        windows = _windows(size, draws.beta(Purpose.CUTMIX, mixing.cutmix_alpha), draws)
        areas = windows[:, 2] * windows[:, 3] / (size[0] * size[1])
        shares = np.where(is_cutmix, 1 - areas, shares)
    shares = np.where(happens, shares, 1.0)
    if mixing.per == "batch":
        first = np.zeros(len(draws), np.int64)
        happens, is_cutmix, shares = happens[first], is_cutmix[first], shares[first]
        windows = windows[first]
    boxes: list[Box | None] = [None] * len(draws)
    for image in np.flatnonzero(happens & is_cutmix).tolist():
        left, top, width, height = windows[image].tolist()
        boxes[image] = left, top, width, height
    return Mixture(shares, boxes)


def _windows(size: tuple[int, int], shares: Numbers, draws: Draws) -> NDArray[np.int64]:
    """Left, top, width and height of windows of the area that the shares leave, cut off at the edge."""
    sides = (np.sqrt(1 - shares)[:, None] * size).astype(np.int64)
    middles = below(draws.uniform(Purpose.CUTMIX_BOX, 2), np.array(size))
    starts = np.clip(middles - sides // 2, 0, size)
    ends = np.clip(middles + sides // 2, 0, size)  # an odd side loses a pixel, as in the paper's code
    return np.concatenate([starts, ends - starts], axis=1)


def mix_images(images: Tensor, mixture: Mixture) -> Tensor:
    """Mix each image with the one before it.

    Args:
        images: uint8 or float32, levels of 0 to 255.
        mixture: how.

    Shape:
        (N, C, H, W) -> (N, C, H, W), float32 where images are blended
    """
    others = images.roll(1, 0)
    is_blended = [
        box is None and share < 1 for box, share in zip(mixture.boxes, mixture.shares, strict=True)
    ]
    if any(is_blended):
        own = torch.from_numpy(np.where(is_blended, mixture.shares, 1.0).astype(np.float32))
        own = own.to(images.device).view(-1, 1, 1, 1)
        mixed = images * own + others * (1 - own)
    else:
        mixed = images.clone()
    for image, box in enumerate(mixture.boxes):
        if box is not None:
            left, top, width, height = box
            window = (image, slice(None), slice(top, top + height), slice(left, left + width))
            mixed[window] = others[window]
    return mixed


def mix_labels(labels: Tensor, mixture: Mixture, *, num_classes: int) -> Tensor:
    """Give each image the classes that it shows, by their shares.

    Args:
        labels: of the images, int64.
        mixture: how they were mixed.
        num_classes: of the data set.

    Shape:
        (N,) -> (N, num_classes), float32; each row sums to 1
    """
    shares = torch.from_numpy(mixture.shares.astype(np.float32)).to(labels.device)
    targets = torch.zeros(len(labels), num_classes, device=labels.device)
    targets.scatter_add_(1, labels[:, None], shares[:, None])
    return targets.scatter_add_(1, labels.roll(1)[:, None], 1 - shares[:, None])
