"""Shards that are read from addresses: downloaded whole into a folder that never grows beyond a limit.

<cache>/shards/KEY.tar         a complete shard; its time is that of its last use, more or less
<cache>/shards/KEY.tar.part    what has arrived of one
<cache>/shards/locks/          held by whoever downloads a shard, or makes room

Whole shards, not a request for each image: an epoch asks for each shard once instead of a million times,
a download that was cut goes on where it was, and any server of files will do. Where all shards have the
size of the largest one, the folder stays within its limit whatever processes share it: room is made
for as many shards as can be on their way.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from resnets.downloads.cache_folder import cache_folder, compute_digests, lock_path
from resnets.downloads.download import Patience, is_offline, persist
from resnets.downloads.transfer import StorageError, TransferError, forget, is_allowed, transfer
from resnets.errors import ConfigError, DataError, DownloadError, OutputError, printable

LIMIT = "RESNETS_SHARD_CACHE_GB"
"""Environment variable: how much shards may take, in units of 10^9 bytes."""

DOWNLOADS = 2
"""That run at a time, over all processes that share a cache."""

AHEAD = 2
"""Shards that are fetched before an epoch comes to them."""

SMALL_BYTES = 2**24
"""Size of what may lie beside shards: names of more classes than anybody tells apart."""

_USUAL_LIMIT = 20e9
_SHARE_OF_FREE = 0.5
_UNTOLD = 10**9
# Bytes that are expected at least of a shard whose server does not say how large it is.
_THERE_IS_NONE = ("answered 404", "answered 410")
_FRESH_S = 1.0
# A shard in use is marked as such at most so often.
_ABANDONED_S = 3600.0
_POLL_S = 0.05
_PATIENCE = Patience(tries=8)
# A minute and a half of pauses: a run of days should outlast a server that is started anew.
_ATTEMPTS = 3
# What was fetched may be thrown out for others before it is opened.

OnBytes = Callable[[int, int | None], None]
"""Is called with the bytes that have arrived of a shard, and their number; may raise `Stopped`."""


class Stopped(Exception):  # noqa: N818 - it is an order, not a mistake
    """Nobody waits for a shard any more; what has arrived of it is kept."""


def shards_folder() -> Path:
    """The folder `shards` of the cache; it may not exist yet."""
    return cache_folder() / "shards"


def cache_limit() -> int:
    """Bytes that shards may take: as RESNETS_SHARD_CACHE_GB says, or 20 GB, or half of a smaller disk.

    Raises:
        ConfigError: if the variable is not a positive number.
    """
    if said := os.environ.get(LIMIT, "").strip():
        with suppress(ValueError, OverflowError):
            if (limit := int(float(said) * 1e9)) > 0:
                return limit
        raise ConfigError(LIMIT, [f"must be a number of gigabytes above 0, got {said!r}"])
    folder = shards_folder()
    taken = sum(size for _, size, _ in _kept(folder))
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return int(min(_USUAL_LIMIT, _SHARE_OF_FREE * (shutil.disk_usage(there).free + taken)))


@dataclass(frozen=True)
class KeptShards:
    """Shards in the cache.

    Attributes:
        count: of their files, those of abandoned downloads among them.
        num_bytes: of all of them.
        limit_bytes: that they may take.
    """

    count: int
    num_bytes: int
    limit_bytes: int


def kept_shards() -> KeptShards:
    """Count the shards in the cache.

    Raises:
        ConfigError: as `cache_limit`.
    """
    sizes = [size for _, size, _ in _kept(shards_folder())]
    return KeptShards(len(sizes), sum(sizes), cache_limit())


def delete_shards() -> KeptShards:
    """Delete all shards in the cache, and say what was deleted; whoever reads one goes on.

    Raises:
        ConfigError: as `cache_limit`.
    """
    before = kept_shards()
    if not before.count:
        return before
    _make_room(shards_folder(), 0)
    after = kept_shards()
    return KeptShards(before.count - after.count, before.num_bytes - after.num_bytes, before.limit_bytes)


def shown_url(url: str) -> str:
    """An address without what may be a key."""
    return printable(url.partition("?")[0])


def key_of(address: str) -> str:
    """What a shard is called in the cache: 32 digits, of its path or its address without a query."""
    plain = address.partition("?")[0] if "://" in address else address
    return hashlib.sha256(plain.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def open_cached(
    url: str, *, sha256: str = "", on_bytes: OnBytes | None = None, patience: Patience | None = None
) -> BinaryIO:
    """Open a shard, after downloading it if it is not in the cache.

    Args:
        url: its address.
        sha256: that a download must have; '' for any.
        on_bytes: is called often while it arrives.
        patience: with slow and busy servers.

    Raises:
        DownloadError: if it cannot be had.
        DataError: if another file is there now, or it is larger than all shards may be.
        OutputError: if it cannot be kept.
    """
    target = shards_folder() / f"{key_of(url)}.tar"
    for _ in range(_ATTEMPTS):
        try:
            return _opened(target)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise OutputError(f"cannot read {target}: {error.strerror or error}") from error
        _refuse_offline(url)
        _fetch(url, target, sha256, on_bytes or _ignore, patience or _PATIENCE)
    raise OutputError(
        f"shards in {target.parent} are thrown out before they are read: other processes need its room "
        f"as well; set {LIMIT} to more than {cache_limit() / 1e9:.3g}"
    )


def _fetch(url: str, target: Path, sha256: str, on_bytes: OnBytes, patience: Patience) -> None:
    """Get a shard, unless another process has stored it meanwhile."""
    try:
        lock_path(target).parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock_path(target)):
            if not target.exists():
                with _turn(target.parent):
                    _download(url, target, sha256, on_bytes, patience)
    except TransferError as error:
        raise DownloadError(f"cannot download {shown_url(url)}: it {error}") from error
    except (StorageError, OSError) as error:
        if isinstance(error, DownloadError | OutputError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"cannot keep shards in {target.parent}: {reason}. Make room there, set {LIMIT}, or choose "
            "another folder with RESNETS_CACHE"
        ) from error


def read_small(url: str, *, patience: Patience | None = None) -> bytes | None:
    """Read a small file beside shards; None if there is none. The answer is kept in the cache.

    Args:
        url: its address.
        patience: with slow and busy servers.

    Raises:
        DownloadError: if the server does not say whether there is one.
    """
    kept = index_path(url).with_suffix(".txt")
    with suppress(OSError):
        return kept.read_bytes() or None
    _refuse_offline(url)
    try:
        lock_path(kept).parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock_path(kept)):
            if not kept.exists():
                _fetch_small(url, kept, patience or Patience())
            return kept.read_bytes() or None
    except TransferError as error:
        if not error.again and str(error).startswith("answered 4"):
            return None  # to this key or on this day
        raise DownloadError(f"cannot download {shown_url(url)}: it {error}") from error
    except (StorageError, OSError) as error:
        raise OutputError(f"cannot write {kept}: {error}") from error


def _fetch_small(url: str, kept: Path, patience: Patience) -> None:
    """Keep a small file, or that there is none."""
    part = Path(f"{kept}.part")
    try:
        _transfer(url, part, SMALL_BYTES, _ignore, patience)
        part.replace(kept)
    except TransferError as error:
        if not str(error).startswith(_THERE_IS_NONE):
            raise
        kept.write_bytes(b"")
    finally:
        with suppress(OSError):
            forget(part)


def _refuse_offline(url: str) -> None:
    if is_offline():
        raise DownloadError(f"RESNETS_OFFLINE is set, and {shown_url(url)} is not in the cache")


def _opened(target: Path) -> BinaryIO:
    file = target.open("rb", buffering=0)
    if time.time() - os.fstat(file.fileno()).st_mtime > _FRESH_S:
        with suppress(OSError):  # thrown out since, or a cache that is only read
            os.utime(target)
    return file


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait until one more download may run."""
    locks = [FileLock(folder / "locks" / f"download-{number}.lock") for number in range(DOWNLOADS)]
    while True:
        for lock in locks:
            with suppress(Timeout):
                lock.acquire(timeout=0)
                try:
                    yield
                finally:
                    lock.release()
                return
        time.sleep(_POLL_S)


