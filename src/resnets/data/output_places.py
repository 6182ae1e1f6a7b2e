"""Where nothing may be written: into the data itself, by whatever links its folder is reached."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from resnets.data.sources.scanning import is_folder
from resnets.errors import OutputError, printable


def folder_around(target: str | Path, data: str | Path) -> Path | None:
    """The folder of a data set, if a file or folder would lie in it; None elsewhere.

    Where the data is one file, such as a table or an archive, or the name of a published set, there is
    no such folder.

    Args:
        target: file or folder that is to be written; it need not exist.
        data: folder, file or name of the data set.
    """
    if not is_folder(Path(data)):
        return None
    folder, path = Path(os.path.realpath(data)), Path(target)
    try:
        # A link is written through or replaced: neither may happen here.
        places = os.path.realpath(path), os.path.realpath(path.parent)
    except ValueError:  # a name that no file can have; writing it explains that
        return None
    return folder if any(Path(place).is_relative_to(folder) for place in places) else None


def refuse_in_data(target: str | Path, data: str | Path) -> None:
    """Stop before something is written into the folder of a data set, and changes what it is taken for.

    Args:
        target: as for `folder_around`.
        data: as there.

    Raises:
        OutputError: with a place outside.
    """
    if folder := folder_around(target, data):
        outside = folder.parent / Path(os.path.abspath(target)).name  # noqa: PTH100 - links stay links
        raise OutputError(
            f"{printable(str(target))!r} would lie in the data itself, which is never written to; "
            f"choose a place outside of it, such as {printable(str(outside))!r}"
        )


def check_file(target: str | Path, data: str | Path) -> None:
    """Stop before work whose result could not be written into a file.

    Args:
        target: the file; its folder must exist, outside the data.
        data: folder, file or name of the data set.

    Raises:
        OutputError: with the reason.
    """
    refuse_in_data(target, data)
    folder = Path(os.path.realpath(target)).parent
    wrong = None
    if Path(target).is_dir():
        wrong = errno.EISDIR
    elif not folder.is_dir():
        wrong = errno.ENOTDIR if folder.exists() else errno.ENOENT
    elif not os.access(folder, os.W_OK):
        wrong = errno.EACCES
    if wrong is not None:
        raise OutputError(f"cannot write {printable(str(target))!r}: {os.strerror(wrong)}")


def check_folder(target: str | Path, data: str | Path) -> None:
    """Stop before work whose result could not be written into a new folder.

    Args:
        target: the folder; it must not exist or be empty, outside the data.
        data: folder, file or name of the data set.

    Raises:
        OutputError: with the reason.
    """
    refuse_in_data(target, data)
    folder = Path(target)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            f"{printable(str(target))!r} exists and is not an empty folder; choose another name"
        )
