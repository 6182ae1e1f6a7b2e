"""Packed data sets: decoded once, then read from a memory-mapped file of pixels.

A packed file holds, one after the other:

    pixels of every image, uint8, RGB, rows top to bottom, images without gaps
    index: an .npz of arrays, and JSON with the names, the policy and the sources
    footer: magic, place and length of the index, its SHA-256

Opening a file checks the footer, the index and the length; the pixels of each image have a checksum that
is compared when they are first read. So damage is noticed, and opening takes no time.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from resnets.config import Count, Settings
from resnets.data.dataset import Labels
from resnets.data.decoding import Pixels
from resnets.data.order import Indices
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import DataError, ImageError, printable

MAGIC = b"resnets.pack\0\0\0\2"
FOOTER = struct.Struct("<16sQQ32s")
"""Magic with the version, place and length of the index, SHA-256 of the index."""

_BLOCK = 512
# Bytes; what is summed up before its place is weighed.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
# Odd, and with bits everywhere: keeps the sum of the last bytes from making up for that of blocks.

_COLUMNS = ("labels", "offsets", "heights", "widths", "checksums", "num_bytes", "mtimes_ns")


class PackPolicy(Settings):
    """What is kept of each image.

    Attributes:
        preprocessing: of the network. Images of evaluation are kept just as it shows them.
        train_size: images of training are kept whole, with a shorter side of at most this many pixels,
            so that random crops can be made of them. [kept as in evaluation]
    """

    preprocessing: Preprocessing = Preprocessing()
    train_size: Count | None = None

    def keeps_whole(self, split: str) -> bool:
        """Tell whether a split's images are kept whole."""
        return self.train_size is not None and split == "train"


