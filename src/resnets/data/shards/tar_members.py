"""Where the files in a tar lie, told by their headers alone; nothing is extracted, no name is followed.

The forms of POSIX (ustar, and pax with its paths and sizes) and of GNU tar (long names, large sizes) are
read, as "pax - portable archive interchange" in IEEE Std 1003.1-2017 and the manual of GNU tar 1.35 have
them. Python's tarfile would keep a record of each member and read extended headers of any size; a set
of shards has millions of members, and nobody has vouched for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from resnets.data.archive_members import MAX_MEMBERS, ArchiveRefused
from resnets.errors import printable

_BLOCK = 512
_MAX_NOTE = 2**16
# Bytes of an extended header; the longest path that systems take has 4096.
_FILES, _WITHOUT_DATA = b"0\x007", b"123456"
_LONG_NAME, _PAX, _SPARSE = b"L", b"x", b"S"


@dataclass(frozen=True, slots=True)
class Member:
    """An ordinary file in a tar.

    Attributes:
        name: as the tar has it; a text, not a path.
        offset: of its first byte.
        size: in bytes.
    """

    name: str
    offset: int
    size: int


@dataclass(slots=True)
class _Note:
    """What extended headers say of the member that follows."""

    name: str | None = None
    size: int | None = None


def read_members(file: BinaryIO) -> Iterator[Member]:
    """Find the ordinary files in a tar, in order; links, folders and devices are passed over.

    Args:
        file: the whole tar, not compressed, at its beginning.

    Raises:
        ArchiveRefused: if it is damaged, cut off, or holds what shards do not hold.
    """
    end = file.seek(0, 2)
    note, place, count = _Note(), 0, 0
    while True:
        file.seek(place)
        header = file.read(_BLOCK)
        _check_header(header, place)
        if not header.strip(b"\0"):
            return
        count += 1
        if count > MAX_MEMBERS:
            raise ArchiveRefused(f"has more than {MAX_MEMBERS:,} members")
        kind = header[156:157]
        size = _number(header[124:136]) if note.size is None else note.size
        if kind in _WITHOUT_DATA:
            size = 0
        name = _name(header) if note.name is None else note.name
        place += _BLOCK
        if place + size > end:
            shown = printable(name)[:100]
            raise ArchiveRefused(
                f"says that '{shown}' has {size:,} bytes, which are not there: cut off?"
            )
        if kind in (_LONG_NAME, _PAX):
            if size > _MAX_NOTE:
                raise ArchiveRefused(f"has a name or a note of {size:,} bytes")
            _read_note(note, kind, file.read(size))
        else:
            if kind == _SPARSE:
                raise ArchiveRefused("has a file with holes")
            if kind in _FILES and not name.endswith("/"):
                yield Member(name, place, size)
            note = _Note()
        place += -(-size // _BLOCK) * _BLOCK


def _check_header(header: bytes, place: int) -> None:
    if place == 0 and header.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise ArchiveRefused("is compressed, so that no image in it can be found: unpack it to a .tar")
    if len(header) < _BLOCK:
        raise ArchiveRefused("ends without the mark of its end: it is empty or cut off")
    if not header.strip(b"\0"):
        return
    # The sum is taken with spaces in its own place.
    if sum(header[:148]) + 8 * 32 + sum(header[156:]) != _number(header[148:156]):
        raise ArchiveRefused(f"has no header at byte {place:,}: it is damaged or no tar")


def _number(field: bytes) -> int:
    """A number in octal digits, or in GNU's form for large ones."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:])
    digits = field.partition(b"\0")[0].strip()
    if digits.strip(b"01234567"):
        raise ArchiveRefused(f"has a header with {digits[:20]!r} for a number")
    return int(digits or b"0", 8)


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    # GNU's own form has times where ustar has the folders of a long name.
    if header[257:265] == b"ustar\x0000" and (folders := header[345:500].partition(b"\0")[0]):
        name = folders + b"/" + name
    return name.decode("utf-8", "surrogateescape")


def _read_note(note: _Note, kind: bytes, content: bytes) -> None:
    if kind == _LONG_NAME:
        note.name = content.partition(b"\0")[0].decode("utf-8", "surrogateescape")
        return
    while content.strip(b"\0"):
        length, _, _ = content.partition(b" ")
        if not length.isdigit() or len(length) > 6 or not len(length) < int(length) <= len(content):
            raise ArchiveRefused("has an extended header that makes no sense")
        record, content = content[len(length) + 1 : int(length)], content[int(length) :]
        key, _, value = record.rstrip(b"\n").partition(b"=")
        if key == b"path":
            note.name = value.partition(b"\0")[0].decode("utf-8", "surrogateescape")
        elif key == b"size":
            if not value.isdigit() or len(value) > 20:
                raise ArchiveRefused("has an extended header that makes no sense")
            note.size = int(value)
        elif key.startswith(b"GNU.sparse."):
            raise ArchiveRefused("has a file with holes")
