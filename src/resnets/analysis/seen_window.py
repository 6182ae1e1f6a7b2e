"""What of an image a network saw, and maps of that laid back over the whole image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from resnets.analysis.enlarging import Map, sample
from resnets.data.preprocessing import cut_corner
from resnets.data.preprocessing_policy import Preprocessing


@dataclass(frozen=True)
class SeenWindow:
    """The square that a network saw, in pixels of the upright image that it was cut from.

    Attributes:
        width: of the image.
        height: of the image.
        left: of the square; below 0 where bars were added.
        top: likewise.
        right: of the square; beyond the width where bars were added.
        bottom: likewise.
    """

    width: int
    height: int
    left: float
    top: float
    right: float
    bottom: float

    def inside(self, size: tuple[int, int] | None = None) -> tuple[int, int, int, int]:
        """The part of the image that was seen: left, top, right and bottom in whole pixels.

        Args:
            size: width and height that the image is shown at; its own if None.
        """
        across, down = self._scale(size)
        width, height = size or (self.width, self.height)
        return (
            max(0, math.floor(self.left * across + 0.5)),
            max(0, math.floor(self.top * down + 0.5)),
            min(width, math.floor(self.right * across + 0.5)),
            min(height, math.floor(self.bottom * down + 0.5)),
        )

    def lay_back(self, values: Map, size: tuple[int, int] | None = None) -> Map:
        """Enlarge a map of what was seen and lay it over the whole image.

        Args:
            values: (h, w), for the square.
            size: width and height of the result; the image's own if None.

        Returns:
            Array (height, width), between the map's values by straight lines; 0 where nothing was seen.
        """
        across, down = self._scale(size)
        width, height = size or (self.width, self.height)
        laid = np.zeros((height, width), np.float32)
        left, top, right, bottom = self.inside(size)
        rows = (np.arange(top, bottom) + 0.5) / down - self.top
        columns = (np.arange(left, right) + 0.5) / across - self.left
        laid[top:bottom, left:right] = sample(
            values, columns / (self.right - self.left), rows / (self.bottom - self.top)
        )
        return laid

    def _scale(self, size: tuple[int, int] | None) -> tuple[float, float]:
        return (size[0] / self.width, size[1] / self.height) if size else (1.0, 1.0)


def seen_window(size: tuple[int, int], preprocessing: Preprocessing) -> SeenWindow:
    """Find what `preprocessing.fit` shows of an image; the middle view of several.

    Args:
        size: width and height of the upright image.
        preprocessing: of the network.
    """
    width, height = size
    side = preprocessing.image_size
    resized = preprocessing.resized(width, height)
    if preprocessing.fit == "pad":
        left, top = -((side - resized[0]) // 2), -((side - resized[1]) // 2)
    else:
        left, top = cut_corner(resized, side, "middle")
    across, down = width / resized[0], height / resized[1]
    return SeenWindow(
        width, height, left * across, top * down, (left + side) * across, (top + side) * down
    )
