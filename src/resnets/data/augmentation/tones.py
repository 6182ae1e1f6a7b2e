"""What grey levels become, each channel for itself: the operations of Pillow's ImageOps for a batch.

Images are uint8 (N, C, H, W); each operation gives the grey levels that Pillow gives.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LEVELS = 256


def invert(images: Tensor) -> Tensor:
    """Exchange dark and bright."""
    return 255 - images


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest bits of each level.

    Args:
        images: uint8.
        bits: (N,), 0 to 8.
    """
    dropped = 8 - bits.to(torch.int64)
    masks = (0xFF >> dropped) << dropped
    return images & masks.to(torch.uint8).view(-1, 1, 1, 1)


def solarize(images: Tensor, thresholds: Tensor) -> Tensor:
    """Invert the levels that are not below a threshold.

    Args:
        images: uint8.
        thresholds: (N,), 0 to 256.
    """
    lowest = thresholds.ceil().to(torch.int16).view(-1, 1, 1, 1)
    return (
        images ^ (images >= lowest).to(torch.uint8).neg_()
    )  # 255 - level is the complement of its bits


def solarize_add(images: Tensor, additions: Tensor) -> Tensor:
    """Make the levels below 128 brighter.

    Args:
        images: uint8.
        additions: (N,), 0 to 128.
    """
    added = (images < 128) * additions.to(torch.uint8).view(-1, 1, 1, 1)
    return images + added  # at most 127 + 128


def auto_contrast(images: Tensor) -> Tensor:
    """Stretch each channel so that its darkest level becomes 0 and its brightest 255."""
    low, high = (e.to(torch.float64)[..., None, None] for e in torch.aminmax(images.flatten(2), dim=2))
    # Not 255 / tensor: torch multiplies by the reciprocal, which is not rounded as a quotient is.
    scale = torch.full_like(low, 255).div_((high - low).clamp(min=1))
    levels = torch.arange(_LEVELS, device=images.device).view(1, 1, -1)
    tables = (levels * scale[..., 0] + (-low * scale)[..., 0]).clamp_(0, 255).to(torch.uint8)
    tables = torch.where((high > low)[..., 0], tables, levels.to(torch.uint8))
    return _look_up(images, tables)


def equalize(images: Tensor) -> Tensor:
    """Give each channel levels whose histogram is as even as it can be."""
    count, channels = images.shape[:2]
    offsets = _LEVELS * torch.arange(count * channels, dtype=torch.int32, device=images.device)
    places = images.flatten(2) + offsets.view(count, channels, 1)
    histograms = torch.bincount(places.flatten(), minlength=count * channels * _LEVELS)
    histograms = histograms.view(count, channels, _LEVELS)
    levels = torch.arange(_LEVELS, device=images.device)
    brightest = (levels * (histograms > 0)).amax(2, keepdim=True)
    step = (histograms.sum(2, keepdim=True) - histograms.gather(2, brightest)) // 255
    before = histograms.cumsum(2) - histograms
    tables = ((step // 2 + before) // step.clamp(min=1)).clamp_(max=255)
    return _look_up(images, torch.where(step > 0, tables, levels).to(torch.uint8))


def _look_up(images: Tensor, tables: Tensor) -> Tensor:
    """Replace levels by those of a table (N, C, 256)."""
    return tables.gather(2, images.flatten(2).to(torch.int64)).view(images.shape)
