"""Archives that nobody should extract; each says what it is."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

Builder = Callable[[Path], object]


def tar_of(path: Path, *members: tuple[str, dict[str, object]], compressed: bool = True) -> None:
    """Write a tar; attributes of a member are set as given, 'data' is its content."""
    with tarfile.open(path, "w:gz" if compressed else "w") as archive:
        for name, attributes in members:
            info = tarfile.TarInfo(name)
            data = attributes.get(
                "data", b"x" if attributes.get("type", tarfile.REGTYPE) == tarfile.REGTYPE else b""
            )
            assert isinstance(data, bytes)
            info.size = len(data)
            for key, value in attributes.items():
                if key != "data":
                    setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))


def zip_of(path: Path, *names: str | zipfile.ZipInfo, data: bytes = b"x") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, data)


def tar(*members: tuple[str, dict[str, object]]) -> Builder:
    return lambda path: tar_of(path, *members)


def zipped(*names: str | zipfile.ZipInfo) -> Builder:
    return lambda path: zip_of(path, *names)


def zip_info(name: str, **attributes: object) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def long_chain(path: Path) -> None:
    """A chain of long folders and links that outgrows PATH_MAX (CVE-2025-4517)."""
    deep = "/".join(["d" * 247] * 16)
    tar_of(path, (deep, {"type": tarfile.DIRTYPE}), (f"{deep}/x", {}))


def zeros_tar(path: Path) -> None:
    """10 GB of zeros in 10 MB; made of repeated gzip members, so that writing them is fast."""
    info = tarfile.TarInfo("zeros")
    info.size = 10 * 2**30
    block = gzip.compress(bytes(2**24), 1)
    with path.open("wb") as file:
        file.write(gzip.compress(info.tobuf()))
        for _ in range(640):
            file.write(block)


def long_name_tar(path: Path) -> None:
    """A name of 1 GB, which tarfile would read into memory."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**30
    block = gzip.compress(b"a" * 2**24, 1)
    with path.open("wb") as file:
        file.write(gzip.compress(info.tobuf(tarfile.GNU_FORMAT)))
        for _ in range(64):
            file.write(block)


def endless_headers_tar(path: Path) -> None:
    """Extended headers without end, each followed by the next."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 0
    path.write_bytes(gzip.compress(info.tobuf() * 200_000))


def zeros_zip(path: Path) -> None:
    """64 MB of zeros in 64 kB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2**26))


def understated_zip(path: Path) -> None:
    """64 MB that declare to be 100 bytes."""
    zeros_zip(path)
    content = path.read_bytes().replace(struct.pack("<I", 2**26), struct.pack("<I", 100))
    path.write_bytes(content)


