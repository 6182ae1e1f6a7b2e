"""Small images of 16 formats and ways to damage them, the same for the same seed."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
WIDTH, HEIGHT = 93, 67
EXTREMES = (
    0,
    1,
    2,
    7,
    8,
    255,
    256,
    7000,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)


def scene(width: int = WIDTH, height: int = HEIGHT, *, channels: int = 3) -> NDArray[np.uint8]:
    """Draw slopes, an edge and some noise: (height, width, channels)."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [
        127 + 90 * np.sin(x / (7 + 5 * c)) * np.cos(y / (11 - 2 * c)) + 40 * (x > y + 9 * c)
        for c in range(channels)
    ]
    noise = np.random.default_rng(width * height).normal(0, 6, (height, width, channels))
    return np.clip(np.stack(planes, -1) + noise, 0, 255).astype(np.uint8)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Write an image into bytes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif_orientation(value: int) -> Image.Exif:
    """The camera's tag for how the picture was turned, 1 to 8."""
    tags = Image.Exif()
    tags[0x0112] = value
    return tags


def palette_with_transparency() -> Image.Image:
    """A picture of 64 colours of which every other one is invisible or half visible."""
    image = rgb().quantize(64)
    image.info["transparency"] = bytes([255, 128] * 31 + [255, 0])
    return image


def rgb() -> Image.Image:
    """The scene in colour."""
    return Image.fromarray(scene())


def rgba() -> Image.Image:
    """The scene with an alpha channel of its own."""
    return Image.fromarray(scene(channels=4), "RGBA")


def deep_grey(shift: int = 0) -> Image.Image:
    """The scene in 16-bit grey."""
    return Image.fromarray(scene(channels=1)[..., 0].astype(np.uint16) * 257 + np.uint16(shift))


def later_frames(count: int = 2) -> list[Image.Image]:
    """Frames that follow the first."""
    return [Image.fromarray(np.roll(scene(), 9 * (i + 1), axis=1)) for i in range(count)]


SEEDS: dict[str, Callable[[], bytes]] = {
    "JPEG baseline": lambda: encode(rgb(), "JPEG", quality=85),
    "JPEG progressive": lambda: encode(rgb(), "JPEG", quality=85, progressive=True),
    "JPEG grey": lambda: encode(rgb().convert("L"), "JPEG", quality=85),
    "JPEG CMYK": lambda: encode(rgb().convert("CMYK"), "JPEG", quality=85),
    "PNG RGB": lambda: encode(rgb(), "PNG"),
    "PNG RGBA": lambda: encode(rgba(), "PNG"),
    "PNG palette, transparent": lambda: encode(palette_with_transparency(), "PNG"),
    "PNG 16-bit grey": lambda: encode(deep_grey(), "PNG"),
    "PNG 1-bit": lambda: encode(rgb().convert("1"), "PNG"),
    "GIF animated": lambda: encode(rgb(), "GIF", save_all=True, append_images=later_frames()),
    "WebP lossy": lambda: encode(rgb(), "WEBP", quality=80),
    "WebP lossless, alpha": lambda: encode(rgba(), "WEBP", lossless=True),
    "BMP": lambda: encode(rgb(), "BMP"),
    "TIFF LZW": lambda: encode(rgb(), "TIFF", compression="tiff_lzw"),
    "TIFF 16-bit pages": lambda: encode(
        deep_grey(), "TIFF", save_all=True, append_images=[deep_grey(77)]
    ),
    "MPO turned by EXIF": lambda: encode(
        rgb(), "MPO", save_all=True, append_images=later_frames(1), exif=exif_orientation(6)
    ),
}
"""Builders of one valid file per format."""


@cache
def seed_files() -> dict[str, bytes]:
    """Build every format once."""
    return {name: build() for name, build in SEEDS.items()}


