"""Random resized crops of photos: a box drawn for each image, and only the box resized.

The augmentation of ImageNet training (Szegedy et al. 2015, arXiv:1409.4842, sec. 6), with the draws and
the rounding of torchvision's `RandomResizedCrop`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.decoding import Pixels
from resnets.data.preprocessing import RESAMPLING

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, width and height, in pixels."""

_ATTEMPTS = 10
DRAWS = 4 * _ATTEMPTS
"""Uniform numbers that a box may need."""

_UINT8_MODES = ("bilinear", "bicubic")  # what torch resizes in uint8 with antialiasing


def draw_box(size: tuple[int, int], crop: RandomResizedCrop, draws: Sequence[float]) -> Box:
    """Draw a box: area uniform, logarithm of the ratio uniform, place uniform.

    After ten that do not fit, the largest box of a permitted ratio in the middle is taken.

    Args:
        size: width and height of the image.
        crop: what boxes are permitted.
        draws: `DRAWS` numbers in [0, 1).
    """
    width, height = size
    low, high = (math.log(r) for r in crop.ratio)
    for area_draw, ratio_draw, left_draw, top_draw in zip(*[iter(draws)] * 4, strict=True):
        area = width * height * (crop.scale[0] + (crop.scale[1] - crop.scale[0]) * area_draw)
        ratio = math.exp(low + (high - low) * ratio_draw)
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            left, top = int((width - across + 1) * left_draw), int((height - down + 1) * top_draw)
            return left, top, across, down
    ratio = min(max(width / height, crop.ratio[0]), crop.ratio[1])
    across, down = min(width, round(height * ratio)), min(height, round(width / ratio))
    across, down = max(1, across), max(1, down)
    return (width - across) // 2, (height - down) // 2, across, down


def scale_box(box: Box, size: tuple[int, int], decoded: tuple[int, int]) -> Box:
    """Find a box again in an image that was decoded at a fraction of its size.

    Args:
        box: in the whole image.
        size: width and height of the whole image.
        decoded: width and height of the decoded one.
    """
    if size == decoded:
        return box
    across, down = decoded[0] / size[0], decoded[1] / size[1]
    left = min(round(box[0] * across), decoded[0] - 1)
    top = min(round(box[1] * down), decoded[1] - 1)
    width, height = max(1, round(box[2] * across)), max(1, round(box[3] * down))
    return left, top, min(width, decoded[0] - left), min(height, decoded[1] - top)


def resize_box(pixels: Pixels, box: Box, image_size: int, *, interpolation: str) -> Pixels:
    """Cut a box out of an image and resize it, with antialiasing.

    Args:
        pixels: (H, W, 3), or (H, W, 4) with a last byte to skip.
        box: of the image.
        image_size: height and width of the result.
        interpolation: as in `Preprocessing`.

    Returns:
        Pixels (image_size, image_size, 3), uint8, RGB.
    """
    left, top, width, height = box
    window = pixels[top : top + height, left : left + width]
    if (width, height) == (image_size, image_size):
        return window[..., :3]
    if interpolation not in _UINT8_MODES:
        image = Image.fromarray(np.ascontiguousarray(window[..., :3]))
        return np.asarray(image.resize((image_size, image_size), RESAMPLING[interpolation]))
    if not window.flags.writeable:
        window = window.copy()  # torch warns of memory that it must not write to
    resized = functional.interpolate(
        # The batch's axis first: added last, torch would not see that channels come last.
        torch.from_numpy(window)[None].permute(0, 3, 1, 2),
        size=(image_size, image_size),
        mode=interpolation,
        antialias=True,
    )
    seen: Pixels = resized[0, :3].permute(1, 2, 0).numpy()
    return seen
