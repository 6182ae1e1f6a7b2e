"""Writing files so that a failure leaves the old one as it was."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from resnets.errors import OutputError, ResNetsError

_UNFINISHED = ".resnets-"


def is_unfinished(path: Path) -> bool:
    """Whether a file is what a process left that was killed while it wrote.

    Args:
        path: of the file.
    """
    return path.name.startswith(_UNFINISHED)


def write_text(path: str | Path, text: str) -> Path:
    """Write a text in one step, as UTF-8.

    Args:
        path: of the file; its folder must exist.
        text: all of it.

    Raises:
        OutputError: with the reason.
    """
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error}") from error
    return write_bytes(path, content)


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write a file in one step: whoever reads it sees the old content or the new one.

    Args:
        path: of the file; its folder must exist.
        content: all of it.

    Raises:
        OutputError: with the reason.
    """
    with replacing(path) as file:
        file.write(content)
    return Path(path)


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of another when all of it is written, or not at all.

    Args:
        path: of the file; its folder must exist.

    Raises:
        OutputError: with the reason.
    """
    target = Path(path)
    try:
        target = target.resolve()  # a link stays a link
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=_UNFINISHED)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(mode)
            temporary.replace(target)
            with suppress(OSError):
                sync_folder(target.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except ResNetsError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write {str(path)!r}: {reason}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, as far as its system can.

    Args:
        folder: in which a file or folder was made or renamed.

    Raises:
        OSError: if the disk fails.
    """
    if os.name == "nt":  # has no such call and needs none
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot
            raise
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
