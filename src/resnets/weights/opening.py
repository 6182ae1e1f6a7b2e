"""Opening files that somebody else made: regular files only, and names that a terminal can show."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path

from resnets.errors import WeightsError


def open_weights(path: str | Path) -> BufferedReader:
    """Open a file of weights for reading; never waits, as a named pipe would make it.

    Args:
        path: of the file.

    Raises:
        WeightsError: if it cannot be opened, or is a folder, a pipe or a device.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits until somebody writes to it.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"cannot read {quote(path)}: {reason}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise WeightsError(f"cannot read {quote(path)}: it is not a file")
    return os.fdopen(handle, "rb")


def show(name: object, *, length: int = 80) -> str:
    """Quote a name from a file, with control characters escaped and the middle of a long one cut."""
    text = repr(str(name)[: 10 * length])
    return text if len(text) <= length else f"{text[: length // 2]}...{text[-length // 2 + 3 :]}"


def quote(path: str | Path) -> str:
    """Quote a path with control characters escaped, and whole, as a user has to find the file."""
    return repr(str(path))
