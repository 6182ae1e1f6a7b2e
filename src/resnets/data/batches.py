"""Batches of images, and what turns them into what a network takes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from resnets.data.preprocessing import affine
from resnets.data.preprocessing_policy import Preprocessing


@dataclass(frozen=True, eq=False)
class Batch:
    """Images of one step.

    Attributes:
        images: (N, C, image_size, image_size), uint8, RGB (or luma, C = 1), laid out channels last.
            Fewer than the step should have, even none, where images cannot be used.
        labels: (N,), int64.
        indices: (N,), int64, of the images in their split; with the seed and the epoch they say how
            each image is augmented (`resnets.data.order.image_seeds`).
        epoch: it belongs to.
        step: of the epoch.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor
    epoch: int
    step: int

    def __len__(self) -> int:
        return len(self.labels)


def normalize_batch(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Give a batch the channels and the scale that a network takes, as `normalize` does for one image.

    Args:
        images: (N, C, H, W), uint8, RGB or luma; fastest if laid out channels last.
        preprocessing: of the network.

    Shape:
        (N, C, H, W) -> (N, C, H, W), float32, channels last
    """
    if preprocessing.channels == "BGR":
        images = images.flip(1)
    count, channels, height, width = images.shape
    scale, shift = (
        torch.from_numpy(numbers).to(images.device).repeat(height * width)
        for numbers in affine(preprocessing)
    )
    # All pixels of an image as one row: broadcasting three channels is five times slower.
    rows = images.permute(0, 2, 3, 1).reshape(count, height * width * channels)
    normalized = rows.to(torch.float32).mul_(scale).add_(shift)
    return normalized.view(count, height, width, channels).permute(0, 3, 1, 2)
