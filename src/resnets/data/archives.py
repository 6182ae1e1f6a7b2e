"""Extracting archives that nobody has vouched for: all of it into a new folder, or nothing.

An archive says where its files go, how large they are and what they may do; none of it is believed.
Only ordinary files and folders are taken, with new permissions; links, devices, and names that lead
elsewhere are refused.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from resnets.data.archive_members import MAX_MEMBERS, MAX_RATIO, ArchiveRefused, Members
from resnets.errors import DataError, OutputError, printable

_MAX_HEADER = 2**20
# Bytes of a tar's extended header, which tarfile reads into memory.
_MAX_DIRECTORY = 2**28
# Bytes of a zip's list of files, which zipfile reads into memory; names of a million files fit in.
_CHUNK = 2**18

_LONG_HEADERS = {
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
}  # fmt: skip
_second_opinion = getattr(tarfile, "data_filter", lambda member, _: member)
# Python's own filter, from 3.11.4 on; not enough alone, as it was bypassed (CVE-2025-4517).
_DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, struct.error,
    ValueError, RecursionError, NotImplementedError,
)  # fmt: skip


def extract(archive: str | Path, folder: str | Path) -> Path:
    """Extract an archive into a new folder.

    Args:
        archive: .tar, .tar.gz or .zip, told by its content.
        folder: that will hold what is in it; must not exist, and the folder around it must.

    Returns:
        The folder.

    Raises:
        DataError: if the archive is damaged, or holds what an archive of data never does.
        OutputError: if the folder exists or cannot be written.
    """
    source, target = Path(archive), Path(folder)
    shown = printable(str(source))
    if not source.is_file():
        raise DataError(f"there is no archive {shown!r}")
    if os.path.lexists(target):
        raise OutputError(f"cannot extract to {target}: it is there already")
    new: Path | None = None
    try:
        new = Path(tempfile.mkdtemp(dir=target.parent, prefix=".resnets-"))
        _extract_into(source, new)
        new.chmod(0o777 & ~_umask())
        new.rename(target)
    except ArchiveRefused as error:
        raise DataError(f"{shown} {error}; nothing of it was kept") from error
    except _DAMAGE as error:
        raise DataError(f"{shown} is a damaged archive: {printable(str(error))}") from error
    except OSError as error:
        raise OutputError(f"cannot extract to {target}: {error.strerror or error}") from error
    finally:
        if new is not None:
            shutil.rmtree(new, ignore_errors=True)
    return target


def read_from_tar(archive: Path, names: Collection[str]) -> dict[str, bytes]:
    """Read files out of a tar without extracting it; the whole tar is checked as `extract` does.

    Args:
        archive: .tar or .tar.gz.
        names: of the files, with '/' between folders; those that are not in it are left out.

    Raises:
        DataError: if the archive is damaged, or holds what an archive of data never does.
    """
    shown = printable(str(archive))
    found: dict[str, bytes] = {}
    try:
        with archive.open("rb") as file:
            for path, _, content in _tar_members(file, Members(archive.stat().st_size)):
                if content is not None and path in names:
                    found[path] = content.read()
    except ArchiveRefused as error:
        raise DataError(f"{shown} {error}") from error
    except (*_DAMAGE, OSError) as error:
        raise DataError(f"{shown} is a damaged archive: {printable(str(error))}") from error
    return found


def _extract_into(source: Path, folder: Path) -> None:
    members = Members(source.stat().st_size)
    with source.open("rb") as file:
        is_zip = file.read(2) == b"PK"
        file.seek(0)
        if is_zip:
            _extract_zip(file, folder, members)
            return
        for path, size, content in _tar_members(file, members):
            if content is None:
                (folder / path).mkdir(parents=True, exist_ok=True)
            else:
                _write(content, folder / path, size)


class _Counted(io.BufferedIOBase):
    """The bytes of a tar, up to what it may have of them."""

    def __init__(self, stream: io.BufferedIOBase, members: Members) -> None:
        self.stream = stream
        self.left = 2 * members.max_bytes  # members, and as much again for their headers

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, but not for ever."""
        data = self.stream.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise ArchiveRefused(f"unpacks to more than {MAX_RATIO} times its size")
        return data


