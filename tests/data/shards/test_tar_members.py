"""Headers of tars: what Python's tarfile finds is found, and what nobody should believe is refused."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from resnets.data.archive_members import MAX_MEMBERS, ArchiveRefused
from resnets.data.shards import tar_members
from resnets.data.shards.tar_members import read_members
from tests.data.shards.writing import write_shard

LONG = "folder/" * 30 + "image.jpg"


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_those_that_tarfile_finds(tmp_path: Path, form: int) -> None:
    names = {"a.jpg": b"x" * 1000, "empty.cls": b"", "folder/" * 20 + "b.jpg": b"y" * 512}
    if form != tarfile.USTAR_FORMAT:
        names |= {LONG: b"long", "ä/ü.jpg": b"z"}
    path = write_shard(tmp_path / "a.tar", names, form=form)
    with path.open("rb") as file, tarfile.open(path) as archive:
        found = [(m.name, m.offset, m.size) for m in read_members(file)]
        assert found == [(m.name, m.offset_data, m.size) for m in archive]
    content = path.read_bytes()
    assert [content[start : start + size] for _, start, size in found] == list(names.values())


def tar_of(*members: tarfile.TarInfo, form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar with just these headers, and content of zeros."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return file.getvalue()


def member(
    name: str, *, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = ""
) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


def test_only_ordinary_files_count() -> None:
    content = tar_of(
        member("folder", kind=tarfile.DIRTYPE),
        member("link.jpg", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member("hard.jpg", kind=tarfile.LNKTYPE, link="../../x"),
        member("device.jpg", kind=tarfile.CHRTYPE),
        member("pipe.jpg", kind=tarfile.FIFOTYPE),
        member("/etc/passwd", size=3),
        member("../../up.jpg", size=3),
    )
    # Names that would lead elsewhere stay what they are: texts.
    names = [found.name for found in read_members(io.BytesIO(content))]
    assert names == ["/etc/passwd", "../../up.jpg"]


def with_size(size: int) -> bytes:
    """A tar whose only member says that it is so large."""
    header = bytearray(tar_of(member("big.jpg"))[:512])
    header[124:136] = b"\x80" + size.to_bytes(11)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(1024)


def pax(record: bytes) -> bytes:
    note = member("note", kind=b"x", size=512)
    content = bytearray(tar_of(note, member("a.jpg", size=10)))
    content[512 : 512 + len(record)] = record
    return bytes(content)


def cut(size: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:size]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "ends without the mark of its end: it is empty or cut off"),
        (tar_of(member("a.jpg", size=10))[:1024], "ends without the mark of its end: it is empty or cut off"),
        (tar_of(member("a.jpg", size=900))[:1200],
         "says that 'a.jpg' has 900 bytes, which are not there: cut off?"),
        (with_size(2**80), "says that 'big.jpg' has 1,208,925,819,614,629,174,706,176 bytes, which are not there: cut off?"),
        (b"\x1f\x8b" + bytes(600), "is compressed, so that no image in it can be found: unpack it to a .tar"),
        (b"x" * 1024, "has a header with b'xxxxxxxx' for a number"),
        (b"7" * 1024, "has no header at byte 0: it is damaged or no tar"),
        (tar_of(member("a" * 70_000)), "has a name or a note of 70,001 bytes"),
        (tar_of(member("a", kind=tarfile.GNUTYPE_SPARSE)), "has a file with holes"),
        (pax(b"25 GNU.sparse.major=1000\n"), "has a file with holes"),
        (pax(b"999 path=a\n"), "has an extended header that makes no sense"),
        (pax(b"0 path=a\n"), "has an extended header that makes no sense"),
        (pax(b"12 size=-99\n"), "has an extended header that makes no sense"),
        (pax(b"14 size=99999\n"), "says that 'a.jpg' has 99,999 bytes, which are not there: cut off?"),
    ],
)  # fmt: skip
def test_what_is_refused(content: bytes, text: str) -> None:
    with pytest.raises(ArchiveRefused, match=f"^{re.escape(text)}$"):
        list(read_members(io.BytesIO(content)))


def test_a_million_members_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_MEMBERS == 1_000_000
    monkeypatch.setattr(tar_members, "MAX_MEMBERS", 3)
    assert len(list(read_members(io.BytesIO(tar_of(*map(member, "abc")))))) == 3
    with pytest.raises(ArchiveRefused, match=r"^has more than 3 members$"):
        list(read_members(io.BytesIO(tar_of(*map(member, "abcd")))))


def test_notes_hold_for_one_member(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "a.tar", {LONG: b"1", "b.jpg": b"2"}, form=tarfile.GNU_FORMAT)
    with path.open("rb") as file:
        assert [found.name for found in read_members(file)] == [LONG, "b.jpg"]
