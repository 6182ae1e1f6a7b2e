"""Builds files that are small to store and costly, endless or misleading to read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from random import Random

import numpy as np
from PIL import Image

from .image_corpus import PNG_SIGNATURE, encode, exif_orientation, png_chunk, scene, seed_files

LARGEST_SIDE = 7000
"""Pixels; its square is just below the 50 million that are decoded without being asked."""

LARGEST_WEBP_SIDE = 5900
"""Pixels; WebP takes more memory per pixel, so that fewer are decoded."""

_ZEROS = 2**20


def compressed_zeros(length: int) -> bytes:
    """A zlib stream of that many zero bytes, built without compressing them all."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = compressor.compress(bytes(_ZEROS)) + compressor.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    rest = last.compress(bytes(length % _ZEROS)) + last.flush()
    # Of zeros only the length enters the checksum: Adler-32's first sum stays 1.
    checksum = struct.pack(">HH", length % 65521, 1)
    return b"\x78\xda" + block * (length // _ZEROS) + rest + checksum


def png(
    width: int, height: int, depth: int, colour: int, *chunks: bytes, pixels: bytes | None = None
) -> bytes:
    """A black PNG.

    Args:
        width: in pixels.
        height: in pixels.
        depth: bits per channel.
        colour: PNG's colour type, 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
        chunks: between header and pixels.
        pixels: compressed; zeros if not given.
    """
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    if pixels is None:
        pixels = compressed_zeros(height * (1 + (width * depth * channels + 7) // 8))
    palette = (png_chunk(b"PLTE", bytes((9, 9, 9) * 4)),) if colour == 3 else ()
    body = [png_chunk(b"IHDR", header), *chunks, *palette]
    return PNG_SIGNATURE + b"".join([*body, png_chunk(b"IDAT", pixels), png_chunk(b"IEND", b"")])


def short_png() -> bytes:
    """74 bytes: a PNG whose compressed pixels end long before its size is filled."""
    data = png(32, 32, 8, 2, pixels=compressed_zeros(32)[:11] + bytes(6))
    assert len(data) == 74
    return data


def png_text_bomb(kind: bytes) -> bytes:
    """A PNG with a text or colour profile of 200 MB that is stored in 200 kB."""
    keyword = b"name\0\0" if kind != b"iTXt" else b"name\0\1\0\0\0"
    return png(64, 64, 8, 2, png_chunk(kind, keyword + compressed_zeros(200_000_000)))


def animated_png(frames: int) -> bytes:
    """An APNG of equal frames."""
    still = seed_files()["PNG RGB"]
    start, end = still.index(b"IDAT") - 4, still.index(b"IEND") - 4
    (width, height) = struct.unpack(">II", still[16:24])
    pixels = still[start + 8 : end - 4]
    parts = [still[:start], png_chunk(b"acTL", struct.pack(">II", frames, 0))]
    for i in range(frames):
        control = struct.pack(">IIIIIHHBB", max(0, 2 * i - 1), width, height, 0, 0, 1, 10, 0, 0)
        later = png_chunk(b"fdAT", struct.pack(">I", 2 * i) + pixels)
        parts += [png_chunk(b"fcTL", control), later if i else still[start:end]]
    return b"".join([*parts, still[end:]])


def jpeg_segment(marker: int, content: bytes) -> bytes:
    """A marker with its length and content."""
    return struct.pack(">BBH", 255, marker, len(content) + 2) + content


def after_first_marker(jpeg: bytes, segment: bytes) -> bytes:
    """Put a segment at the start of a JPEG."""
    return jpeg[:2] + segment + jpeg[2:]


def with_claimed_size(jpeg: bytes, width: int, height: int) -> bytes:
    """Let a baseline JPEG's header claim another size."""
    place = jpeg.index(b"\xff\xc0\x00") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


def repeated_scans(side: int, count: int) -> bytes:
    """A grey progressive JPEG whose last scan, a few bytes, comes again and again."""
    data = encode(Image.new("L", (side, side), 99), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def restart_markers() -> bytes:
    """A JPEG with 10,000 restart markers, one after each block."""
    return encode(Image.new("L", (800, 800), 99), "JPEG", restart_marker_blocks=1)


def exif_loop() -> bytes:
    """A JPEG whose EXIF directories point at each other and at themselves."""
    entries = [(0x0112, 3, 1, 1), (0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8)]
    directory = tiff_directory(entries, following=8)
    content = b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory
    return after_first_marker(seed_files()["JPEG baseline"], jpeg_segment(0xE1, content))


def exif_of_64_kb() -> bytes:
    """A JPEG with as much EXIF as a segment can hold, a tag of every number."""
    entries = [(0x0112, 3, 1, 1), *((0x9000 + i, 3, 1, i) for i in range(5450))]
    content = b"Exif\0\0II*\0" + struct.pack("<I", 8) + tiff_directory(entries)
    return after_first_marker(seed_files()["JPEG baseline"], jpeg_segment(0xE1, content))


def jpeg_with_fill_bytes() -> bytes:
    """A JPEG with 20 MB of the padding that may stand before a marker."""
    data = seed_files()["JPEG baseline"]
    return data[:20] + b"\xff" * 20_000_000 + data[20:]


def jpeg_of_exif_segments() -> bytes:
    """65 MB of EXIF in pieces that a reader has to join."""
    segment = jpeg_segment(0xE1, b"Exif\0\0" + bytes(65000))
    return after_first_marker(seed_files()["JPEG baseline"], segment * 1000)


def motion_photo() -> bytes:
    """A JPEG as phones write it, with a video behind it that is no part of the picture."""
    return seed_files()["JPEG baseline"] + Random(0).randbytes(10_000_000)


def tiff_directory(entries: Sequence[tuple[int, int, int, int]], *, following: int = 0) -> bytes:
    """An image file directory of (tag, type, count, value) entries, and where the next one is."""
    packed = [
        struct.pack("<HHIHxx" if kind == 3 and count == 1 else "<HHII", tag, kind, count, value)
        for tag, kind, count, value in entries
    ]
    return struct.pack("<H", len(entries)) + b"".join(packed) + struct.pack("<I", following)


def tiff(
    width: int, height: int, *, following: int = 0, strip: bytes | None = None, compression: int = 1
) -> bytes:
    """A grey TIFF of one strip; `following` is where its next page is said to be."""
    pixels = bytes(width * height) if strip is None else strip
    tags = {
        256: width,
        257: height,
        258: 8,
        259: compression,
        262: 1,
        273: 8 + 2 + 12 * 9 + 4,
        277: 1,
        278: height,
        279: len(pixels),
    }
    entries = [(tag, 4, 1, value) for tag, value in tags.items()]
    return b"II*\0" + struct.pack("<I", 8) + tiff_directory(entries, following=following) + pixels


def tiff_of_strips(count: int) -> bytes:
    """A TIFF of 64x64 pixels that names more strips of one row than it has rows."""
    side, offsets = 64, 8 + 2 + 12 * 9 + 4
    sizes, pixels = offsets + 4 * count, offsets + 8 * count
    tags = [(256, 1, side), (257, 1, side), (258, 1, 8), (259, 1, 1), (262, 1, 1), (273, count, offsets)]
    tags += [(277, 1, 1), (278, 1, 1), (279, count, sizes)]
    directory = tiff_directory([(tag, 4, number, value) for tag, number, value in tags])
    places, lengths = struct.pack("<I", pixels) * count, struct.pack("<I", side * side) * count
    return b"II*\0" + struct.pack("<I", 8) + directory + places + lengths + bytes(side * side)


def tiff_with_long_tag() -> bytes:
    """A TIFF with a tag of 160 MB."""
    numbers = np.arange(10**6, 41 * 10**6, dtype=np.uint32).tobytes()
    picture = tiff(64, 64)
    directory, pixels = picture[8 : 8 + 2 + 12 * 9], picture[-64 * 64 :]
    start = 8 + 2 + 12 * 10 + 4
    entries = directory[2:].replace(struct.pack("<I", start - 12), struct.pack("<I", start))
    tag = struct.pack("<HHII", 0x8769, 4, len(numbers) // 4, start + len(pixels))
    body = struct.pack("<H", 10) + entries + tag + bytes(4) + pixels
    return b"II*\0" + struct.pack("<I", 8) + body + numbers


def tiff_of_linked_pages(count: int) -> bytes:
    """A TIFF of pages of 8x8 pixels, each in its own directory."""
    page = tiff(8, 8)[8:]
    pages = []
    for i in range(count):
        start = 8 + i * len(page)
        moved = bytearray(page)
        struct.pack_into("<I", moved, 2 + 12 * 5 + 8, start + 2 + 12 * 9 + 4)
        struct.pack_into("<I", moved, 2 + 12 * 9, start + len(page) if i < count - 1 else 0)
        pages.append(bytes(moved))
    return b"II*\0" + struct.pack("<I", 8) + b"".join(pages)


def run_length_bmp(width: int, height: int, codes: bytes) -> bytes:
    """A BMP of 8-bit run-length codes."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(codes), 0, 0, 256, 0)
    palette = bytes(range(256)) * 4
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(codes), 0, 0, start) + header + palette + codes


def bmp_with_overflowing_run() -> bytes:
    """Runs and jumps that leave the picture on all sides."""
    runs, jumps = bytes((255, 1)) * 500, bytes((0, 2, 255, 255)) * 500
    return run_length_bmp(16, 16, runs + jumps + bytes((0, 255)) + bytes(9) + b"\0\1")


def bmp_of_short_lines() -> bytes:
    """30 kB for 49 megapixels: each line ends after its first pixel."""
    return run_length_bmp(LARGEST_SIDE, LARGEST_SIDE, b"\1\1\0\0" * LARGEST_SIDE)


def bmp_of_empty_lines() -> bytes:
    """Ends of lines, ten million of them, in a picture of 16."""
    return run_length_bmp(16, 16, bytes(20_000_000))


def gif_with_screen(width: int, height: int) -> bytes:
    """A GIF whose picture is small and whose screen is not."""
    data = seed_files()["GIF animated"]
    return data[:6] + struct.pack("<HH", width, height) + data[10:]


def gif_after_junk() -> bytes:
    """A GIF whose first frame comes after 40 MB that mean nothing."""
    data = seed_files()["GIF animated"]
    frame = 13 + 3 * (2 << (data[10] & 7))
    return data[:frame] + b"\7" * 40_000_000 + data[frame:]


def webp_of_frames(count: int) -> bytes:
    """A WebP that repeats its second frame."""
    pictures = [Image.new("RGB", (16, 16), (i, 99, 200 - i)) for i in (0, 90, 180)]
    data = encode(pictures[0], "WEBP", save_all=True, append_images=pictures[1:], lossless=True)
    places = [place for place in range(len(data)) if data.startswith(b"ANMF", place)]
    frame = data[places[1] : places[2]]
    body = data[8 : places[1]] + frame * (count - 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def turned(orientation: int, kind: str = "PNG") -> bytes:
    """The scene as a camera stores it that was held in that way, 1 to 8.

    Source:
        EXIF 2.32, tag 0x0112: for 6, "the 0th row is the visual right-hand side of the image, and
        the 0th column is the visual top".
    """
    pixels = scene()
    stored = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: pixels[:, ::-1].transpose(1, 0, 2),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: pixels[::-1].transpose(1, 0, 2),
    }[orientation]
    image = Image.fromarray(np.ascontiguousarray(stored))
    return encode(image, kind, exif=exif_orientation(orientation))


def zip_after(image: bytes) -> bytes:
    """An image that is a ZIP archive as well."""
    name, content = b"a.txt", b"text"
    entry = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0, zlib.crc32(content), 4, 4, len(name), 0)
    local = b"PK\3\4" + entry + name + content
    central = b"PK\1\2" + struct.pack("<H", 20) + entry + struct.pack("<HHHII", 0, 0, 0, 0, len(image))
    directory = central + name
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), len(image) + len(local), 0)
    return image + local + directory + b"PK\5\6" + end


def largest_jpeg(mode: str, *, progressive: bool = False, quality: int = 75) -> bytes:
    """A JPEG of noise as large as is decoded."""
    tile = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    rows = np.tile(tile, (-(-LARGEST_SIDE // 64), -(-LARGEST_SIDE // 64)))[:LARGEST_SIDE, :LARGEST_SIDE]
    grey = Image.fromarray(rows)
    return encode(grey.convert(mode), "JPEG", progressive=progressive, quality=quality)


def largest_webp(mode: str) -> bytes:
    """A WebP of one colour, invisible if the mode has an alpha channel, as large as is decoded."""
    colour = (1, 2, 3, 0)[: len(mode)]
    image = Image.new(mode, (LARGEST_WEBP_SIDE, LARGEST_WEBP_SIDE), colour)
    return encode(image, "WEBP", lossless=True, method=0)


def webp_canvas() -> bytes:
    """An animated WebP of small frames on a canvas of 169 megapixels."""
    data = webp_of_frames(2)
    side = (13000 - 1).to_bytes(3, "little")
    return data[:24] + side + side + data[30:]