class _CheckedHeader(tarfile.TarInfo):
    """A tar's header, looked at before tarfile reads what belongs to it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _CheckedHeader:
        """Read a header."""
        header = super().frombuf(buf, encoding, errors)
        if header.type in _LONG_HEADERS and not 0 <= header.size <= _MAX_HEADER:
            raise ArchiveRefused(f"has a name or a note of {header.size:,} bytes")
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise ArchiveRefused("has a file with holes")
        return header


def _tar_members(
    file: io.BufferedReader, members: Members
) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    """Path, size and content of each member, in order; None is the content of a folder."""
    is_gzip = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream = _Counted(gzip.GzipFile(fileobj=file) if is_gzip else file, members)
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_CheckedHeader) as archive:
        for member in archive:
            _check_kind(member)
            size = member.size if member.isreg() else 0
            path = members.accept(member.name, size, is_folder=member.isdir())
            _second_opinion(member, os.curdir)
            yield path, size, archive.extractfile(member)
            archive.members = []  # type: ignore[attr-defined]  # it would remember a million of them


def _check_kind(member: tarfile.TarInfo) -> None:
    shown = repr(printable(member.name))[:100]
    if member.issym() or member.islnk():
        raise ArchiveRefused(f"has a link, {shown}")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise ArchiveRefused(f"has something that is neither a file nor a folder, {shown}")
    if member.isreg() and member.mode & (stat.S_ISUID | stat.S_ISGID):
        raise ArchiveRefused(f"has a file that runs as another user, {shown}")


def _extract_zip(file: IO[bytes], folder: Path, members: Members) -> None:
    _check_directory(file, members.archive_bytes)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if sum(info.compress_size for info in infos) > members.archive_bytes:
            raise ArchiveRefused("has files that share their bytes")
        paths = [_accept_zipped(info, members) for info in infos]
        for info, path in zip(infos, paths, strict=True):
            if info.is_dir():
                (folder / path).mkdir(parents=True, exist_ok=True)
            else:
                with archive.open(info) as content:
                    _write(content, folder / path, info.file_size)


def _accept_zipped(info: zipfile.ZipInfo, members: Members) -> str:
    path = members.accept(info.orig_filename, info.file_size, is_folder=info.is_dir())
    mode = info.external_attr >> 16
    shown = repr(printable(info.filename))[:100]
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise ArchiveRefused(f"has a link or a device, {shown}")
    if mode & (stat.S_ISUID | stat.S_ISGID) and not info.is_dir():
        raise ArchiveRefused(f"has a file that runs as another user, {shown}")
    if info.flag_bits & 1:
        raise ArchiveRefused(f"has an encrypted file, {shown}")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ArchiveRefused(f"has a file compressed in an unusual way, {shown}")
    return path


def _check_directory(file: IO[bytes], size: int) -> None:
    """Find the one list of files that every reader finds (APPNOTE.TXT 6.3.10, sec. 4.3.16)."""
    file.seek(max(0, size - 65_557))
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 22:
        raise zipfile.BadZipFile("its list of files is missing")
    count, length, start = struct.unpack("<HII", tail[place + 10 : place + 20])
    end = size - len(tail) + place
    if tail[place - 20 : place - 16] == b"PK\x06\x07" and place >= 76:  # the larger form
        record = tail[place - 76 : place - 20]
        count, length, start = struct.unpack("<QQQ", record[32:56])
        end -= 76
    if start + length != end or tail.count(b"PK\x05\x06") > 1:
        raise ArchiveRefused("has two lists of files, or bytes that belong to no file")
    if count > MAX_MEMBERS or length > _MAX_DIRECTORY:
        raise ArchiveRefused(f"has more than {MAX_MEMBERS:,} members")


def _write(content: IO[bytes], path: Path, size: int) -> None:
    """Write a file that is not there yet; it gets the usual permissions, whatever the archive says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file, _CHUNK)
        if file.tell() != size:
            raise EOFError(f"{path.name} ends too early")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
