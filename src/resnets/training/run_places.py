"""Where runs go: their names, their numbers, and the lock that keeps two processes out of one folder."""

from __future__ import annotations

import re
from pathlib import Path

from filelock import FileLock, Timeout

from resnets.data.output_places import folder_around, refuse_in_data
from resnets.errors import OutputError, printable

RUNS = Path("runs/train")
"""Where runs go that are given no folder, below the current one."""

LOCK = ".lock"
"""Of the folder that it is in."""

_LONGEST_NAME = 100  # bytes; file systems take 255, and a number may follow
_PATIENCE_S = 2.0  # what a killed process leaves behind lets go of its lock within a moment


def folder_name(text: str) -> str:
    """Make a text the name of one folder: letters, digits and '._+=-', of at most 100 bytes.

    Example:
        >>> folder_name("resnet18,stem=small my photos"), folder_name("../../x"), folder_name("..")
        ('resnet18-stem=small-my-photos', 'x', 'run')
    """
    kept = re.sub(r"[^\w.+=-]+", "-", text).encode()[:_LONGEST_NAME].decode(errors="ignore")
    return kept.strip("-. ") or "run"


def refuse_run_in_data(output: Path | None, data: str | Path) -> None:
    """Stop before the folder of a run would be made in the data that it learns from.

    Args:
        output: folder of the run; None for one in `RUNS`.
        data: folder, file or name of the data set.

    Raises:
        OutputError: with a place outside.
    """
    if output is not None:
        refuse_in_data(output, data)
    elif folder := folder_around(RUNS, data):
        outside = folder.parent / RUNS / folder_name(folder.name)
        raise OutputError(
            f"runs go to {RUNS} in the current folder, which here lies in the data itself, which is "
            f"never written to: choose a place outside of it, such as --output {printable(str(outside))}"
        )


def next_folder(parent: Path, name: str) -> Path:
    """Make the first of NAME, NAME-2, NAME-3, ... after the last that exists.

    Args:
        parent: of the folder; made if it is missing.
        name: as `folder_name` makes it.
    """
    parent.mkdir(parents=True, exist_ok=True)
    numbers = [
        int(found[1] or 1)
        for entry in parent.iterdir()
        if (found := re.fullmatch(rf"{re.escape(name)}(?:-([1-9]\d{{0,8}}))?", entry.name))
    ]
    number = max(numbers, default=0) + 1
    while True:
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:  # another process was faster
            number += 1
        else:
            return path


def locked(folder: Path) -> FileLock:
    """Hold a folder.

    Args:
        folder: that exists.

    Raises:
        OutputError: if another process does, or it cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=_PATIENCE_S)
    shown = printable(str(folder))
    try:
        lock.acquire()
    except Timeout:
        raise OutputError(
            f"another process is training in '{shown}': wait for it, or choose another folder"
        ) from None
    except OSError as error:
        raise OutputError(f"cannot write in '{shown}': {error.strerror or error}") from error
    return lock
