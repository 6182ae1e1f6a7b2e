"""What an archive may hold: ordinary files at names that every system takes for different ones."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from resnets.errors import printable

MAX_MEMBERS = 1_000_000
MAX_RATIO = 100
_SPARE = 2**20
# Bytes that any archive may unpack to, whatever its size.
_MAX_NAME, _MAX_PATH = 255, 1024
# Bytes; what all usual file systems can store.


class ArchiveRefused(Exception):  # noqa: N818 - it is an answer, not a defect
    """The text completes the sentence that begins with the archive's name."""


@dataclass
class Members:
    """What has been accepted of an archive so far.

    Attributes:
        archive_bytes: its size.
        count: of members.
        num_bytes: that they unpack to.
    """

    archive_bytes: int
    count: int = 0
    num_bytes: int = 0
    _names: dict[str, str] = field(default_factory=dict)
    _files: set[str] = field(default_factory=set)
    _folders: set[str] = field(default_factory=set)

    @property
    def max_bytes(self) -> int:
        """What the archive may unpack to."""
        return MAX_RATIO * self.archive_bytes + _SPARE

    def accept(self, name: str, size: int, *, is_folder: bool) -> str:
        """Check the next member.

        Args:
            name: as the archive has it.
            size: that it declares.
            is_folder: or else a file.

        Returns:
            Its path below the target, with '/' between folders; empty for the target itself.

        Raises:
            ArchiveRefused: with the reason.
        """
        self.count += 1
        self.num_bytes += size
        if self.count > MAX_MEMBERS:
            raise ArchiveRefused(f"has more than {MAX_MEMBERS:,} members")
        if size < 0 or self.num_bytes > self.max_bytes:
            raise ArchiveRefused(f"unpacks to more than {MAX_RATIO} times its size")
        parts = _parts(name)
        for end in range(1, len(parts)):
            self._enter("/".join(parts[:end]), is_folder=True)
        path = "/".join(parts)
        if path:
            self._enter(path, is_folder=is_folder)
        elif not is_folder:
            raise ArchiveRefused("has a file without a name")
        return path

    def _enter(self, path: str, *, is_folder: bool) -> None:
        if is_folder and path in self._folders:
            return
        known = self._names.setdefault(_folded(path), path)
        if known != path:
            both = f"{printable(known)!r} and {printable(path)!r}"
            raise ArchiveRefused(f"has names that some systems take for one, {both}")
        if path in self._files or path in self._folders:
            raise ArchiveRefused(f"has {printable(path)!r} twice")
        (self._folders if is_folder else self._files).add(path)


def _parts(name: str) -> list[str]:
    """Divide a name at its slashes, if it can only mean a place below the target."""
    shown = repr(printable(name))[:100]
    flat = unicodedata.normalize("NFKC", name)  # some systems take other slashes for slashes
    if "\0" in name:
        raise ArchiveRefused(f"has a name with a NUL, {shown}")
    if "\\" in flat or flat.count("/") != name.count("/"):
        raise ArchiveRefused(f"has a name with another kind of slash, {shown}")
    if name.startswith("/") or flat[1:2] == ":":
        raise ArchiveRefused(f"has an absolute name, {shown}")
    if ".." in flat.split("/"):
        raise ArchiveRefused(f"has a name that leads out of it, {shown}")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    sizes = [len(part.encode("utf-8", "surrogateescape")) for part in parts]
    if sum(sizes) + len(sizes) > _MAX_PATH or max(sizes, default=0) > _MAX_NAME:
        raise ArchiveRefused(f"has a name that is too long, {shown}")
    return parts


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
