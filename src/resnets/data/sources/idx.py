"""MNIST's idx files, gzipped or not; Fashion-MNIST, KMNIST and others have the same form.

A header of big-endian numbers (magic 0x00000800 + dimensions, then each dimension), then bytes:
http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from resnets.data.dataset import Dataset, Split
from resnets.data.labels import label_set
from resnets.data.sources.binding import check_labels
from resnets.data.sources.problems import quoted, refuse

_FILE = re.compile(
    r"(?P<prefix>.*-)?(?P<split>train|t10k|test)-(?P<what>images|labels)[.-]idx[13]-ubyte(\.gz)?"
)
_LARGEST = 2**32
# Bytes; what a file may declare. MNIST has 47 million.

_FIRST_LABELS = {
    (5, 0, 4, 1, 9, 2, 1, 3, 1, 4): "mnist",
    (9, 0, 0, 3, 0, 2, 7, 2, 5, 5): "fashion_mnist",
}
"""Of the training split: files of both sets have the same names."""


def find_idx(files: Sequence[str]) -> dict[str, dict[str, str]]:
    """Recognise the files of a data set.

    Args:
        files: names of files in a folder.

    Returns:
        For each split, the files of its 'images' and 'labels'.
    """
    found: dict[str, dict[str, str]] = {}
    for name in sorted(files, reverse=True):  # an extracted file is taken before its .gz
        if match := _FILE.fullmatch(name):
            split = "train" if match["split"] == "train" else "test"
            found.setdefault(split, {})[match["what"]] = name
    return found


def read_idx(root: Path, files: Sequence[str]) -> Dataset:
    """Read the splits in a folder, the training split at least.

    Args:
        root: the folder.
        files: names of the files in it.

    Raises:
        DataError: with all problems.
    """
    problems = []
    splits = {}
    found = find_idx(files)
    for split in ("train", "test"):
        pair = found.get(split, {})
        if split == "test" and not pair:
            continue
        absent = [what for what in ("images", "labels") if what not in pair]
        if absent:
            problems.append(f"the file of the {' and '.join(absent)} of {split} is missing")
            continue
        arrays = []
        for what, dimensions in (("images", 3), ("labels", 1)):
            try:
                arrays.append(_read(root / pair[what], dimensions))
            except (ValueError, OSError, EOFError, zlib.error) as error:
                problems.append(f"{quoted(pair[what])} {error}")
        if len(arrays) == 2:
            images, labels = arrays
            if len(images) != len(labels):
                problems.append(f"{split} has {len(images)} images and {len(labels)} labels")
            splits[split] = Split(split, images, labels.astype(np.int64))
    refuse(root, problems)
    name = _FIRST_LABELS.get(tuple(splits["train"].labels[:10].tolist()))
    count = int(splits["train"].labels.max(initial=0)) + 1
    names = label_set(name).names if name else tuple(str(label) for label in range(count))
    refuse(
        root,
        [p for split in splits.values() for p in check_labels(split.labels, len(names), split.name)],
    )
    return Dataset(name or root.resolve().name, "idx", root, names, splits)


def _read(file: Path, dimensions: int) -> NDArray[np.uint8]:
    with file.open("rb") as stream:
        is_gzip = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if is_gzip:
            with gzip.open(stream) as unpacked:
                return _parse(unpacked, dimensions)  # type: ignore[arg-type]
        return _parse(stream, dimensions)


def _parse(stream: BinaryIO, dimensions: int) -> NDArray[np.uint8]:
    header = stream.read(4 + 4 * dimensions)
    if len(header) < 4 + 4 * dimensions or header[:4] != bytes((0, 0, 8, dimensions)):
        raise ValueError(f"is not an idx file of bytes with {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    size = int(np.prod(shape, dtype=object))
    if not 0 < size <= _LARGEST:
        raise ValueError(f"declares {'x'.join(map(str, shape))} bytes")
    data = stream.read(size + 1)
    if len(data) != size:
        got = "more" if len(data) > size else str(len(data))
        raise ValueError(f"declares {size} bytes and has {got}")
    return np.frombuffer(data, np.uint8).reshape(shape)
