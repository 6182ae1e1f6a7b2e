"""Walking a folder of data once: what is in it, what is passed over, where links lead.

Names decide what is an image; only a file whose name says nothing is opened for its first bytes. No
link multiplies the data: each folder is read once, and what lies outside is left out unless asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from resnets.data.dataset import PassedOver
from resnets.data.image_files import NOT_FOLDERS_OF_IMAGES, is_image
from resnets.data.sources.problems import listed, quoted

_OUTSIDE = "a link that leads outside"
_LEFT_BY_SYSTEMS = {*NOT_FOLDERS_OF_IMAGES, "Thumbs.db", "desktop.ini", "lost+found"}


@dataclass(frozen=True)
class Listing:
    """What is in a folder, in the order of names.

    Attributes:
        folders: in it.
        files: in it.
    """

    folders: list[os.DirEntry[str]]
    files: list[os.DirEntry[str]]


@dataclass
class Scanner:
    """Reads folders, and notes what it does not take.

    Attributes:
        root: of the data set.
        follow_links: also those that lead outside the root.
        passed_over: what was not taken so far.
        problems: folders that cannot be read.
    """

    root: Path
    follow_links: bool = False
    passed_over: list[PassedOver] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _seen: dict[tuple[int, int], str] = field(default_factory=dict)
    _inside: str = ""

    def __post_init__(self) -> None:
        self._inside = os.path.join(os.path.realpath(self.root), "")  # noqa: PTH118 - ends in a slash

    def read(self, folder: str | Path) -> Listing:
        """List a folder; a second time, however links lead to it, it is empty."""
        path = os.fspath(folder)
        try:
            status = os.stat(path)  # noqa: PTH116 - there may be 100,000 of them
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            self.problems.append(f"{quoted(path)} cannot be read: {error.strerror or error}")
            return Listing([], [])
        first = self._seen.setdefault((status.st_dev, status.st_ino), path)
        if first != path:
            self.pass_over(path, "a folder that was read already")
            return Listing([], [])
        listing = Listing([], [])
        for entry in entries:
            if reason := self._refusal(entry):
                self.pass_over(entry.path, reason)
            elif entry.is_dir():
                listing.folders.append(entry)
            else:
                listing.files.append(entry)
        return listing

    def images(self, folder: str) -> list[str]:
        """Paths of all images in a folder and in the folders in it, in the order of names."""
        found: list[str] = []
        left = [folder]
        while left:
            listing = self.read(left.pop())
            found.extend(self.pick_images(listing.files))
            left.extend(entry.path for entry in reversed(listing.folders))
        return found

    def pick_images(self, files: list[os.DirEntry[str]]) -> list[str]:
        """Paths of those that are images."""
        found = []
        for entry in files:
            if is_image(entry):
                found.append(entry.path)
            else:
                self.pass_over(entry.path, "not an image")
        return found

    def pass_over(self, path: str | Path, reason: str) -> None:
        """Note what is not taken, and why."""
        self.passed_over.append(PassedOver(Path(path), reason))

    def tell_of_links(self) -> None:
        """Say, where there are no images, that those behind links were left out."""
        links = [item.path.name for item in self.passed_over if item.reason == _OUTSIDE]
        if links:
            self.problems.append(
                f"links that lead outside the folder are left out ({listed(links)}): copy what they "
                "lead to, or take it in Python with open_dataset(..., follow_links=True)"
            )

    def _refusal(self, entry: os.DirEntry[str]) -> str | None:
        """Why something is not taken; None if it is."""
        if entry.name in _LEFT_BY_SYSTEMS:
            return "left by the system"
        if entry.name.startswith("."):
            return "hidden"
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if not os.path.exists(target):  # noqa: PTH110 - there may be 100,000 of them
                return "a link to nothing"
            if not (self.follow_links or f"{target}{os.sep}".startswith(self._inside)):
                return _OUTSIDE
        if not (entry.is_dir() or entry.is_file()):
            return "not a file"
        return None


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; False also for what no file can be called, as a long pattern.

    Args:
        path: to look at.
    """
    return os.path.isdir(path)  # noqa: PTH112 - Path raises


def visible(folder: str | Path) -> Listing:
    """What is in a folder, links included, without noting anything."""
    listing = Listing([], [])
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return listing
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _LEFT_BY_SYSTEMS:
            continue
        if entry.is_dir():
            listing.folders.append(entry)
        elif entry.is_file():
            listing.files.append(entry)
    return listing
