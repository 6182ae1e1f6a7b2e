"""What is in the cache of downloaded weights: listed, verified, deleted; shards with them.

Only files in the cache's own folder are touched: links, folders, and files that are neither in the
catalogue nor noted by a download are left alone, as RESNETS_CACHE may name a folder that holds more.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from resnets.data.shards.shard_cache import KeptShards, delete_shards
from resnets.downloads.cache_folder import (
    compute_digests,
    describe_misfit,
    lock_path,
    read_record,
    weights_folder,
)
from resnets.downloads.remote_file import RemoteFile
from resnets.downloads.transfer import forget
from resnets.errors import OutputError
from resnets.weights.catalog import published_weights


@dataclass(frozen=True)
class CachedFile:
    """One file in the cache.

    Attributes:
        name: of the file.
        num_bytes: its size.
        kind: 'complete', 'partial' (a download that was stopped) or 'unknown' (not ours).
        sha256: as noted when it was stored; None if it was not.
        url: where it came from; None if a user put it there.
        weights: what the catalogue calls it, as in 'resnet50:torchvision_v2'.
    """

    name: str
    num_bytes: int
    kind: Literal["complete", "partial", "unknown"]
    sha256: str | None = None
    url: str | None = None
    weights: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class VerifiedFile:
    """One complete file, hashed anew.

    Attributes:
        name: of the file.
        state: 'good', 'damaged', or 'unknown' if there is nothing to compare with.
        problem: as in 'has the SHA-256 ...'; None if there is none.
    """

    name: str
    state: Literal["good", "damaged", "unknown"]
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class CacheCleaning:
    """What `cache_clean` did.

    Attributes:
        removed: files that were deleted.
        in_use: names of files that another process is downloading; they were left.
        shards: of data sets, that were deleted; None if only weights were asked for.
    """

    removed: tuple[CachedFile, ...]
    in_use: tuple[str, ...]
    shards: KeptShards | None = None

    @property
    def num_bytes(self) -> int:
        """How much room was made."""
        shards = self.shards.num_bytes if self.shards else 0
        return shards + sum(file.num_bytes for file in self.removed)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return {**asdict(self), "num_bytes": self.num_bytes}


def cache_list() -> tuple[CachedFile, ...]:
    """Name the files in the cache, in alphabetical order."""
    published = _published_names()
    return tuple(_describe(path, published) for path in _regular_files())


def cache_verify() -> tuple[VerifiedFile, ...]:
    """Hash every complete file, and compare with what was noted and published."""
    published = _published_files()
    listed = [file for file in cache_list() if file.kind == "complete"]
    return tuple(_verify(file.name, published.get(file.name)) for file in listed)


def cache_clean(pattern: str = "*", *, partial_only: bool = False) -> CacheCleaning:
    """Delete files from the cache: weights, and without a pattern also shards of data sets.

    Args:
        pattern: of their names or of what the catalogue calls them, with shell wildcards.
        partial_only: only what is left of downloads that were stopped.

    Raises:
        OutputError: if a file cannot be deleted.
    """
    removed: list[CachedFile] = []
    in_use: list[str] = []
    for file in cache_list():
        names = (file.name, file.name.removesuffix(".part"), *file.weights)
        chosen = any(fnmatch.fnmatchcase(name, pattern) for name in names)
        if not chosen or file.kind == "unknown" or (partial_only and file.kind == "complete"):
            continue
        path = weights_folder() / file.name
        try:
            deleted = _delete(path)
        except OSError as error:
            raise OutputError(f"cannot delete {path}: {error.strerror or error}") from error
        if deleted:
            removed.append(file)
        else:
            in_use.append(file.name)
    shards = delete_shards() if pattern == "*" and not partial_only else None
    return CacheCleaning(tuple(removed), tuple(in_use), shards)


def _regular_files() -> list[Path]:
    """Every file that is neither a link nor a note of ours."""
    folder = weights_folder()
    if folder.is_symlink() or not folder.is_dir():
        return []
    entries = sorted(folder.iterdir())
    names = {path.name for path in entries}
    return [
        path
        for path in entries
        if stat.S_ISREG(path.lstat().st_mode)
        and path.name.removesuffix(".json") not in names - {path.name}
    ]


def _describe(path: Path, published: dict[str, tuple[str, ...]]) -> CachedFile:
    num_bytes = path.lstat().st_size
    if path.suffix == ".part" and os.path.lexists(f"{path}.json"):
        return CachedFile(path.name, num_bytes, "partial", weights=published.get(path.stem, ()))
    record, weights = read_record(path), published.get(path.name, ())
    if record is None:
        return CachedFile(path.name, num_bytes, "complete" if weights else "unknown", weights=weights)
    return CachedFile(
        path.name, num_bytes, "complete", sha256=record.sha256, url=record.url or None, weights=weights
    )


def _verify(name: str, file: RemoteFile | None) -> VerifiedFile:
    path = weights_folder() / name
    record = read_record(path)
    digests = compute_digests(path, md5=file is not None and file.hash_kind == "md5")
    if problem := describe_misfit(digests, file, record):
        return VerifiedFile(name, "damaged", problem)
    nothing_known = record is None and (file is None or file.fits(digests) is None)
    return VerifiedFile(name, "unknown" if nothing_known else "good")


def _delete(path: Path) -> bool:
    """Delete a file and its note, unless another process is at work on it."""
    lock = lock_path(path.with_name(path.name.removesuffix(".part")))
    lock.parent.mkdir(exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            forget(path)
    except Timeout:
        return False
    return True


def _published_files() -> dict[str, RemoteFile]:
    return {
        file.name: file
        for row in published_weights()
        for file in (row.file, row.file_without_top)
        if file is not None
    }


def _published_names() -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for row in published_weights():
        for file in (row.file, row.file_without_top):
            if file is not None:
                names[file.name] = (*names.get(file.name, ()), row.name)
    return names