def _download(url: str, target: Path, sha256: str, on_bytes: OnBytes, patience: Patience) -> None:
    part = Path(f"{target}.part")
    limit = cache_limit()
    told: list[int | None] = []

    def arrived(done: int, total: int | None) -> None:
        if not told:
            largest = max((size for _, size, _ in _kept(target.parent)), default=0)
            _make_room(target.parent, limit - DOWNLOADS * (total or max(largest, _UNTOLD)))
            told.append(total)
        on_bytes(done, total)

    try:
        _transfer(url, part, limit, arrived, patience, again=bool(sha256))
    except StorageError:
        forget(part)  # a full disk harms others too
        raise
    found = compute_digests(part)["sha256"]
    if sha256 and found != sha256:
        forget(part)
        raise DataError(
            f"the shard {shown_url(url)} is not the file that it was when it was first read: delete "
            f"{index_path(url)} to begin anew with what it is now"
        )
    part.replace(target)
    forget(part)


def _transfer(
    url: str, part: Path, most: int, on_bytes: OnBytes, patience: Patience, *, again: bool = False
) -> None:
    if not is_allowed(url, local=True):
        raise TransferError("must begin with https:// or http://localhost")
    silence = patience.timeout_seconds

    def attempt() -> None:
        try:
            transfer(url, part, max_bytes=most, timeout_seconds=silence, on_bytes=on_bytes)
        except TransferError as error:
            if again and str(error).startswith("cannot be reached"):
                raise TransferError(str(error), again=True) from error  # it was there before
            raise

    persist(shown_url(url), attempt, patience)


def index_path(address: str) -> Path:
    """Where the index of a shard is kept.

    Args:
        address: of the shard, or its absolute path.
    """
    return shards_folder() / "indexes" / f"{key_of(address)}.npz"


def _make_room(folder: Path, most: int) -> None:
    """Delete shards, those first that were not used for longest, until the others take so little."""
    with FileLock(folder / "locks" / "room.lock"):
        found = _kept(folder)
        taken = sum(size for _, size, _ in found)
        for _, size, file in sorted(found):
            if taken <= most:
                break
            with suppress(OSError):  # in use, on systems where that forbids it
                file.unlink()
                taken -= size


def _kept(folder: Path) -> list[tuple[float, int, Path]]:
    """Time of the last use, size and path of each shard, and of parts that nobody goes on with."""
    found = []
    for file in folder.glob("*.tar*"):
        with suppress(FileNotFoundError):  # thrown out or renamed since
            status = file.stat()
            if file.suffix == ".tar" or time.time() - status.st_mtime > _ABANDONED_S:
                found.append((status.st_mtime, status.st_size, file))
    return found


def _ignore(done: int, total: int | None) -> None:
    pass
