"""Where downloaded files are kept, and what is noted about them.

<cache>/weights/NAME             a complete file; also one that a user puts there
<cache>/weights/NAME.json        its SHA-256 and size when it was stored
<cache>/weights/NAME.part        what has arrived of a download, with NAME.part.json
<cache>/weights/locks/NAME.lock  held by the process that downloads or deletes it
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from resnets.downloads.remote_file import RemoteFile
from resnets.errors import OutputError
from resnets.files import write_text

Stamp = tuple[int, int, int]

_recognised: dict[Path, tuple[Stamp, str]] = {}  # files that this process has hashed, and as what


@dataclass(frozen=True)
class FileRecord:
    """What was true of a file when it was stored.

    Attributes:
        sha256: in full.
        num_bytes: its size.
        url: where it came from; empty if a user put it there.
    """

    sha256: str
    num_bytes: int
    url: str


def cache_folder() -> Path:
    """RESNETS_CACHE, or `resnets` in XDG_CACHE_HOME, or ~/.cache/resnets."""
    if chosen := os.environ.get("RESNETS_CACHE"):
        return Path(chosen).expanduser().absolute()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification: paths must be absolute, others are ignored.
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "resnets"


def weights_folder() -> Path:
    """The folder of the cache that holds weights; it may not exist yet."""
    return cache_folder() / "weights"


def lock_path(path: Path) -> Path:
    """The lock of a file in the cache."""
    return path.parent / "locks" / f"{path.name}.lock"


def read_record(path: Path) -> FileRecord | None:
    """Read what was noted about a file; None if nothing was, or it cannot be read."""
    try:
        noted = json.loads(Path(f"{path}.json").read_text("utf-8"))
        return FileRecord(str(noted["sha256"]), int(noted["num_bytes"]), str(noted["url"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(path: Path, record: FileRecord) -> None:
    """Note what is true of a file."""
    write_text(f"{path}.json", json.dumps(asdict(record), indent=1) + "\n")


def stamp(path: Path) -> Stamp:
    """What changes when a file does: size, time of modification, inode."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def compute_digests(path: Path, *, md5: bool = False) -> dict[str, str]:
    """Hash a file in one pass.

    Args:
        path: of the file.
        md5: compute that too; it recognises what a publisher describes so, and secures nothing.
    """
    hashes = {"sha256": hashlib.sha256()}
    if md5:
        hashes["md5"] = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            for each in hashes.values():
                each.update(chunk)
    return {name: each.hexdigest() for name, each in hashes.items()}


def find_damage(path: Path, file: RemoteFile) -> str | None:
    """Compare a file in the cache with what was published and noted.

    The file is hashed at its first use in a process, and again whenever its stamp changes. A file
    that nothing was noted about, as a user put it there, gets its note.

    Args:
        path: of the file.
        file: what it should be.

    Returns:
        What is wrong with it, as in 'has the SHA-256 ...'; None if it is good.
    """
    now = stamp(path)
    if _recognised.get(path) == (now, file.hash):
        return None
    digests = compute_digests(path, md5=file.hash_kind == "md5")
    record = read_record(path)
    if problem := describe_misfit(digests, file, record):
        return problem
    if record is None:
        note_if_possible(path, FileRecord(digests["sha256"], now[0], ""))
    remember(path, file)
    return None


def remember(path: Path, file: RemoteFile) -> None:
    """Take a file as hashed and found good, until its stamp changes."""
    _recognised[path] = (stamp(path), file.hash)


def describe_misfit(
    digests: dict[str, str], file: RemoteFile | None, record: FileRecord | None = None
) -> str | None:
    """Say how a file differs from what was noted or published, as in 'has the MD5 ...'.

    Args:
        digests: of the file, by the names 'sha256' and 'md5'.
        file: what was published, if known.
        record: what was noted, if anything.
    """
    if record is not None and record.sha256 != digests["sha256"]:
        return f"has the SHA-256 {digests['sha256']}, and had {record.sha256} when it was stored"
    if file is None or file.fits(digests) is not False:
        return None
    if file.hash_kind == "md5":
        return f"has the MD5 {digests['md5']}; published is {file.hash_value}"
    more = "..." if file.hash_kind == "sha256_prefix" else ""
    return f"has the SHA-256 {digests['sha256']}; published is {file.hash_value}{more}"


def note_if_possible(path: Path, record: FileRecord) -> None:
    """Note what is true of a file, unless the cache cannot be written."""
    try:
        write_record(path, record)
    except OutputError:
        return  # a shared cache, read-only: the published hash is all there is to compare with
