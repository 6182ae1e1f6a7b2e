"""Writing files that Keras' `load_weights` takes."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resnets.errors import MissingDependencyError
from resnets.files import write_bytes
from resnets.weights.hdf5 import KerasLayer
from resnets.weights.keras_layout import CLASSES, kind_of

_ATTRIBUTE_BYTES = 64_000
"""HDF5 keeps an attribute in a header of 64 KiB; Keras parts longer ones."""

_ORIGIN = {"backend": "tensorflow", "keras_version": "2.2.4"}
"""Whose layout of arrays it is; without, Keras 2 takes a file for one of Keras 1."""


def write_keras_h5(path: str | Path, layers: Sequence[KerasLayer]) -> Path:
    """Write a file of weights in Keras' layout.

    Args:
        path: of the file: `.weights.h5` for Keras 3, any other `.h5` for every Keras.
        layers: as `ours_to_keras` gives them.

    Raises:
        MissingDependencyError: if h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingDependencyError("writing .h5 files", "h5py", extra="weights") from None
    content = io.BytesIO()
    with h5py.File(content, "w") as root:
        if str(path).endswith(".weights.h5"):
            _write_numbered(root, layers)
        else:
            _write_named(root, layers)
    return write_bytes(path, content.getvalue())


def _write_numbered(root: Any, layers: Sequence[KerasLayer]) -> None:
    for address, layer in _addresses(layers):
        variables = root.create_group(f"layers/{address}/vars")
        variables.attrs["name"] = layer.name
        for i, array in enumerate(layer.weights.values()):
            variables.create_dataset(str(i), data=array)


def _addresses(layers: Sequence[KerasLayer]) -> Iterator[tuple[str, KerasLayer]]:
    """The place of each layer among those of its class: conv2d, conv2d_1, ..."""
    counts: dict[str, int] = defaultdict(int)
    for layer in layers:
        kind = kind_of(layer)
        assert kind is not None
        word = CLASSES[kind]
        yield f"{word}_{counts[word]}" if counts[word] else word, layer
        counts[word] += 1


def _write_named(root: Any, layers: Sequence[KerasLayer]) -> None:
    root.attrs.update(_ORIGIN)
    _write_texts(root, "layer_names", [layer.name for layer in layers])
    for layer in layers:
        group = root.create_group(layer.name)
        _write_texts(group, "weight_names", list(layer.weights))
        for name, array in layer.weights.items():
            group.create_dataset(name, data=array)


def _write_texts(group: Any, name: str, texts: Sequence[str]) -> None:
    values = np.array([text.encode() for text in texts])
    count = -(-values.nbytes // _ATTRIBUTE_BYTES)
    if count <= 1:
        group.attrs[name] = values
        return
    for i, part in enumerate(np.array_split(values, count)):
        group.attrs[f"{name}{i}"] = part
