"""Images that are no files of their own: members of a shard, rows of a table.

They have names as if they were files, for reports and manifests; no name leads to a place on a disk.
"""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray


class StoredImage(ABC):
    """One image, which is read when it is asked for."""

    @abstractmethod
    def as_posix(self) -> str:
        """Its name in the data set, with '/' between parts."""

    @abstractmethod
    def stamp(self) -> tuple[int, int]:
        """Its size in bytes, and a number that changes when its bytes may have changed."""

    @abstractmethod
    def read_bytes(self) -> bytes:
        """Read the encoded image.

        Raises:
            DataError: if what it is kept in has changed or is damaged.
            DownloadError: if it cannot be had.
        """

    def sha256(self) -> str:
        """Digest of the encoded image, in hexadecimal; raises what `read_bytes` does."""
        return hashlib.sha256(self.read_bytes()).hexdigest()

    @property
    def name(self) -> str:
        """The last part of its name."""
        return PurePosixPath(self.as_posix()).name

    def __str__(self) -> str:
        return self.as_posix()


class StoredImages(Sequence[StoredImage], ABC):
    """The images of a split, each made when it is asked for: a million take some megabytes."""

    @abstractmethod
    def take(self, places: NDArray[Any]) -> Self:
        """Choose images by their places or by a mask (N,)."""

    @property
    def shards(self) -> NDArray[np.int64] | None:
        """(N,), the number of the shard that each image is in; None where all are equally near."""
        return None

    def spread(self, count: int) -> list[int]:
        """Places of some images that stand for all, at equal distances.

        Args:
            count: of them; fewer where there are fewer.
        """
        return evenly(np.arange(len(self)), count)


ImageFile: TypeAlias = Path | StoredImage
"""An encoded image: a file, or what is read like one."""


def stamp_of(image: ImageFile) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds, or what stands for it.

    Args:
        image: of a data set.

    Raises:
        OSError: if there is no such file.
    """
    if isinstance(image, StoredImage):
        return image.stamp()
    status = image.stat()
    return status.st_size, status.st_mtime_ns


def sha256_of(image: ImageFile) -> str:
    """Digest of an encoded image, in hexadecimal.

    Args:
        image: of a data set.

    Raises:
        OSError: if a file cannot be read.
    """
    if isinstance(image, StoredImage):
        return image.sha256()
    with open(image, "rb", buffering=0) as file:  # noqa: PTH123 - there may be a million
        return hashlib.file_digest(file, "sha256").hexdigest()


def openable(image: ImageFile) -> Path | io.BytesIO:
    """What Pillow opens: the file, or the bytes of what is none.

    Args:
        image: of a data set.
    """
    return io.BytesIO(image.read_bytes()) if isinstance(image, StoredImage) else image


def spread_places(images: Sequence[ImageFile], count: int) -> list[int]:
    """Places of some images that stand for all; of shards that are far away, only some are read.

    Args:
        images: of a split.
        count: of them; fewer where there are fewer.
    """
    if isinstance(images, StoredImages):
        return images.spread(count)
    return evenly(np.arange(len(images)), count)


def evenly(places: NDArray[np.int64], count: int) -> list[int]:
    """Choose some of them at equal distances.

    Args:
        places: to choose from.
        count: of those to choose; fewer where there are fewer.
    """
    chosen = np.linspace(0, len(places) - 1, min(len(places), count)).astype(int)
    found: list[int] = places[chosen].tolist()
    return found
