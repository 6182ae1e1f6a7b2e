"""Writing files so that a failure leaves the old one as it was."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from resnets.errors import OutputError


def write_text(path: str | Path, text: str) -> Path:
    """Write a file in one step: whoever reads it sees the old text or the new one.

    Args:
        path: of the file; its folder must exist.
        text: all of it.

    Raises:
        OutputError: with the reason.
    """
    target = Path(path)
    try:
        target = target.resolve()  # a link stays a link
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".resnets-")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(mode)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write {str(path)!r}: {reason}") from error
    return Path(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
