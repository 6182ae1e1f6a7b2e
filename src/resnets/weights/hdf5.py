"""Keras' files of weights as plain arrays; no code of theirs runs, and none of their settings is read.

Four layouts, told apart by what is in the file:
    .h5 of weights      attributes `layer_names` and `weight_names` give the order (Keras 1, 2 and 3)
    .h5 of a model      the same below `model_weights`
    .weights.h5         `layers/<class>_<n>/vars/<i>` (Keras 3): the order is known within a class only
    .keras              a zip archive with a `model.weights.h5` in it

HDF5 can name other files, and say that much lies in little. Nothing is read before it is known to lie in
this file and to be no larger than it can be.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from resnets.errors import MissingDependencyError, WeightsError
from resnets.weights.opening import open_weights, quote

Array = np.ndarray[Any, Any]

MAX_BYTES = 4 << 30
"""Of all arrays of a file together."""

MAX_RATIO = 100
"""Of what is compressed to what it becomes; weights hardly compress."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MEMBER = "model.weights.h5"


@dataclass(frozen=True)
class KerasLayer:
    """One layer of a file that has weights.

    Attributes:
        name: in the file.
        weights: arrays by their names in the file, in its order.
    """

    name: str
    weights: Mapping[str, Array]


def read_hdf5(path: str | Path) -> list[KerasLayer]:
    """Read the weights of a Keras file.

    Args:
        path: of a `.h5`, `.hdf5`, `.weights.h5` or `.keras` file.

    Returns:
        The layers that have weights, in the file's order; where it has none (`.weights.h5`, `.keras`),
        by class and number.

    Raises:
        WeightsError: if the file is missing, damaged, of another kind, or not safe to read.
        MissingDependencyError: if h5py is not installed.
    """
    try:
        from resnets.weights.hdf5_layers import read_layers
    except ImportError:
        raise MissingDependencyError("reading .h5 files", "h5py", extra="weights") from None
    with open_weights(path) as opened:
        file: BinaryIO = opened
        try:
            start = file.read(8)
            file.seek(0)
            if start.startswith(b"PK"):
                file = io.BytesIO(_unzip(file))
            elif start != _SIGNATURE:
                raise WeightsError("it is neither HDF5 nor a .keras archive")
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            return read_layers(file, size)
        except WeightsError as error:
            raise WeightsError(f"cannot read {quote(path)}: {error}") from error


def _unzip(file: BinaryIO) -> bytes:
    """The weights in a .keras archive."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = [info for info in archive.infolist() if info.filename == _MEMBER]
            if len(members) != 1:
                raise WeightsError(f"it is a zip archive without a {_MEMBER!r}, or with several")
            size, packed = members[0].file_size, members[0].compress_size
            if size > min(MAX_BYTES, MAX_RATIO * packed):
                raise WeightsError(f"its {_MEMBER!r} of {packed:,} bytes would become {size:,}")
            with archive.open(members[0]) as member:
                return member.read(size)
    except WeightsError:
        raise
    except Exception as error:  # zipfile raises half a dozen kinds
        raise WeightsError(f"it is damaged: {error}") from error
