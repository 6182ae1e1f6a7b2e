"""Random erasing and cutout: a rectangle of each image is replaced."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from resnets.data.augmentation.parameters import Draws, Numbers, Purpose, below
from resnets.data.augmentation.settings import Erasing
from resnets.data.cropping import Box

_ATTEMPTS = 10  # as in torchvision's RandomErasing


def draw_erased(size: tuple[int, int], erasing: Erasing, draws: Draws) -> list[Box | None]:
    """Draw a rectangle for each image; None where nothing is erased.

    Args:
        size: width and height of the images.
        erasing: what is permitted.
        draws: of the batch.
    """
    drawn = draws.uniform(Purpose.ERASING, 1 + 4 * _ATTEMPTS)
    happens = drawn[:, 0] < erasing.probability
    return [
        _draw_box(size, erasing, row[1:]) if happens[image] else None for image, row in enumerate(drawn)
    ]


def _draw_box(size: tuple[int, int], erasing: Erasing, draws: Numbers) -> Box | None:
    width, height = size
    low, high = (math.log(r) for r in erasing.ratio)
    least, greatest = erasing.scale
    for area_draw, ratio_draw, left_draw, top_draw in draws.reshape(_ATTEMPTS, 4).tolist():
        area = width * height * (least + (greatest - least) * area_draw)
        ratio = math.exp(low + (high - low) * ratio_draw)
        down, across = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across < width and 0 < down < height:
            left, top = int((width - across + 1) * left_draw), int((height - down + 1) * top_draw)
            return left, top, across, down
    return None


def draw_cutouts(size: tuple[int, int], side: int, draws: Draws) -> list[Box | None]:
    """Draw a square for each image, with its middle anywhere; what lies outside is cut off.

    Args:
        size: width and height of the images.
        side: of the squares, in pixels.
        draws: of the batch.
    """
    middles = below(draws.uniform(Purpose.CUTOUT, 2), np.array(size))
    starts = np.clip(middles - side // 2, 0, size)
    ends = np.clip(middles - side // 2 + side, 0, size)
    boxes: list[Box | None] = [
        (*start, *length)
        for start, length in zip(starts.tolist(), (ends - starts).tolist(), strict=True)
    ]
    return boxes


def erase(
    images: Tensor, boxes: list[Box | None], *, fill: Tensor, noise: Draws | None = None
) -> Tensor:
    """Replace a rectangle of each image.

    Args:
        images: uint8 or float32, levels of 0 to 255.
        boxes: one for each image; None for those that stay.
        fill: (C,), grey levels.
        noise: of the batch; every pixel and channel then gets a random level instead.

    Shape:
        (N, C, H, W) -> (N, C, H, W)
    """
    result = images.clone()
    for image, box in enumerate(boxes):
        if box is None:
            continue
        left, top, across, down = box
        window = result[image, :, top : top + down, left : left + across]
        if noise is None:
            window.copy_(fill[:, None, None])
        else:
            levels = below(
                noise.of(slice(image, image + 1)).uniform(Purpose.ERASING_PIXELS, window.numel()), 256
            )
            window.copy_(torch.from_numpy(levels).view(window.shape))
    return result
