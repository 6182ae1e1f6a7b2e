"""Images in shards: each is a place in a tar, which is read when the image is asked for."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self, overload

import numpy as np
from numpy.typing import NDArray

from resnets.data.order import SHARDS_AT_ONCE
from resnets.data.shards.samples import digest_of
from resnets.data.shards.shard_cache import OnBytes, open_cached, shown_url
from resnets.data.stored_images import StoredImage, StoredImages, evenly
from resnets.errors import DataError, printable


@dataclass(frozen=True)
class Shard(ABC):
    """A tar of images.

    Attributes:
        name: in the data set.
        num_bytes: its size when it was indexed.
    """

    name: str
    num_bytes: int

    @property
    @abstractmethod
    def version(self) -> int:
        """Another number once it may have other bytes."""

    @abstractmethod
    def open(self, on_bytes: OnBytes | None = None) -> BinaryIO:
        """Open it.

        Args:
            on_bytes: is told of what arrives of it.

        Raises:
            DataError: if it is not what it was.
            DownloadError: if it cannot be had.
        """

    def read(self, offset: int, size: int) -> bytes:
        """Read a part of it.

        Args:
            offset: of the first byte.
            size: in bytes.

        Raises:
            DataError: if it is not what it was.
            DownloadError: if it cannot be had.
        """
        with self.open() as file:
            try:
                file.seek(offset)
                content = file.read(size)
            except OSError as error:
                raise self._failed(f"cannot be read: {error.strerror or error}") from error
        if len(content) < size:
            raise self._failed("is cut off")
        return content

    def _failed(self, how: str) -> DataError:
        return DataError(f"the shard {printable(self.name)} {how}")


@dataclass(frozen=True)
class LocalShard(Shard):
    """A shard on this machine.

    Attributes:
        path: of the file.
        mtime_ns: time of its last change when it was indexed.
    """

    path: Path
    mtime_ns: int

    @property
    def version(self) -> int:
        """The time of its last change."""
        return self.mtime_ns

    def open(self, on_bytes: OnBytes | None = None) -> BinaryIO:
        """Open it, if it is still the file that it was."""
        try:
            file = open(self.path, "rb", buffering=0)  # noqa: PTH123, SIM115 - for every image
        except OSError as error:
            raise self._failed(f"cannot be read: {error.strerror or error}") from error
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.num_bytes, self.mtime_ns):
            file.close()
            raise self._failed("has changed since it was opened: open the data set anew")
        return file


@dataclass(frozen=True)
class RemoteShard(Shard):
    """A shard that is fetched from an address when it is read.

    Attributes:
        url: its address.
        sha256: of all of it, in hexadecimal.
    """

    url: str
    sha256: str

    @property
    def version(self) -> int:
        """The first digits of its digest."""
        return int(self.sha256[:15], 16)

    def open(self, on_bytes: OnBytes | None = None) -> BinaryIO:
        """Open it in the cache, after downloading it if it is not there."""
        file = open_cached(self.url, sha256=self.sha256, on_bytes=on_bytes)
        if os.fstat(file.fileno()).st_size != self.num_bytes:
            file.close()
            path = getattr(file, "name", "")
            raise DataError(f"{path} is not the shard {shown_url(self.url)} that was indexed: delete it")
        return file


@dataclass(frozen=True, slots=True)
class ShardImage(StoredImage):
    """An image in a shard.

    Attributes:
        shard: that it is in.
        member: name of its file there.
        offset: of its first byte.
        size: in bytes.
        digest: SHA-256, where it is known.
    """

    shard: Shard
    member: str
    offset: int
    size: int
    digest: bytes = b""

    def as_posix(self) -> str:
        """The shard and the file in it, as in 'train-000.tar/0001.jpg'."""
        return f"{self.shard.name}/{self.member.removeprefix('./').lstrip('/')}"

    def __str__(self) -> str:
        return self.as_posix()

    def stamp(self) -> tuple[int, int]:
        """Its size, and the version of its shard."""
        return self.size, self.shard.version

    def read_bytes(self) -> bytes:
        """Read the file."""
        return self.shard.read(self.offset, self.size)

    def sha256(self) -> str:
        """As it was indexed, or else of what is read."""
        if self.digest:
            return self.digest.hex()
        with self.shard.open() as file:
            return digest_of(file, self.offset, self.size).hex()


@dataclass(frozen=True, eq=False)
class ShardImages(StoredImages):
    """The images of a split in shards.

    Attributes:
        files: the shards.
        rows: (N, 5), of each image: which of the shards it is in, its first byte there, its size, and
            where its name begins and ends in `names`.
        names: of the files in the shards, one after the other, as UTF-8.
        digests: (N, 32), uint8, SHA-256 of each; (0, 32) where they are not known.
    """

    files: tuple[Shard, ...]
    rows: NDArray[np.int64]
    names: bytes
    digests: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> ShardImage: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> ShardImage | Self:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        shard, offset, size, start, stop = self.rows[index].tolist()
        name = self.names[start:stop].decode("utf-8", "surrogateescape")
        digest = self.digests[index].tobytes() if len(self.digests) else b""
        return ShardImage(self.files[shard], name, offset, size, digest)

    def take(self, places: NDArray[Any]) -> Self:
        """Choose images by their places or by a mask (N,)."""
        digests = self.digests[places] if len(self.digests) else self.digests
        return type(self)(self.files, self.rows[places], self.names, digests)

    @property
    def shards(self) -> NDArray[np.int64]:
        """(N,), the number of the shard that each image is in."""
        numbers: NDArray[np.int64] = self.rows[:, 0]
        return numbers

    @property
    def are_remote(self) -> bool:
        """Whether shards are fetched when they are read."""
        return any(isinstance(file, RemoteShard) for file in self.files)

    def spread(self, count: int) -> list[int]:
        """Places at equal distances; of shards that would be fetched, in a few of them only."""
        places = np.arange(len(self))
        if self.are_remote:
            near = evenly(np.unique(self.shards), SHARDS_AT_ONCE)
            places = places[np.isin(self.shards, near)]
        return evenly(places, count)
