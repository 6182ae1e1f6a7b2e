"""Getting a published file into the cache: locked, verified, whole or not at all.

The environment decides where from: RESNETS_MIRRORS (addresses of folders, separated by commas; each is
asked for ADDRESS/NAME before the publisher is), RESNETS_OFFLINE=1 (nowhere), and the usual https_proxy.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from resnets.downloads.cache_folder import (
    FileRecord,
    compute_digests,
    describe_misfit,
    find_damage,
    lock_path,
    note_if_possible,
    remember,
    weights_folder,
)
from resnets.downloads.remote_file import RemoteFile
from resnets.downloads.transfer import (
    Progress,
    Received,
    StorageError,
    TransferError,
    forget,
    is_allowed,
    transfer,
)
from resnets.errors import ConfigError, DownloadError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long a download bears with a server.

    Attributes:
        tries: at each address, where a connection is cut or a server is busy.
        timeout_seconds: that a server may be silent.
        pause_seconds: before the second try; each pause is twice the last, up to 30 s.
    """

    tries: int = 5
    timeout_seconds: float = 30.0
    pause_seconds: float = 1.0


def is_offline() -> bool:
    """Whether RESNETS_OFFLINE forbids every connection."""
    return os.environ.get("RESNETS_OFFLINE", "").strip().lower() not in ("", "0", "false", "no", "off")


def addresses(file: RemoteFile) -> list[str]:
    """Where a file is asked for, in order: the mirrors, then its publisher.

    Args:
        file: what is asked for.

    Raises:
        ConfigError: if a mirror is neither https nor on this machine.
    """
    named = os.environ.get("RESNETS_MIRRORS", "").split(",")
    mirrors = [mirror.strip().rstrip("/") for mirror in named if mirror.strip()]
    if bad := [mirror for mirror in mirrors if not is_allowed(mirror, local=True)]:
        raise ConfigError(
            "RESNETS_MIRRORS",
            [f"{mirror!r} must begin with https:// or http://localhost" for mirror in bad],
        )
    return [*(f"{mirror}/{file.name}" for mirror in mirrors), file.url]


def download(
    file: RemoteFile,
    *,
    folder: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    patience: Patience | None = None,
) -> Path:
    """Give the path of a published file, after downloading it if it is not in the cache.

    Two processes that ask for the same file download it once. A file that is damaged is downloaded
    again. What has arrived of a download that was stopped is used by the next.

    Args:
        file: what to get.
        folder: that keeps it. [the cache's folder of weights]
        on_progress: called often while the file arrives.
        patience: with slow and busy servers. [5 tries, 30 s of silence]

    Returns:
        The path; the file there has the published hash.

    Raises:
        DownloadError: if it cannot be had; the message says how to place it by hand.
        ConfigError: if a mirror in RESNETS_MIRRORS is not allowed.
    """
    target = (folder or weights_folder()) / file.name
    try:
        damage = find_damage(target, file) if target.is_file() else "is not in the cache"
        if damage:
            _replace(target, file, damage, on_progress or _ignore, patience or Patience())
    except (StorageError, OSError) as error:
        if isinstance(error, DownloadError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise DownloadError(
            f"cannot keep {file.name} in {target.parent}: {reason}. Make room there, or choose another "
            "folder with RESNETS_CACHE"
        ) from error
    return target


def _replace(
    target: Path,
    file: RemoteFile,
    damage: str,
    on_progress: Callable[[Progress], None],
    patience: Patience,
) -> None:
    if is_offline():
        raise DownloadError(
            f"RESNETS_OFFLINE is set, and {file.name} {damage}. {_by_hand(file, target)}"
        )
    urls = addresses(file)
    lock_path(target).parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock_path(target)):
        # Another process may have stored it while this one waited.
        if not target.is_file() or find_damage(target, file):
            _fetch(file, urls, target, on_progress, patience)


def _fetch(
    file: RemoteFile,
    urls: list[str],
    target: Path,
    on_progress: Callable[[Progress], None],
    patience: Patience,
) -> None:
    failures: list[str] = []
    for url in urls:
        try:
            _fetch_from(url, file, target, on_progress, patience)
        except TransferError as error:
            log.info("%s %s", url, error)
            failures.append(f"{url} {error}")
        else:
            return
    raise DownloadError(f"cannot download {file.name}: {'; '.join(failures)}. {_by_hand(file, target)}")


def _fetch_from(
    url: str,
    file: RemoteFile,
    target: Path,
    on_progress: Callable[[Progress], None],
    patience: Patience,
) -> None:
    part = Path(f"{target}.part")

    def attempt() -> None:
        received = transfer(
            url,
            part,
            max_bytes=file.max_bytes,
            timeout_seconds=patience.timeout_seconds,
            on_bytes=lambda done, total: on_progress(Progress(file.name, done, total)),
        )
        _store(part, target, file, url, received)

    try:
        persist(url, attempt, patience)
    except StorageError:
        forget(part)  # a full disk harms others too
        raise


def persist(url: str, attempt: Callable[[], None], patience: Patience) -> None:
    """Try to get a file, again where another try may succeed.

    Args:
        url: its address, for the log.
        attempt: does it.
        patience: how often, and with what pauses.

    Raises:
        TransferError: of the last try.
    """
    pause = patience.pause_seconds
    for number in range(1, patience.tries + 1):
        try:
            attempt()
        except TransferError as error:
            if not error.again:
                raise
            if number == patience.tries:
                raise TransferError(f"{error} ({number} tries)") from error
            log.info("%s %s; again in %g s", url, error, pause)
            time.sleep(pause)
            pause = min(2 * pause, 30.0)
        else:
            return


def _store(part: Path, target: Path, file: RemoteFile, url: str, received: Received) -> None:
    """Verify what has arrived and give it its name."""
    digests = compute_digests(part, md5=file.hash_kind == "md5")
    expected = _announced(file, received) if url == file.url else file
    if misfit := describe_misfit(digests, expected):
        forget(part)
        # A part from an earlier try may be to blame; a whole file will be the same again.
        raise TransferError(f"sent a file that {misfit}", again=not received.is_certain)
    num_bytes = part.stat().st_size
    part.replace(target)
    forget(part)
    _persist_name(target)
    note_if_possible(target, FileRecord(digests["sha256"], num_bytes, url))
    remember(target, file)


def _persist_name(path: Path) -> None:
    """Make a new name outlive a power cut, where the system can; a lost one costs a download."""
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _announced(file: RemoteFile, received: Received) -> RemoteFile:
    """The file with the hash that its publisher's server sent, where that is how it is published."""
    if file.hash_kind != "header":
        return file
    sent = received.first_headers.get(file.hash_value, "").strip('"').lower()
    if not re.fullmatch(r"[0-9a-f]{64}", sent):
        raise TransferError(f"sent no SHA-256 in its header {file.hash_value!r}")
    return file.model_copy(update={"hash": f"sha256:{sent}"})


def _by_hand(file: RemoteFile, target: Path) -> str:
    return f"To place it by hand: save {file.url} as {target}"


def _ignore(progress: Progress) -> None:
    pass
