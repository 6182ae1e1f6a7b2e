"""A small Keras in NumPy: enough to build classification_models' networks, which no Keras of today runs.

Every layer computes as it is made. Norms take the statistics of the images, then a little away from them.
Layers go into a file in Keras' order: by distance from the output, then as they are met from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = np.ndarray[Any, Any]


@dataclass(eq=False, repr=False)  # a repr would show all layers before it, again and again
class Layer:
    """A layer, with what it made of the images: (N, H, W, C), in double precision."""

    name: str
    value: Array
    inputs: tuple[Layer, ...] = ()
    weights: dict[str, Array] = field(default_factory=dict)


class Builder:
    """Makes layers with random weights, and numbers those that are given no name."""

    def __init__(self, seed: int, epsilon: float) -> None:
        self.random = np.random.default_rng(seed)
        self.epsilon = epsilon
        self.numbers: dict[str, int] = {}

    def conv(
        self,
        x: Layer,
        filters: int,
        size: int,
        *,
        stride: int = 1,
        pad: int = 0,
        bias: bool = False,
        name: str = "",
    ) -> Layer:
        if pad:
            x = self.apply("zero_padding2d", lambda v: pad_image(v, pad), x)
        channels = x.value.shape[-1]
        spread = (2 / (size * size * channels)) ** 0.5
        weights = {"kernel:0": self._normal((size, size, channels, filters), spread)}
        if bias:
            weights["bias:0"] = self._normal((filters,), 0.1)
        value = convolve(x.value, weights["kernel:0"], stride) + weights.get("bias:0", 0.0)
        return self._layer("conv2d", name, value, (x,), weights)

    def norm(self, x: Layer, *, name: str = "", scale: bool = True) -> Layer:
        channels = x.value.shape[-1]
        mean, variance = x.value.mean((0, 1, 2)), x.value.var((0, 1, 2))
        variance += 8 * variance.mean()  # rounding errors would grow from layer to layer
        weights = {"gamma:0": self._uniform(channels)} if scale else {}
        weights["beta:0"] = self._normal((channels,), 0.2)
        weights["moving_mean:0"] = (mean + variance**0.5 * self._normal((channels,), 0.2)).astype("f4")
        weights["moving_variance:0"] = (variance * self._uniform(channels)).astype("f4")
        normed = (x.value - weights["moving_mean:0"]) / np.sqrt(
            weights["moving_variance:0"].astype(np.float64) + self.epsilon
        )
        value = normed * weights.get("gamma:0", 1.0) + weights["beta:0"]
        return self._layer("batch_normalization", name, value, (x,), weights)

    def dense(self, x: Layer, classes: int, *, name: str = "") -> Layer:
        features = x.value.shape[-1]
        weights = {
            "kernel:0": self._normal((features, classes), features**-0.5),
            "bias:0": self._normal((classes,), 0.1),
        }
        value = x.value @ weights["kernel:0"] + weights["bias:0"]
        return self._layer("dense", name, value, (x,), weights)

    def relu(self, x: Layer) -> Layer:
        return self.apply("activation", lambda v: np.maximum(v, 0), x)

    def apply(self, kind: str, function: Callable[..., Array], *inputs: Layer) -> Layer:
        """A layer without weights."""
        return self._layer(kind, "", function(*(x.value for x in inputs)), inputs, {})

    def _layer(
        self, kind: str, name: str, value: Array, inputs: Sequence[Layer], weights: dict[str, Array]
    ) -> Layer:
        self.numbers[kind] = self.numbers.get(kind, 0) + (not name)
        return Layer(name or f"{kind}_{self.numbers[kind]}", value, tuple(inputs), weights)

    def _normal(self, shape: tuple[int, ...], spread: float) -> Array:
        return self.random.normal(0, spread, shape).astype(np.float32)

    def _uniform(self, channels: int) -> Array:
        return self.random.uniform(0.5, 1.5, channels).astype(np.float32)


def pad_image(value: Array, pad: int) -> Array:
    return np.pad(value, ((0, 0), (pad, pad), (pad, pad), (0, 0)))


def convolve(value: Array, kernel: Array, stride: int) -> Array:
    """Cross-correlate without padding; kernel (H, W, C, C')."""
    windows = sliding_window_view(value, kernel.shape[:2], axis=(1, 2))[:, ::stride, ::stride]
    products: Array = np.tensordot(windows, kernel.astype(np.float64).transpose(2, 0, 1, 3), axes=3)
    return products


def max_pool(value: Array, size: int, stride: int) -> Array:
    windows = sliding_window_view(value, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    highest: Array = windows.max((-2, -1))
    return highest


def file_order(output: Layer) -> list[Layer]:
    """The layers in the order in which Keras saves them."""
    met: list[Layer] = []
    finished: list[Layer] = []

    def visit(layer: Layer) -> None:
        if layer in met:
            return
        met.append(layer)
        for x in layer.inputs:
            visit(x)
        finished.append(layer)

    visit(output)
    depths: dict[Layer, int] = {}
    for layer in reversed(finished):
        depth = depths.setdefault(layer, 0)
        for x in layer.inputs:
            depths[x] = max(depth + 1, depths.get(x, 0))
    places = {layer: place for place, layer in enumerate(met)}
    return sorted(finished, key=lambda layer: (-depths[layer], places[layer]))


def write_file(path: Path, output: Layer) -> list[Layer]:
    """Write the weights as Keras 2 does; give back the layers that have some."""
    layers = file_order(output)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.2.4"
        for layer in layers:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [f"{layer.name}/{name}".encode() for name in layer.weights]
            for name, array in layer.weights.items():
                group.create_dataset(f"{layer.name}/{name}", data=array)
    return [layer for layer in layers if layer.weights]