@dataclass(frozen=True, eq=False)
class PackedSplit:
    """Images of one split.

    Attributes:
        name: 'train', 'val' or 'test'.
        labels: (N,), int64.
        files: where each image came from, as text; relative to the data set's root if it lies there.
        num_bytes: of each file when it was packed.
        mtimes_ns: likewise the time of its last change, in nanoseconds.
        sizes: height and width of each image, (N, 2); zeros where a file could not be used.
        failures: reason and sentence for each of those, by index.
        shown: how evaluation shows these images, which they were made for; None if they are whole.
        path: of the packed file.
        shards: (N,), the number of the shard that each image came from; None if from none.
    """

    name: str
    labels: Labels
    files: tuple[str, ...]
    num_bytes: NDArray[np.int64]
    mtimes_ns: NDArray[np.int64]
    sizes: NDArray[np.int64]
    failures: Mapping[int, tuple[str, str]]
    shown: Preprocessing | None
    path: Path
    shards: NDArray[np.int64] | None
    _offsets: NDArray[np.int64] = field(repr=False)
    _checksums: NDArray[np.uint64] = field(repr=False)
    _pixels: Pixels = field(repr=False)
    _checked: NDArray[np.bool_] = field(repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes as a path: the other one maps the same file."""
        return _reopen, (self.path, self.name)

    @property
    def shape(self) -> tuple[int, int] | None:
        """Height and width that all images share; None if they differ."""
        used = self.sizes[self.sizes[:, 0] > 0]
        same = len(used) and (used == used[0]).all()
        return (int(used[0, 0]), int(used[0, 1])) if same else None

    def is_ready_for(self, preprocessing: Preprocessing) -> bool:
        """Tell whether images need nothing more to be shown in evaluation.

        Args:
            preprocessing: of the network.

        Raises:
            DataError: if they were made for a network that sees them otherwise.
        """
        size = preprocessing.image_size
        if self.shown is None:
            return self.shape == (size, size) == preprocessing.resized(size, size)
        colour = {name: getattr(preprocessing, name) for name in ("channels", "mean", "std")}
        if self.shown.model_copy(update=colour) == preprocessing:
            return True
        differ = [
            f"{name} {getattr(self.shown, name)}, not {getattr(preprocessing, name)}"
            for name in ("image_size", "fit", "resize_size", "interpolation", "decoding")
            if getattr(self.shown, name) != getattr(preprocessing, name)
        ]
        raise DataError(
            f"the packed data set {str(self.path)!r} was made for another network, with "
            f"{', '.join(differ)}: pack the data again"
        )

    def failure(self, index: int) -> ImageError | None:
        """Say why there is no image; None if there is one."""
        if index not in self.failures:
            return None
        reason, detail = self.failures[index]
        return ImageError(reason, detail, source=self.files[index])

    def __getitem__(self, index: int) -> Pixels:
        """Pixels (H, W, 3) of an image, not to be written to.

        Raises:
            ImageError: if its file could not be used when the data set was packed.
            DataError: if the packed file is damaged.
        """
        if error := self.failure(index):
            raise error
        height, width = self.sizes[index].tolist()
        start = int(self._offsets[index])
        pixels = self._pixels[start : start + height * width * 3]
        self._check(np.array([index]), pixels[None])
        return pixels.reshape(height, width, 3)

    def gather(self, indices: Indices) -> Pixels:
        """Copy images of equal size out of the file.

        Args:
            indices: of images that are there.

        Shape:
            (n,) -> (n, H, W, 3)

        Raises:
            DataError: if the packed file is damaged.
        """
        assert self.shape, "images of different sizes do not make an array"
        height, width = self.shape
        num_bytes = height * width * 3
        start = int(self._offsets[0])
        end = start + num_bytes * (len(self) - len(self.failures))
        rows = self._pixels[start:end].reshape(-1, num_bytes)
        gathered = rows[(self._offsets[indices] - start) // num_bytes]
        self._check(indices, gathered)
        return gathered.reshape(-1, height, width, 3)

    def _check(self, indices: Indices, pixels: Pixels) -> None:
        """Compare pixels with their checksums, the first time that they are read."""
        if self._checked[indices].all():
            return
        wrong = indices[checksums(pixels) != self._checksums[indices]]
        if len(wrong):
            name = printable(self.files[wrong[0]])
            raise _damaged(self.path, f"the pixels of {name!r} are not those that were written")
        self._checked[indices] = True


def checksums(pixels: Pixels) -> NDArray[np.uint64]:
    """Sum up bytes so that a changed, lost or misplaced block shows, several times as fast as a CRC.

    64-bit words are added up in blocks of 512 bytes, the blocks and the bytes after the last one
    weighted by their place. It is against faulty disks and copies, not against forgers.

    Args:
        pixels: of images of equal size, in rows.

    Shape:
        (n, num_bytes) -> (n,)
    """
    count, num_bytes = pixels.shape
    end = num_bytes - num_bytes % _BLOCK
    blocks = pixels[:, :end].view(np.uint64).reshape(count, end // _BLOCK, _BLOCK // 8).sum(axis=2)
    places = np.arange(1, 2 * blocks.shape[1], 2, dtype=np.uint64)  # odd: no weight loses a bit
    rest = pixels[:, end:] * np.arange(1, num_bytes - end + 1, dtype=np.uint64)
    total: NDArray[np.uint64] = (blocks * places).sum(axis=1) + rest.sum(axis=1) * _SPREAD
    return total


@dataclass(frozen=True, eq=False)
class PackedDataset:
    """A data set in a packed file.

    Attributes:
        path: of the file.
        name: of the data set.
        class_names: in the order of their labels.
        policy: what was kept of each image.
        splits: by name.
    """

    path: Path
    name: str
    class_names: tuple[str, ...]
    policy: PackPolicy
    splits: Mapping[str, PackedSplit]


def open_packed(path: str | Path) -> PackedDataset:
    """Open a packed file; its pixels stay on the disk until they are read.

    Args:
        path: of the file.

    Raises:
        DataError: if it is missing, damaged, or something else.
    """
    path = Path(path)
    try:
        raw, end = _read_index(path)
        with np.load(io.BytesIO(raw), allow_pickle=False) as index:
            arrays = {name: index[name] for name in index.files}
        notes = json.loads(arrays["notes"].tobytes())
        policy = PackPolicy.model_validate(notes["policy"])
        # As a plain array: slices of a memmap object cost more than the pixels of a small image.
        pixels = (
            np.asarray(np.memmap(path, np.uint8, "r", shape=(end,))) if end else np.empty(0, np.uint8)
        )
        return PackedDataset(
            path=path,
            name=notes["name"],
            class_names=tuple(notes["class_names"]),
            policy=policy,
            splits={
                name: _split(name, path, arrays, policy=policy, failures=failures, pixels=pixels)
                for name, failures in notes["failures"].items()
            },
        )
    except FileNotFoundError:
        raise DataError(f"there is no packed data set {str(path)!r}") from None
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"the packed data set {str(path)!r} cannot be read: {reason}") from error
    except (KeyError, TypeError, ValueError, ValidationError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise _damaged(path, "its index makes no sense") from error


def _reopen(path: Path, name: str) -> PackedSplit:
    return open_packed(path).splits[name]


def _read_index(path: Path) -> tuple[bytes, int]:
    """The index, and where the pixels end."""
    with path.open("rb") as file:
        length = file.seek(0, io.SEEK_END)
        if length < FOOTER.size:
            raise _damaged(path, f"it has only {length} bytes")
        file.seek(-FOOTER.size, io.SEEK_END)
        magic, start, count, digest = FOOTER.unpack(file.read())
        if magic != MAGIC:
            raise _damaged(path, "its end is not that of a packed data set")
        if start + count + FOOTER.size != length:
            raise _damaged(path, f"it has {length} bytes, {start + count + FOOTER.size} were written")
        file.seek(start)
        raw = file.read(count)
    if hashlib.sha256(raw).digest() != digest:
        raise _damaged(path, "its index is not the one that was written")
    return raw, start


def _split(
    name: str,
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    *,
    policy: PackPolicy,
    failures: Mapping[str, list[str]],
    pixels: Pixels,
) -> PackedSplit:
    column = {key: arrays[f"{name}.{key}"] for key in _COLUMNS}
    files = arrays[f"{name}.files"].tobytes().decode("utf-8", "surrogateescape")
    return PackedSplit(
        name=name,
        labels=column["labels"],
        files=tuple(files.split("\0")[:-1]),
        num_bytes=column["num_bytes"],
        mtimes_ns=column["mtimes_ns"],
        sizes=np.stack([column["heights"], column["widths"]], axis=1),
        failures={int(index): (reason, detail) for index, (reason, detail) in failures.items()},
        shown=None if policy.keeps_whole(name) else policy.preprocessing,
        path=path,
        shards=arrays.get(f"{name}.shards"),
        _offsets=column["offsets"],
        _checksums=column["checksums"],
        _pixels=pixels,
        _checked=np.zeros(len(column["labels"]), np.bool_),
    )


def _damaged(path: Path, how: str) -> DataError:
    return DataError(
        f"the packed data set {str(path)!r} is damaged: {how}. Delete it and pack the data again"
    )
