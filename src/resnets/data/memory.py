"""Small images in memory: pad, crop and flip a whole batch at once, at a few microseconds an image.

A crop is a window into the padded batch (`sliding_window_view` copies nothing), and all windows of the
batch are gathered by one call of NumPy. Where each window lies is the caller's to draw.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from resnets.data.crop_policy import Padding
from resnets.data.decoding import Pixels

_SMALL = 3 * 112 * 112
# Numbers; larger images are mirrored faster one at a time than all at once.


def crop_and_flip(
    images: Pixels,
    tops: NDArray[np.int64],
    lefts: NDArray[np.int64],
    flips: NDArray[np.bool_],
    *,
    pad: int = 4,
    padding: Padding = "mean",
    mean: Sequence[float] = (0.485, 0.456, 0.406),
) -> Pixels:
    """Pad images on all sides, cut a window of the old size out of each, and mirror some of them.

    Args:
        images: uint8.
        tops: first row of each window in the padded image, 0 to 2 * pad; `pad` cuts the image itself.
        lefts: first column likewise.
        flips: which are mirrored, left for right, after the cut.
        pad: on each side, in pixels; at most the side - 1 for 'reflect'.
        padding: what is there.
        mean: colour of 'mean', 0 to 1, one number per channel.

    Shape:
        (N, H, W, C), (N,), (N,), (N,) -> (N, H, W, C)
    """
    count, height, width, channels = images.shape
    if pad:
        assert min(tops.min(initial=0), lefts.min(initial=0)) >= 0
        assert max(tops.max(initial=0), lefts.max(initial=0)) <= 2 * pad
        padded = pad_images(images, pad, padding=padding, mean=mean)
        rows = padded.reshape(count, height + 2 * pad, (width + 2 * pad) * channels)
        windows = sliding_window_view(rows, (height, width * channels), axis=(1, 2))
        cut: Pixels = windows[np.arange(count), tops, lefts * channels].reshape(images.shape)
    else:
        cut = images.copy()
    mirror(cut, flips)
    return cut


def mirror(images: Pixels, flips: NDArray[np.bool_]) -> None:
    """Mirror some images in place, in the way that is fastest for their size.

    Args:
        images: (N, H, W, C), uint8, contiguous.
        flips: which are mirrored, left for right.
    """
    chosen = np.flatnonzero(flips)
    if images[:1].size < _SMALL:
        # torch mirrors a batch laid out channels last several times as fast as NumPy does.
        some = torch.from_numpy(images[chosen]).permute(0, 3, 1, 2)  # (n, H, W, C) -> (n, C, H, W)
        images[chosen] = some.flip(3).permute(0, 2, 3, 1).numpy()
        return
    tensors = torch.from_numpy(images)
    for index in chosen.tolist():
        tensors[index] = tensors[index].flip(1)


def pad_images(
    images: Pixels, pad: int, *, padding: Padding, mean: Sequence[float] = (0.485, 0.456, 0.406)
) -> Pixels:
    """Pad images on all sides.

    Args:
        images: uint8.
        pad: on each side, in pixels.
        padding: what is there.
        mean: colour of 'mean', 0 to 1, one number per channel.

    Shape:
        (N, H, W, C) -> (N, H + 2 * pad, W + 2 * pad, C)
    """
    count, height, width, channels = images.shape
    assert padding != "reflect" or pad < min(height, width)
    padded = np.empty((count, height + 2 * pad, width + 2 * pad, channels), np.uint8)
    if padding == "reflect":
        rows = padded[:, :, pad : pad + width]
        rows[:, pad : pad + height] = images
        for side in range(pad):
            rows[:, side] = images[:, pad - side]
            rows[:, -1 - side] = images[:, height - 1 - pad + side]
        for side in range(pad):
            padded[:, :, side] = padded[:, :, 2 * pad - side]
            padded[:, :, -1 - side] = padded[:, :, width - 1 + side]
        return padded
    levels = np.zeros(channels) if padding == "black" else np.round(255 * np.asarray(mean))
    # Whole rows of the colour: NumPy fills them much faster than single pixels around the images.
    row = np.tile(levels.astype(np.uint8), width + 2 * pad)
    padded.reshape(count, height + 2 * pad, len(row))[:] = row
    padded[:, pad : pad + height, pad : pad + width] = images
    return padded
