"""The colours of maps: viridis, whose lightness rises evenly, so that every eye can order them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Every fifteenth of viridis's 256 (S. van der Walt, N. Smith, E. Firing, 2015; CC0), between them lines.
_ANCHORS = (
    (68, 1, 84), (72, 23, 105), (71, 42, 122), (67, 61, 132), (61, 78, 138), (53, 94, 141),
    (46, 109, 142), (41, 123, 142), (35, 137, 142), (31, 151, 139), (33, 165, 133), (46, 179, 124),
    (70, 192, 111), (101, 203, 94), (137, 213, 72), (176, 221, 47), (216, 226, 25), (253, 231, 37),
)  # fmt: skip


def heat_colours(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colour values from 0 (dark violet) to 1 (yellow).

    Args:
        values: of any shape; what lies outside 0 to 1 gets the colour at that end.

    Returns:
        Array (..., 3), RGB from 0 to 255.
    """
    anchors = np.asarray(_ANCHORS, np.float32)
    at = np.linspace(0, 1, len(anchors))
    return np.stack([np.interp(values, at, anchors[:, i]) for i in range(3)], -1).astype(np.float32)
