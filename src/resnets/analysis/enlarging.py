"""Maps at other sizes: their values stand for equal tiles, with straight lines from middle to middle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Places = NDArray[np.floating]


def enlarge(values: Map, side: int) -> Map:
    """Give a map a value for every pixel of a square.

    Args:
        values: (h, w).
        side: height and width of the square, in pixels.
    """
    places = (np.arange(side) + 0.5) / side
    return sample(values, places, places)


def sample(values: Map, across: Places, down: Places) -> Map:
    """Read a map between its values.

    Args:
        values: (h, w).
        across: places from 0 (left) to 1 (right).
        down: places from 0 (top) to 1 (bottom).

    Returns:
        Array (len(down), len(across)).
    """
    return _rows(_rows(values, down).T, across).T


def _rows(values: Map, places: Places) -> Map:
    at = np.clip(places * len(values) - 0.5, 0, len(values) - 1)
    before = np.floor(at).astype(np.intp)
    behind = np.minimum(before + 1, len(values) - 1)
    share = (at - before).astype(np.float32)[:, None]
    sampled: Map = values[before] * (1 - share) + values[behind] * share
    return sampled
