"""The index of a shard: made once by reading it, kept in the cache as long as the shard is the same.

Of a shard on this machine its headers and classes are read, and size and time tell later whether it has
changed. One at an address is downloaded for it and stays in the cache while there is room; its images
are hashed on the way, so that a run knows all its data by digest without fetching it once more.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import threading
import zipfile
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from resnets.data.archive_members import ArchiveRefused
from resnets.data.shards.samples import Samples, read_samples
from resnets.data.shards.shard import LocalShard, RemoteShard, Shard
from resnets.data.shards.shard_cache import (
    DOWNLOADS,
    OnBytes,
    Stopped,
    index_path,
    open_cached,
    shown_url,
)
from resnets.errors import OutputError, printable
from resnets.files import write_bytes

log = logging.getLogger(__name__)

_VERSION = 1
_LOCAL_READERS = 8
# Threads that read headers: most of their time they wait for a disk or for a server of files.


@dataclass(frozen=True, eq=False)
class IndexedShard:
    """A shard and what is in it.

    Attributes:
        shard: how it is read.
        rows: (n, 4), of each image: first byte, size, where its name begins and ends in `names`.
        names: of the images' files, as UTF-8.
        classes: (n,), which of `class_texts`; -1 where the shard does not tell.
        class_texts: as the shard has them.
        digests: (n, 32), uint8, or (0, 32).
        num_without_image: samples of something else.
    """

    shard: Shard
    rows: NDArray[np.int64]
    names: bytes
    classes: NDArray[np.int64]
    class_texts: tuple[str, ...]
    digests: NDArray[np.uint8]
    num_without_image: int


def index_shards(addresses: Mapping[str, str]) -> tuple[list[IndexedShard], list[str]]:
    """Read what is in shards, or what was noted of them.

    Args:
        addresses: paths or addresses, by the names of the shards.

    Returns:
        The shards that can be used, in order, and a sentence about each of the others.

    Raises:
        DownloadError: if one cannot be had.
    """
    remote = [address for address in addresses.values() if is_address(address)]
    if new := sum(not index_path(address).exists() for address in remote):
        log.warning(
            "%s of %s shards are new here: each is downloaded once now, to note what is in it",
            f"{new:,}",
            f"{len(addresses):,}",
        )
    ended = threading.Event()

    def stop_if_ended(done: int, total: int | None) -> None:
        if ended.is_set():
            raise Stopped

    found: list[IndexedShard] = []
    problems = []
    with ThreadPoolExecutor(DOWNLOADS if remote else _LOCAL_READERS) as threads:
        work = [threads.submit(_indexed, *each, stop_if_ended) for each in addresses.items()]
        try:
            for each in work:
                try:
                    found.append(each.result())
                except ArchiveRefused as error:
                    problems.append(str(error))
        finally:
            ended.set()
            threads.shutdown(cancel_futures=True)
    return found, problems


def is_address(text: str) -> bool:
    """Whether a text is an address, also as a path that has lost one of its slashes."""
    return text.startswith(("https:/", "http:/"))


def _indexed(name: str, address: str, on_bytes: OnBytes) -> IndexedShard:
    try:
        if is_address(address):
            return _remote(name, address, on_bytes)
        return _local(name, Path(address))
    except ArchiveRefused as error:
        raise ArchiveRefused(f"the shard {printable(name)} {error}") from error


def _local(name: str, path: Path) -> IndexedShard:
    try:
        file = path.open("rb")
    except OSError as error:
        raise ArchiveRefused(f"cannot be read: {error.strerror or error}") from error
    with file:
        status = os.fstat(file.fileno())
        shard = LocalShard(name, status.st_size, path, status.st_mtime_ns)
        kept = index_path(str(path.absolute()))
        known = {"num_bytes": shard.num_bytes, "mtime_ns": shard.mtime_ns}
        if (noted := _read_index(kept)) and noted[0].items() >= known.items():
            return _with_shard(shard, noted)
        try:
            samples = read_samples(file, hashed=False)
        except OSError as error:
            raise ArchiveRefused(f"cannot be read: {error.strerror or error}") from error
    return _with_shard(shard, _keep(kept, known, samples))


def _remote(name: str, url: str, on_bytes: OnBytes) -> IndexedShard:
    kept = index_path(url)
    noted = _read_index(kept)
    if noted is None:
        log.info("reading what is in %s", shown_url(url))
        with open_cached(url, on_bytes=on_bytes) as file:
            samples = read_samples(file, hashed=True)
            num_bytes = file.seek(0, io.SEEK_END)
            digest = _sha256(file)
        noted = _keep(kept, {"num_bytes": num_bytes, "sha256": digest}, samples)
    return _with_shard(RemoteShard(name, noted[0]["num_bytes"], url, noted[0]["sha256"]), noted)


_Noted = tuple[dict[str, Any], Mapping[str, NDArray[Any]]]


def _with_shard(shard: Shard, noted: _Noted) -> IndexedShard:
    notes, arrays = noted
    return IndexedShard(
        shard,
        arrays["rows"],
        arrays["names"].tobytes(),
        arrays["classes"],
        tuple(notes["class_texts"]),
        arrays["digests"],
        notes["num_without_image"],
    )


def _keep(path: Path, known: Mapping[str, int | str], samples: Samples) -> _Noted:
    """Put what was read into arrays, and into the cache if it can be written."""
    names = [name.encode("utf-8", "surrogateescape") for name in samples.names]
    ends = np.cumsum([0, *map(len, names)], dtype=np.int64)
    texts = sorted({name for name in samples.classes if name is not None})
    number = {name: i for i, name in enumerate(texts)}
    arrays: dict[str, NDArray[Any]] = {
        "rows": np.stack([samples.offsets, samples.sizes, ends[:-1], ends[1:]], axis=1, dtype=np.int64),
        "names": np.frombuffer(b"".join(names), np.uint8),
        "classes": np.array([number.get(name or "", -1) for name in samples.classes], np.int64),
        "digests": np.frombuffer(b"".join(samples.digests), np.uint8).reshape(-1, 32),
    }
    notes = {"index": _VERSION, **known, "class_texts": texts}
    notes["num_without_image"] = samples.num_without_image
    packed = io.BytesIO()
    text = np.frombuffer(json.dumps(notes).encode(), np.uint8)
    np.savez_compressed(packed, allow_pickle=False, **arrays, notes=text)
    with suppress(OSError, OutputError):  # a cache that is only read: it is indexed anew each time
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, packed.getvalue())
    return notes, arrays


def _read_index(path: Path) -> _Noted | None:
    """What was kept; None if nothing was, or it cannot be read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ("rows", "names", "classes", "digests", "notes")}
        notes = json.loads(arrays["notes"].tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return (notes, arrays) if notes.get("index") == _VERSION else None


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # has readinto
