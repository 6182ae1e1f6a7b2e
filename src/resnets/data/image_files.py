"""Finding the images that a user means: files, folders, patterns."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from resnets.data.image_formats import sniff
from resnets.errors import printable

log = logging.getLogger(__name__)

_SUFFIX = re.compile(
    r".*\.(avif|bmp|gif|hei[cf]|jfif|jp2|jpe|jpe?g|jxl|png|tiff?|webp)", re.IGNORECASE | re.DOTALL
)
"""Of files in a folder that are images by their name; others are by their first bytes."""

NOT_FOLDERS_OF_IMAGES = {"__MACOSX", "@eaDir"}  # what macOS and NAS devices leave behind


def find_images(inputs: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """Name the images in files, folders and patterns.

    Folders are searched with all folders in them, in the order of names; each folder is seen once,
    however links lead to it. Hidden files and folders, and files that neither are named nor begin like
    images, are passed over. A file named by itself is taken as it is.

    Args:
        inputs: paths of files or folders, or patterns such as 'photos/**/*.jpg'.
    """
    seen: set[tuple[int, int]] = set()
    for name in map(os.fsdecode, inputs):
        if os.path.isdir(name):  # noqa: PTH112 - Path's raises for names that are too long
            yield from _in_folder(name, seen)
        elif not os.path.lexists(name) and glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - absolute ones too
            # Of a pattern without matches, whoever decodes it says that it is missing.
            yield from (Path(m) for m in matches or [name] if not os.path.isdir(m))  # noqa: PTH112
        else:
            yield Path(name)


def _in_folder(folder: str, seen: set[tuple[int, int]]) -> Iterator[Path]:
    waiting = [iter(_entries(folder, seen))]
    while waiting:
        entry = next(waiting[-1], None)
        if entry is None:
            waiting.pop()
        elif entry.name.startswith(".") or entry.name in NOT_FOLDERS_OF_IMAGES:
            continue
        elif os.path.isdir(entry.path):  # noqa: PTH112 - DirEntry's raises for links in a circle
            waiting.append(iter(_entries(entry.path, seen)))
        elif is_image(entry):
            yield Path(entry.path)


def _entries(folder: str, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing if it was seen before or may not be read."""
    try:
        status = os.stat(folder)  # noqa: PTH116
        if (status.st_dev, status.st_ino) in seen:
            return []
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        log.warning("%s was passed over: %s", printable(folder), error.strerror)
        return []


def is_image(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is an image by its name, or else by its first bytes."""
    if _SUFFIX.fullmatch(entry.name):
        return True
    try:
        if not entry.is_file():
            return False
        with open(entry.path, "rb") as file:  # noqa: PTH123 - a folder may hold millions
            return sniff(file.read(64)) is not None
    except OSError:
        return False