def flip_bytes(data: bytes, random: Random) -> bytes:
    """Overwrite up to 16 bytes, or single bits of them."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        place = random.randrange(len(changed))
        changed[place] ^= random.choice((1 << random.randrange(8), random.randrange(1, 256)))
    return bytes(changed)


def insert_range(data: bytes, random: Random) -> bytes:
    """Put up to 300 random, zero or 0xFF bytes in."""
    length, place = random.randint(1, 300), random.randrange(len(data) + 1)
    filler = random.choice((random.randbytes(length), bytes(length), b"\xff" * length))
    return data[:place] + filler + data[place:]


def delete_range(data: bytes, random: Random) -> bytes:
    """Take up to a quarter of the bytes out."""
    place = random.randrange(len(data))
    return data[:place] + data[place + random.randint(1, max(1, len(data) // 4)) :]


def truncate(data: bytes, random: Random) -> bytes:
    """Keep only a first part."""
    return data[: random.randrange(len(data))]


def edit_header(data: bytes, random: Random) -> bytes:
    """Write an extreme number over 1, 2 or 4 of the first 700 bytes."""
    size, order = random.choice((1, 2, 4)), random.choice(("<", ">"))
    number = random.choice(EXTREMES) & (256**size - 1)
    place = random.randrange(max(1, min(len(data), random.choice((40, 200, 700))) - size))
    return overwrite(data, place, struct.pack(order + {1: "B", 2: "H", 4: "I"}[size], number))


def edit_size(data: bytes, random: Random) -> bytes:
    """Let the header claim another width or height."""
    field = size_field(data)
    if field is None:
        return edit_header(data, random)
    place, form = field
    width = struct.calcsize(form)
    number = random.choice((*EXTREMES, random.randrange(1, 20000))) & (256**width - 1)
    return overwrite(data, place + random.choice((0, width)), struct.pack(form, number))


def splice(data: bytes, random: Random) -> bytes:
    """Continue with the end of another file."""
    other = random.choice(list(seed_files().values()))
    return data[: random.randrange(1, len(data))] + other[random.randrange(len(other)) :]


def duplicate_range(data: bytes, random: Random) -> bytes:
    """Repeat a part of the file elsewhere in it, once or a few times."""
    start = random.randrange(len(data))
    part = data[start : start + random.randint(1, 600)]
    place = random.randrange(len(data))
    return data[:place] + part * random.choice((1, 1, 2, 8)) + data[place:]


def edit_compressed(data: bytes, random: Random) -> bytes:
    """Change what a PNG's pixels are compressed from: filters, values and their number."""
    start, end = data.find(b"IDAT") - 4, data.rfind(b"IEND") - 4
    if not data.startswith(PNG_SIGNATURE) or start < 0 or end < start:
        return flip_bytes(data, random)
    with suppress(zlib.error):
        raw = zlib.decompressobj().decompress(data[start + 8 : end])
        changed = random.choice((flip_bytes, flip_bytes, truncate, insert_range))(raw or b"\0", random)
        return data[:start] + png_chunk(b"IDAT", zlib.compress(changed, 1)) + data[end:]
    return flip_bytes(data, random)


MUTATORS = (
    flip_bytes,
    insert_range,
    delete_range,
    truncate,
    edit_header,
    edit_size,
    edit_compressed,
    splice,
    duplicate_range,
)


def mutant(seed: int, index: int) -> tuple[str, bytes]:
    """Damage one of the seed files in one to three ways; formats take turns.

    Args:
        seed: of the whole run.
        index: of the mutant in the run, from 0.

    Returns:
        Name of the format it was made from, and the bytes.
    """
    random = Random(f"{seed} {index}")
    name = list(SEEDS)[index % len(SEEDS)]
    data = seed_files()[name]
    for _ in range(random.choice((1, 1, 2, 3))):
        data = random.choice(MUTATORS)(data, random) or b"\x00"
    if data.startswith(PNG_SIGNATURE) and random.random() < 0.7:
        data = repair_checksums(data)
    return name, data


def overwrite(data: bytes, place: int, part: bytes) -> bytes:
    """Replace bytes without moving the others."""
    return data[:place] + part + data[place + len(part) :]


def size_field(data: bytes) -> tuple[int, str] | None:
    """Find where a file's two sizes begin and how each is written; None if that is not known."""
    if data.startswith(PNG_SIGNATURE):
        return 16, ">I"
    if data.startswith(b"GIF8"):
        return 6, "<H"
    if data.startswith(b"BM"):
        return 18, "<I"
    if data[12:16] == b"VP8 ":
        return 26, "<H"
    frames = [data.find(marker) for marker in (b"\xff\xc0\x00", b"\xff\xc2\x00")]
    found = [place for place in frames if place >= 0]
    return (found[0] + 5, ">H") if found else None


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk with its length and a true checksum."""
    return (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    )


def repair_checksums(data: bytes) -> bytes:
    """Give every chunk of a PNG its true checksum, so that what is in it gets read."""
    repaired, place = data[:8], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 12 + length
        if end > len(data):
            break
        repaired += png_chunk(data[place + 4 : place + 8], data[place + 8 : end - 4])
        place = end
    return repaired + data[place:]
