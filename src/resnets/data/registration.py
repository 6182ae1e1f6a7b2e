"""Laying one small picture on another, and saying how much they are alike then.

Two pictures of one thing differ by a crop, a new size and the noise of compression. So one is moved and
stretched until it fits the other (Lucas and Kanade 1981, four parameters), and then small windows are
correlated, each about its own mean: what is alike only in large, such as a dark thing on a light
ground, stays below what is the same picture.

Source:
    Lucas and Kanade 1981, "An iterative image registration technique with an application to stereo
    vision", sec. 4, by Gauss-Newton steps as in Baker and Matthews 2004, sec. 2. The likeness is the
    structure term of SSIM (Wang et al. 2004, eq. 10), weighted by contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnets.data.image_signatures import GREY_SIDE, Signatures, grey_levels

Floats = NDArray[np.float32]
Pictures = Floats
"""(N, 32, 32)."""

_STEPS = 6
_AT_ONCE = 256  # pairs; their pictures stay in the cache
_STIFFNESS = np.diag(np.array([50, 0.5, 50, 0.5], np.float32))
# Against steps that plain pictures do not decide, in squared grey-level units of the normal equations.
_WINDOW = 9
_NOISE = 2.0
# Variance of what JPEG of quality 40 leaves in a plain window, in squared levels at contrast 40.
_CONTRAST = 40.0


@dataclass(frozen=True)
class Windows:
    """Where pictures lie in others, by pairs: pixel x of one is at scale * x + shift of the other.

    Attributes:
        scales: (N, 2), across and down.
        shifts: (N, 2), in pixels.
    """

    scales: Floats
    shifts: Floats

    @classmethod
    def of(cls, lefts: Floats, tops: Floats, sides: Floats) -> Windows:
        """Windows given as shares of the picture, 0 to 1.

        Shape:
            (N,), (N,), (N,)
        """
        corners = np.stack([lefts, tops], 1) * GREY_SIDE
        scales = np.stack([sides, sides], 1).astype(np.float32)
        # Centres of pixels, not their edges, are at whole numbers.
        return cls(scales, (corners + (scales - 1) / 2).astype(np.float32))


def likeness(whole: Signatures, part: Signatures, windows: Windows) -> Floats:
    """Say how much images are alike, -1 to 1, where one is about a given window of the other.

    Args:
        whole: those that are cropped.
        part: those that they are compared with.
        windows: a first guess at where the parts are.

    Shape:
        (N, 1152), (N, 1152) -> (N,)
    """
    found = np.empty(len(whole), np.float32)
    for start in range(0, len(whole), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        large, small = grey_levels(whole[rows]), grey_levels(part[rows])
        guess = Windows(windows.scales[rows], windows.shifts[rows])
        found[rows] = _local_correlation(_warped(large, _fit(large, small, guess)), small)
    return found


def _fit(large: Pictures, small: Pictures, windows: Windows) -> Windows:
    """Move the windows until the large pictures match the small ones best."""
    large, goal = _blurred(large), _standardised(_blurred(small))
    scales, shifts = windows.scales.copy(), windows.shifts.copy()
    middle = (GREY_SIDE - 1) / 2
    across = np.arange(GREY_SIDE, dtype=np.float32) - middle
    for _ in range(_STEPS):
        now = _standardised(_warped(large, Windows(scales, shifts)))
        down_slope, across_slope = np.gradient(now, axis=(1, 2))
        slopes = [across_slope * across, across_slope, down_slope * across[:, None], down_slope]
        jacobian = np.stack(slopes, 1).reshape(len(now), 4, -1)
        rest = (goal - now).reshape(len(now), -1, 1)
        normal = jacobian @ jacobian.transpose(0, 2, 1) + _STIFFNESS
        step = np.linalg.solve(normal, jacobian @ rest)[..., 0]
        stretch = np.clip(step[:, 0::2], -0.05, 0.05)
        move = np.clip(step[:, 1::2], -1, 1)
        shifts += (move - stretch * middle) * scales
        scales = np.clip(scales * (1 + stretch), 0.8, 1.05).astype(np.float32)
    return Windows(scales, shifts)


def _warped(pictures: Pictures, windows: Windows) -> Pictures:
    """Sample the windows, bilinearly; beyond its edge a picture goes on as it ends."""
    for axis, places in ((2, 0), (1, 1)):
        at = windows.scales[:, places, None] * np.arange(GREY_SIDE, dtype=np.float32)
        at = np.clip(at + windows.shifts[:, places, None], 0, GREY_SIDE - 1.001)
        first = at.astype(np.int64)
        share = np.expand_dims((at - first).astype(np.float32), 3 - axis)
        index = np.expand_dims(first, 3 - axis)
        before = np.take_along_axis(pictures, index, axis)
        after = np.take_along_axis(pictures, index + 1, axis)
        pictures = before + (after - before) * share
    return pictures


def _local_correlation(first: Pictures, second: Pictures) -> Floats:
    first, second = _at_contrast(_blurred(first)), _at_contrast(_blurred(second))
    first_mean, second_mean = _window_means(first), _window_means(second)
    first_variance = np.maximum(_window_means(first * first) - first_mean**2, 0)
    second_variance = np.maximum(_window_means(second * second) - second_mean**2, 0)
    covariance = _window_means(first * second) - first_mean * second_mean
    structure = covariance / np.sqrt((first_variance + _NOISE) * (second_variance + _NOISE))
    weights = np.maximum(first_variance, second_variance) ** 0.75 + 1e-6
    result: Floats = ((structure * weights).sum((1, 2)) / weights.sum((1, 2))).astype(np.float32)
    return result


def _window_means(pictures: Pictures) -> NDArray[np.float64]:
    """Means of all windows, from the table of sums."""
    sums = np.pad(pictures, ((0, 0), (1, 0), (1, 0))).astype(np.float64).cumsum(1).cumsum(2)
    k = _WINDOW
    corners = sums[:, k:, k:] - sums[:, :-k, k:] - sums[:, k:, :-k] + sums[:, :-k, :-k]
    means: NDArray[np.float64] = corners / k**2
    return means


def _standardised(pictures: Pictures) -> Pictures:
    """Mean 0 and variance 1; plain pictures stay plain."""
    centred = pictures - pictures.mean((1, 2), keepdims=True)
    spread: Pictures = centred / np.sqrt((centred**2).mean((1, 2), keepdims=True) + 4)
    return spread


def _at_contrast(pictures: Pictures) -> Pictures:
    centred = pictures - pictures.mean((1, 2), keepdims=True)
    spread: Pictures = centred * (_CONTRAST / (centred.std((1, 2), keepdims=True) + 1))
    return spread


def _blurred(pictures: Pictures) -> Pictures:
    """Weights 1, 2, 1 in both directions."""
    wide = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = wide[:, :, :-2] + 2 * wide[:, :, 1:-1] + wide[:, :, 2:]
    smooth: Pictures = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    return smooth
