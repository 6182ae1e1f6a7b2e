"""What is checked in a file before a parser may see it: parsers trust the numbers they read.

Each check stops a file of a few megabytes that would keep Pillow 13 busy for many seconds, or take
gigabytes; ordinary files are far from every limit here.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zlib
from collections.abc import Callable

from resnets.data.decode_policy import DecodePolicy
from resnets.errors import ImageError

_MAX_CHUNKS = 30_000
# libpng cuts the pixels into chunks of 8 kB, of which 30,000 are more than the largest file has.
_MAX_SCANS = 100
# libjpeg spends the time of the whole image on each scan of a progressive file; encoders write ten.
_SCANS_OF_LARGEST = 12
_MAX_EXIF_SEGMENTS = 64
# Pillow joins them one by one, which takes the square of their number.
_MAX_READS = 1_000_000
# Pillow reads junk byte by byte, a GIF 255 bytes and others 64 kB at a time.
_MAX_TIFF_NUMBERS = 65_536
# Pillow makes a Python object of each number in a tag; a large image has some 10,000 strips or tiles.

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# In the data of a scan, ff is followed by 00 or by a restart marker.
_START_OF_SCAN, _END_OF_IMAGE, _APP1 = 0xDA, 0xD9, 0xE1
_WITHOUT_LENGTH = (0x01, 0xD8)

_SCAN, _FRAMES = b"\xda", (b"\xc0", b"\xc2")  # frames: baseline and progressive
_FRAME_MODES = {
    (9, b"\x08", b"\x01", b"\x01"): "L",
    (15, b"\x08", b"\x03", b"\x01\x02\x03"): "RGB",
}
"""By length, bits of a sample, number of components and their names."""
_PLAIN_SEGMENTS: dict[bytes, Callable[[bytes], bool]] = {
    b"\xe0": lambda content: content[:5] == b"JFIF\0" and len(content) == 14,  # without a thumbnail
    b"\xdb": lambda content: len(content) % 65 == 0 and max(content[::65], default=4) < 4,
    b"\xc4": bool,  # Huffman tables
    b"\xdd": lambda content: len(content) == 2,  # restart interval
    b"\xfe": lambda _: True,  # comment
}

_TIFF_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of each type of number; types 1, 2, 6 and 7 are bytes, which cost nothing."""
_SHORT = 3
_WIDTH, _HEIGHT, _STRIPS, _ROWS_PER_STRIP, _PLANAR = 256, 257, 273, 278, 284
_SAMPLES, _TILE_WIDTH, _TILE_HEIGHT, _TILES = 277, 322, 323, 324


