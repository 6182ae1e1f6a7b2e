"""Batches of images, and what turns them into what a network takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from resnets.data.preprocessing import affine
from resnets.data.preprocessing_policy import Preprocessing

_CACHED = 2**17
# Numbers that stay in a core's cache from one operation to the next.


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


def normalize_batch(
    images: Tensor, preprocessing: Preprocessing, *, out: Tensor | None = None
) -> Tensor:
    """Give a batch the channels and the scale that a network takes, as `normalize` does for one image.

    Args:
        images: (N, C, H, W), uint8, RGB or luma; fastest if laid out channels last.
        preprocessing: of the network.
        out: what an earlier call returned, to write over. Large batches are made up to three times as
            fast where memory is used again.

    Shape:
        (N, C, H, W) -> (N, C, H, W), float32, channels last
    """
    if preprocessing.channels == "BGR":
        images = images.flip(1)
    count, channels, height, width = images.shape
    scale, shift = _rows(preprocessing, height * width, images.device)
    # All pixels of an image as one row: broadcasting three channels is five times slower.
    rows = images.permute(0, 2, 3, 1).reshape(count, height * width * channels)
    if out is None or out.shape != images.shape or out.device != images.device:
        out = torch.empty_like(images, dtype=torch.float32, memory_format=torch.channels_last)
    normalized = out.permute(0, 2, 3, 1).view_as(rows)
    at_a_time = max(1, _CACHED // rows.shape[1]) if images.device.type == "cpu" else max(1, count)
    for start in range(0, count, at_a_time):
        part = slice(start, start + at_a_time)
        normalized[part].copy_(rows[part]).mul_(scale).add_(shift)
    return out


@lru_cache(maxsize=4)
def _rows(preprocessing: Preprocessing, num_pixels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """What to multiply all levels of an image by, and then to add."""
    scale, shift = (torch.from_numpy(each).to(device) for each in affine(preprocessing))
    return scale.repeat(num_pixels), shift.repeat(num_pixels)
