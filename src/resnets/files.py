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
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"cannot write {str(target)!r}: {error.strerror or error}") from error
    return target


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