class CountedBytes(io.BytesIO):
    """The bytes of a file, for a reader that may not take all day."""

    _reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read; too many reads are an error.

        Raises:
            ImageError: if the reader goes through the file byte by byte.
        """
        self._reads += 1
        if self._reads > _MAX_READS:
            raise _busy("so much between its parts")
        return super().read(size)


def check_structure(data: bytes, kind: str) -> int:
    """Refuse a file that is made to keep its parser busy.

    Args:
        data: of the file.
        kind: its format, as `sniff` names it.

    Returns:
        The number of scans of a JPEG; 1 for others.

    Raises:
        ImageError: with the reason.
    """
    if kind == "PNG":
        _check_chunks(data)
    elif kind == "TIFF":
        _check_tags(data)
    elif kind == "JPEG":
        scans, exifs = count_segments(data)
        if exifs > _MAX_EXIF_SEGMENTS:
            raise _busy("too many EXIF segments")
        return scans
    return 1


def count_segments(data: bytes) -> tuple[int, int]:
    """Count the scans and the EXIF segments of a JPEG (ITU-T T.81, annex B), up to its end marker.

    Args:
        data: of the file.

    Raises:
        ImageError: if there are absurdly many segments of any kind.
    """
    scans = exifs = 0
    place = 2
    for _ in range(_MAX_CHUNKS):
        marker = _MARKER.search(data, place)
        if marker is None or marker[0][-1] == _END_OF_IMAGE:
            return scans, exifs
        place = marker.end()
        scans += marker[0][-1] == _START_OF_SCAN
        exifs += marker[0][-1] == _APP1 and data[place + 2 : place + 6] == b"Exif"
        if marker[0][-1] not in _WITHOUT_LENGTH:
            place += max(2, int.from_bytes(data[place : place + 2], "big"))
    raise _busy("too many segments")


def read_plain_header(data: bytes) -> tuple[str, tuple[int, int]] | None:
    """Read the header of a JPEG with nothing in it but the image: no EXIF, profile or foreign segment.

    Args:
        data: of a JPEG file.

    Returns:
        The mode in Pillow's words, 'L' or 'RGB', and width and height; None for every file in which
        there is more to understand, or anything unusual.
    """
    found = None
    place = 2
    while data[place : place + 1] == b"\xff":
        marker, length = data[place + 1 : place + 2], int.from_bytes(data[place + 2 : place + 4], "big")
        content = data[place + 4 : place + 2 + length]
        if marker == _SCAN:
            is_whole = content and len(content) == length - 2 == 2 * content[0] + 4
            return found if is_whole else None
        if marker in _FRAMES and found is None:
            found = _read_frame(content)
            is_plain = found is not None
        else:
            is_plain = marker in _PLAIN_SEGMENTS and _PLAIN_SEGMENTS[marker](content)
        if not is_plain or len(content) != length - 2:
            return None
        place += 2 + length
    return None


def _read_frame(content: bytes) -> tuple[str, tuple[int, int]] | None:
    """Read the frame header (ITU-T T.81, B.2.2) of 8-bit grey or YCbCr, subsampled as usual or not."""
    mode = _FRAME_MODES.get((len(content), content[:1], content[5:6], content[6::3]))
    height, width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
    return (mode, (width, height)) if mode and height and width else None


def check_scans(scans: int, size: tuple[int, int], policy: DecodePolicy) -> None:
    """Refuse a JPEG whose scans would take longer than those of the largest honest one.

    Args:
        scans: in the file.
        size: width and height.
        policy: with the largest image.

    Raises:
        ImageError: with the number of scans.
    """
    if scans > _MAX_SCANS or scans * size[0] * size[1] > _SCANS_OF_LARGEST * policy.max_pixels:
        raise _busy(f"{scans} scans of {size[0]}x{size[1]} pixels")


def _busy(what: str) -> ImageError:
    return ImageError("too large", f"has {what}, made to keep decoders busy")


def _check_chunks(data: bytes) -> None:
    """Verify a PNG's checksums, which Pillow skips for the pixels (PNG specification, sec. 5.5)."""
    place = 8
    for _ in range(_MAX_CHUNKS):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        end = place + 8 + length
        if end + 4 > len(data):
            return  # Pillow says that it is truncated
        is_critical = not kind[0] & 0x20
        checksum = int.from_bytes(data[end : end + 4], "big")
        if is_critical and zlib.crc32(data[place + 4 : end]) != checksum:
            raise ImageError("damaged", f"is a damaged PNG file: wrong checksum at byte {place}")
        if kind == b"IEND":
            return
        place = end + 4
    raise _busy("too many chunks")


def _check_tags(data: bytes) -> None:
    """Refuse a TIFF with absurd numbers of numbers, strips or tiles (TIFF 6.0, sec. 2)."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    try:
        (place,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
        _check_page(data, place, order, is_big=is_big)
    except struct.error:
        return  # Pillow says what is wrong


def _check_page(data: bytes, place: int, order: str, *, is_big: bool) -> None:
    """Check the directory of tags of the first page, the only one that is read."""
    count_type, entry_type = ("Q", "HHQQ") if is_big else ("H", "HHII")
    (count,) = struct.unpack_from(order + count_type, data, place)
    place += struct.calcsize(order + count_type)
    values: dict[int, int] = {}
    counts: dict[int, int] = {}
    if count > _MAX_TIFF_NUMBERS:
        raise _busy(f"{count} tags")
    for _ in range(count):
        tag, kind, number, value = struct.unpack_from(order + entry_type, data, place)
        place += struct.calcsize(order + entry_type)
        if kind in _TIFF_SIZES and number > _MAX_TIFF_NUMBERS:
            raise _busy(f"{number} numbers in one tag")
        if kind == _SHORT:  # stands in the first two bytes of its field
            value = value >> (48 if is_big else 16) if order == ">" else value & 0xFFFF
        values[tag] = value
        counts[tag] = number
    _check_parts(values, counts)


def _check_parts(values: dict[int, int], counts: dict[int, int]) -> None:
    width, height = values.get(_WIDTH, 1), values.get(_HEIGHT, 1)
    planes = values.get(_SAMPLES, 1) if values.get(_PLANAR, 1) == 2 else 1
    rows = max(1, values.get(_ROWS_PER_STRIP, height))
    strips = math.ceil(height / rows) * planes
    across = math.ceil(width / max(1, values.get(_TILE_WIDTH, width)))
    tiles = across * math.ceil(height / max(1, values.get(_TILE_HEIGHT, height))) * planes
    for tag, expected in ((_STRIPS, strips), (_TILES, tiles)):
        if counts.get(tag, 0) > expected:
            raise _busy(f"{counts[tag]} strips or tiles where {expected} cover the image")