def overlapping_zip(path: Path) -> None:
    """Many files that are the same bytes (Fifield 2019, A better zip bomb)."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0", bytes(range(256)) * 100)
        info = archive.infolist()[0]
        for number in range(1, 50):
            copy = zip_info(
                str(number),
                **{
                    key: getattr(info, key)
                    for key in ("header_offset", "CRC", "compress_size", "file_size", "external_attr")
                },
            )
            archive.filelist.append(copy)
            archive.NameToInfo[str(number)] = copy
        archive._didModify = True  # type: ignore[attr-defined]


def two_directories_zip(path: Path) -> None:
    """Two archives, one after the other: some readers see the first, some the second."""
    zip_of(path, "good.txt")
    first = path.read_bytes()
    zip_of(path, "evil.txt")
    path.write_bytes(first + path.read_bytes())


def nul_zip(path: Path) -> None:
    zip_of(path, "safe.txtXevil")
    path.write_bytes(path.read_bytes().replace(b"safe.txtX", b"safe.txt\0"))


def pax_nul_tar(path: Path) -> None:
    tar_of(path, ("x", {"pax_headers": {"path": "safe\0evil"}}))


def encrypted_zip(path: Path) -> None:
    zip_of(path, "secret")
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))


LINK: dict[str, object] = {"type": tarfile.SYMTYPE, "linkname": "/etc"}
HOSTILE: dict[str, tuple[Builder, str]] = {
    "tar: out": (tar(("../evil", {})), "has a name that leads out of it, '../evil'"),
    "tar: out, deeper": (tar(("a/../../evil", {})), "has a name that leads out of it, 'a/../../evil'"),
    "tar: absolute": (tar(("/tmp/evil", {})), "has an absolute name, '/tmp/evil'"),
    "tar: through a link": (tar(("l", LINK), ("l/evil", {})), "has a link, 'l'"),
    "tar: hard link": (tar(("h", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"})), "has a link, 'h'"),
    "tar: long chain": (long_chain, "has a name that is too long, '" + "d" * 99),
    "tar: device": (tar(("d", {"type": tarfile.CHRTYPE})), "has something that is neither a file nor a folder, 'd'"),
    "tar: pipe": (tar(("p", {"type": tarfile.FIFOTYPE})), "has something that is neither a file nor a folder, 'p'"),
    "tar: setuid": (tar(("s", {"mode": 0o4755})), "has a file that runs as another user, 's'"),
    "tar: twins": (tar(("A/x", {}), ("a/y", {})), "has names that some systems take for one, 'A' and 'a'"),
    "tar: accents": (tar(("\u00e9", {}), ("e\u0301", {})), "has names that some systems take for one, '\u00e9' and 'e\u0301'"),
    "tar: twice": (tar(("a", {}), ("./a", {})), "has 'a' twice"),
    "tar: file and folder": (tar(("a", {}), ("a/b", {})), "has 'a' twice"),
    "tar: folder and file": (tar(("a/b", {}), ("a", {})), "has 'a' twice"),
    "tar: NUL": (pax_nul_tar, "has a name with a NUL, 'safe\\\\x00evil'"),
    "tar: backslash": (tar(("..\\x", {})), "has a name with another kind of slash, '..\\\\x'"),
    "tar: drive": (tar(("C:x", {})), "has an absolute name, 'C:x'"),
    "tar: other slash": (tar(("..\uff0fx", {})), "has a name with another kind of slash, '..\uff0fx'"),
    "tar: other dots": (tar(("\u2025/x", {})), "has a name that leads out of it, '\u2025/x'"),
    "tar: no name": (tar((".", {})), "has a file without a name"),
    "tar: zeros": (zeros_tar, "unpacks to more than 100 times its size"),
    "tar: name of 1 GB": (long_name_tar, "has a name or a note of 1,073,741,824 bytes"),
    "tar: holes": (tar(("s", {"type": tarfile.GNUTYPE_SPARSE})), "has a file with holes"),
    "zip: out": (zipped("../evil"), "has a name that leads out of it, '../evil'"),
    "zip: absolute": (zipped("/tmp/evil"), "has an absolute name, '/tmp/evil'"),
    "zip: backslash": (zipped("..\\x"), "has a name with another kind of slash, '..\\\\x'"),
    "zip: link": (zipped(zip_info("l", external_attr=0o120777 << 16)), "has a link or a device, 'l'"),
    "zip: setuid": (zipped(zip_info("s", external_attr=0o104755 << 16)), "has a file that runs as another user, 's'"),
    "zip: twins": (zipped("A", "a"), "has names that some systems take for one, 'A' and 'a'"),
    "zip: NUL": (nul_zip, "has a name with a NUL, 'safe.txt\\\\x00evil'"),
    "zip: zeros": (zeros_zip, "unpacks to more than 100 times its size"),
    "zip: shared bytes": (overlapping_zip, "has files that share their bytes"),
    "zip: two directories": (two_directories_zip, "has two lists of files, or bytes that belong to no file"),
    "zip: encrypted": (encrypted_zip, "has an encrypted file, 'secret'"),
    "zip: unusual": (zipped(zip_info("x", compress_type=zipfile.ZIP_LZMA)), "has a file compressed in an unusual way, 'x'"),
}  # fmt: skip
"""What each is, and what is said of it."""

DAMAGED: dict[str, Builder] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"no archive at all" * 100),
    "gzip of nothing": lambda path: path.write_bytes(gzip.compress(b"")),
    "cut gzip": lambda path: path.write_bytes(gzip.compress(bytes(10_000))[:30]),
    "zip without a directory": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)),
    "zip that says less than it has": understated_zip,
    "endless headers": endless_headers_tar,
}
