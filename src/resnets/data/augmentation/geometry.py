"""Where pixels go: pad and crop, mirror, resized boxes, affine maps; for a whole batch at once.

Pixels lie at the centres of unit squares, as in Pillow: the left top one at (0.5, 0.5).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from resnets.data import memory
from resnets.data.crop_policy import Padding, RandomResizedCrop
from resnets.data.cropping import DRAWS, Box, draw_box

_TINY = 1e-3
# Grey levels that keep a whole number whole when it is cut off, as Pillow does, and not rounded.

Interpolation: TypeAlias = Literal["nearest", "bilinear"]


def crop_and_flip(
    images: Tensor,
    tops: NDArray[np.int64],
    lefts: NDArray[np.int64],
    flips: NDArray[np.bool_],
    *,
    pad: int,
    padding: Padding,
    fill: Tensor,
) -> Tensor:
    """Pad images on all sides, cut a window of the old size out of each, and mirror some of them.

    Args:
        images: uint8.
        tops: first row of each window in the padded image, 0 to 2 * pad.
        lefts: first column likewise.
        flips: which are mirrored, left for right, after the cut.
        pad: on each side, in pixels.
        padding: what is there.
        fill: (C,), grey levels of 'mean'.

    Shape:
        (N, C, H, W), (N,), (N,), (N,) -> (N, C, H, W)
    """
    if images.device.type == "cpu":  # NumPy gathers windows twice as fast as torch gathers pixels
        pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
        mean = (fill / 255).tolist()
        cut = memory.crop_and_flip(pixels, tops, lefts, flips, pad=pad, padding=padding, mean=mean)
        return torch.from_numpy(cut).permute(0, 3, 1, 2)
    return gather_windows(images, tops, lefts, flips, pad=pad, padding=padding, fill=fill)


def gather_windows(
    images: Tensor,
    tops: NDArray[np.int64],
    lefts: NDArray[np.int64],
    flips: NDArray[np.bool_],
    *,
    pad: int,
    padding: Padding,
    fill: Tensor,
) -> Tensor:
    """Do what `crop_and_flip` does, on any device; arguments and shapes as there."""
    height, width = images.shape[2:]
    across = np.where(flips[:, None], np.arange(width)[::-1], np.arange(width))
    rows = torch.from_numpy(tops[:, None] + np.arange(height) - pad).to(images.device)
    columns = torch.from_numpy(lefts[:, None] + across - pad).to(images.device)
    if padding == "reflect":
        rows = (height - 1) - ((height - 1) - rows.abs()).abs()
        columns = (width - 1) - ((width - 1) - columns.abs()).abs()
    colour = torch.zeros_like(fill) if padding == "black" else fill
    return _gather(images, rows[:, :, None], columns[:, None, :], colour)


def draw_boxes(size: tuple[int, int], crop: RandomResizedCrop, draws: NDArray[np.float64]) -> list[Box]:
    """Draw a box for each image, as loading does where it decodes files (`resnets.data.cropping`).

    Args:
        size: width and height of the images.
        crop: what boxes are permitted.
        draws: (N, DRAWS), in [0, 1).
    """
    assert draws.shape[1] == DRAWS
    return [draw_box(size, crop, row) for row in draws.tolist()]


def resize_boxes(images: Tensor, boxes: list[Box], size: tuple[int, int]) -> Tensor:
    """Cut a box out of each image and resize it, bilinear with antialiasing.

    A resize is linear and separable: two products with matrices of weights, one pair for each box.

    Args:
        images: uint8.
        boxes: one for each image.
        size: width and height of the results.

    Shape:
        (N, C, H, W) -> (N, C, size[1], size[0])
    """
    numbers = torch.tensor(boxes, dtype=torch.float32, device=images.device).view(-1, 4)
    lefts, tops, widths, heights = numbers.unbind(1)
    down = _resize_weights(tops, heights, images.shape[2], size[1])
    across = _resize_weights(lefts, widths, images.shape[3], size[0])
    resized = down[:, None] @ images.to(torch.float32) @ across[:, None].mT
    return resized.add_(0.5).clamp_(0, 255).to(torch.uint8)


def _resize_weights(starts: Tensor, lengths: Tensor, old: int, new: int) -> Tensor:
    """Weights (N, new, old) of the pixels of a line in the pixels that it becomes."""
    scale = (lengths / new)[:, None, None]
    centres = starts[:, None, None] + (torch.arange(new, device=starts.device)[:, None] + 0.5) * scale
    pixels = torch.arange(old, device=starts.device) + 0.5
    weights = (1 - (pixels - centres).abs() / scale.clamp(min=1)).clamp_(min=0)
    is_inside = (pixels > starts[:, None]) & (pixels < (starts + lengths)[:, None])
    weights *= is_inside[:, None]
    return weights / weights.sum(2, keepdim=True)


def shear_matrices(across: Tensor, down: Tensor) -> Tensor:
    """Maps that move rows by their height times `across`, columns by their width times `down`.

    The left top corner stays, as in Pillow's `Image.transform` and in the code of AutoAugment.

    Args:
        across: (N,), x of the source grows by this for each unit of y.
        down: (N,), likewise y for each unit of x.

    Shape:
        (N,), (N,) -> (N, 2, 3), for `affine`
    """
    one, zero = torch.ones_like(across), torch.zeros_like(across)
    return torch.stack([one, across, zero, down, one, zero], 1).view(-1, 2, 3)


def shift_matrices(across: Tensor, down: Tensor) -> Tensor:
    """Maps that show at (x, y) what was at (x + across, y + down).

    Args:
        across: (N,), in pixels.
        down: likewise.

    Shape:
        (N,), (N,) -> (N, 2, 3), for `affine`
    """
    one, zero = torch.ones_like(across), torch.zeros_like(across)
    return torch.stack([one, zero, across, zero, one, down], 1).view(-1, 2, 3)


def rotation_matrices(degrees: Tensor, *, size: tuple[int, int]) -> Tensor:
    """Maps that turn images about their middle, counter-clockwise.

    Args:
        degrees: (N,).
        size: width and height of the images.

    Shape:
        (N,) -> (N, 2, 3), for `affine`
    """
    radians = torch.deg2rad(degrees)
    cosine, sine = torch.cos(radians), torch.sin(radians)
    x, y = size[0] / 2, size[1] / 2
    left = x - cosine * x + sine * y
    top = y - sine * x - cosine * y
    return torch.stack([cosine, -sine, left, sine, cosine, top], 1).view(-1, 2, 3)


def affine(
    images: Tensor, matrices: Tensor, *, fill: Tensor, interpolation: Interpolation = "nearest"
) -> Tensor:
    """Map images by matrices, as Pillow's `Image.transform` does.

    Args:
        images: uint8.
        matrices: (x, y, 1) of a point in the result to (x, y) in the image.
        fill: (C,), grey levels of what lies outside.
        interpolation: between the pixels of the image.

    Shape:
        (N, C, H, W), (N, 2, 3) -> (N, C, H, W)
    """
    height, width = images.shape[2:]
    x = torch.arange(width, device=images.device) + 0.5
    y = (torch.arange(height, device=images.device) + 0.5)[:, None]
    places = matrices[..., None, None]  # (N, 2, 3, 1, 1)
    source_x, source_y = (
        (places[:, axis, 1] * y + places[:, axis, 2]) + places[:, axis, 0] * x for axis in (0, 1)
    )  # (N, H, W)
    columns, rows = source_x.floor().long(), source_y.floor().long()
    if interpolation == "nearest":
        return _gather(images, rows, columns, fill)
    sizes = torch.tensor([width, height], device=images.device)
    grid = torch.stack([source_x, source_y], 3) * (2 / sizes) - 1
    mixed = functional.grid_sample(
        images.to(torch.float32), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    mixed += _TINY
    is_outside = (columns < 0) | (columns >= width) | (rows < 0) | (rows >= height)
    return torch.where(is_outside[:, None], fill[:, None, None], mixed.to(torch.uint8))


def _gather(images: Tensor, rows: Tensor, columns: Tensor, fill: Tensor) -> Tensor:
    """Take the pixel at (row, column) for each pixel of the result; `fill` where there is none."""
    count, channels, height, width = images.shape
    is_outside = (columns < 0) | (columns >= width) | (rows < 0) | (rows >= height)
    # One more pixel, after the last, is what lies outside.
    where = (rows * width + columns).masked_fill_(is_outside, height * width)
    outside = fill[None, :, None].expand(count, channels, 1)
    pixels = torch.cat([images.flatten(2), outside], 2)
    places = where.flatten(1)[:, None].expand(count, channels, where[0].numel())
    return pixels.gather(2, places).view(count, channels, *where.shape[1:])
