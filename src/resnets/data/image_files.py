"""Finding the images that a user means: files, folders, patterns."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from resnets.data.image_formats import sniff

_SUFFIX = re.compile(
    r".*\.(avif|bmp|gif|hei[cf]|jfif|jp2|jpe|jpe?g|jxl|png|tiff?|webp)", re.IGNORECASE | re.DOTALL
)
"""Of files in a folder that are images by their name; others are by their first bytes."""

_NOT_FOLDERS_OF_IMAGES = {"__MACOSX", "@eaDir"}  # what macOS and NAS devices leave behind


def find_images(inputs: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """Name the images in files, folders and patterns.

    Folders are searched with all folders in them, in the order of names; each folder is seen once,
    however links lead to it. Hidden files and folders, and files that neither are named nor begin like
    images, are passed over. A file named by itself is taken as it is.

    Args:
        inputs: paths of files or folders, or patterns such as 'photos/**/*.jpg'.
    """
    seen: set[tuple[int, int]] = set()
    for name in inputs:
        path = Path(name)
        if path.is_dir():
            yield from _in_folder(path, seen)
        elif not os.path.lexists(path) and glob.has_magic(os.fspath(name)):
            matches = sorted(glob.glob(os.fspath(name), recursive=True))  # noqa: PTH207 - absolute ones too
            yield from (Path(match) for match in matches if not Path(match).is_dir())
            if not matches:
                yield path  # whoever decodes it says that it is missing
        else:
            yield path


def _in_folder(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder  # likewise
        return
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _NOT_FOLDERS_OF_IMAGES:
            continue
        if entry.is_dir():
            yield from _in_folder(Path(entry.path), seen)
        elif _is_image(entry):
            yield Path(entry.path)


def _is_image(entry: os.DirEntry[str]) -> bool:
    if _SUFFIX.fullmatch(entry.name):
        return True
    if not entry.is_file():
        return False
    try:
        with open(entry.path, "rb") as file:  # noqa: PTH123 - a folder may hold millions
            return sniff(file.read(64)) is not None
    except OSError:
        return False
