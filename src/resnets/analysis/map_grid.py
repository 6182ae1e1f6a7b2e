"""Where the values of a map lie in the square that a network saw.

Enlarging a map to the image's size takes for granted that its values stand for equal tiles. They do
not: a convolution of stride 2 that pads both sides looks at every other pixel from the first one on, so
after five of them a 7x7 map stands for the pixels 0, 32, ..., 192 of 224, and not for 15.5, 47.5, ....
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from resnets.networks.residual_network import ResidualNetwork, Stage
from resnets.units.aggregated_branches import ParallelPaths
from resnets.units.residual_unit import ResidualUnit

Map = NDArray[np.float32]
Places = NDArray[np.floating]


@dataclass(frozen=True)
class MapGrid:
    """The places of a map's values, the same across and down.

    Attributes:
        side: height and width of what the network saw, in pixels.
        first: middle of what the first value stands for, in pixels from the edge.
        step: from one value to the next, in pixels.
    """

    side: int
    first: float
    step: float

    def enlarge(self, values: Map) -> Map:
        """Give every pixel of what the network saw a value, (side, side)."""
        places = (np.arange(self.side) + 0.5) / self.side
        return self.sample(values, places, places)

    def sample(self, values: Map, across: Places, down: Places) -> Map:
        """Read a map between its values, by straight lines.

        Args:
            values: (h, w).
            across: places from 0 (left) to 1 (right).
            down: places from 0 (top) to 1 (bottom).

        Returns:
            Array (len(down), len(across)).
        """
        return self._rows(self._rows(values, down).T, across).T

    def _rows(self, values: Map, places: Places) -> Map:
        at = np.clip((places * self.side - self.first) / self.step, 0, len(values) - 1)
        before = np.floor(at).astype(np.intp)
        behind = np.minimum(before + 1, len(values) - 1)
        share = (at - before).astype(np.float32)[:, None]
        sampled: Map = values[before] * (1 - share) + values[behind] * share
        return sampled


def pixel_grid(side: int) -> MapGrid:
    """The grid of a map that has a value for every pixel.

    Args:
        side: height and width of what the network saw.
    """
    return MapGrid(side, 0.5, 1.0)


def map_grid(network: nn.Module, layer: str, side: int) -> MapGrid:
    """Find where the maps of a layer lie, from the kernels, strides and paddings on the way.

    Args:
        network: a chain of stages.
        layer: name of a part, such as 'stages.2'.
        side: height and width of what the network sees, in pixels.
    """
    assert isinstance(network, ResidualNetwork)
    first, step = 0.5, 1
    for module in _until(network, layer):
        if isinstance(module, nn.ZeroPad2d):
            first -= step * module.padding[0]
        elif isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            reach = _one(getattr(module, "dilation", 1)) * (_one(module.kernel_size) - 1) / 2
            first += step * (reach - (reach if module.padding == "same" else _one(module.padding)))
            step *= _one(module.stride)
    return MapGrid(side, first, step)


def _until(network: ResidualNetwork, layer: str) -> Iterator[nn.Module]:
    """The layers on the way through the residual branches, where every unit changes resolution."""
    for name, part in (
        ("stem", network.stem),
        *((f"stages.{i}", stage) for i, stage in enumerate(network.stages)),
        ("final", network.final),
    ):
        yield from _layers(part)
        if name == layer:
            return


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, Stage):
        yield from _layers(module.transition)
        yield from _layers(module.units)
    elif isinstance(module, ResidualUnit):
        yield from _layers(module.preactivation)
        yield from _layers(module.residual)
    elif isinstance(module, ParallelPaths):
        yield from _layers(module[0])
    elif children := list(module.children()):
        for child in children:
            yield from _layers(child)
    else:
        yield module


def _one(size: object) -> int:
    """The number of a setting that is the same across and down."""
    number = size[1] if isinstance(size, tuple) else size
    assert isinstance(number, int)
    return number
