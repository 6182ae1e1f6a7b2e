"""Files made to crash, stall, flood or mislead a decoder, each with what has to come of it.

Every one must end within 5 seconds and 1 GB, accepted or refused with a reason; where the rules of
`DecodePolicy` or the file itself leave only one outcome, it is named.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

import numpy as np
from PIL import Image

from . import hostile_builders as build
from .image_corpus import SEEDS, encode, png_chunk, rgb, scene, seed_files

ACCEPTED = "accepted"
ANY = "any"


@dataclass(frozen=True)
class HostileImage:
    """A file and its fate.

    Attributes:
        name: in words.
        build: makes the bytes.
        outcomes: 'accepted' and reasons of refusal, of which one has to come; 'any' for all.
        colour: RGB of the pixel at row 5, column 5 if it is accepted, to within 3 levels.
    """

    name: str
    build: Callable[[], bytes]
    outcomes: tuple[str, ...]
    colour: tuple[int, int, int] | None = None


LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>gone</body></html>\n"
FOREIGN = ("unsupported format", "not an image")
CUT = ("truncated", "damaged")
SEVERAL_FRAMES = ("GIF animated", "TIFF 16-bit pages")
SIDE = build.LARGEST_SIDE


def half(name: str) -> bytes:
    """The first half of a seed file."""
    data = seed_files()[name]
    return data[: len(data) // 2]


def bad_checksum() -> bytes:
    """A PNG with one wrong bit in the checksum of its pixels."""
    data = bytearray(seed_files()["PNG RGB"])
    data[data.index(b"IEND") - 5] ^= 1
    return bytes(data)


def flat(mode: str, colour: object, kind: str, **options: object) -> bytes:
    """A picture of one colour."""
    return encode(Image.new(mode, (32, 32), colour), kind, **options)  # type: ignore[arg-type]


def values(pixels: float, kind: str, number: str) -> bytes:
    """A picture of one value, of a numpy type."""
    return encode(Image.fromarray(np.full((32, 32), pixels, number)), kind)


def hidden_by_palette() -> bytes:
    """Palette images can hide a colour too."""
    image = Image.new("P", (32, 32), 1)
    image.putpalette(bytes((0, 0, 0, 0, 200, 0)))
    return encode(image, "PNG", transparency=1)


NO_IMAGES = (
    HostileImage("empty", bytes, ("empty",)),
    HostileImage("HTML page named .jpg", lambda: HTML, ("not an image",)),
    HostileImage("Git LFS pointer named .jpg", lambda: LFS_POINTER, ("not an image",)),
    HostileImage("noise", lambda: Random(0).randbytes(5000), ("not an image",)),
    HostileImage("zeros", lambda: bytes(5000), FOREIGN),
    HostileImage(
        "EPS named .png",
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n(%pipe%id) (w) file\n%%EOF\n",
        FOREIGN,
    ),
    HostileImage(
        "PSD named .png",
        lambda: b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 64, 64, 8, 3) + bytes(13000),
        FOREIGN,
    ),
    HostileImage("FITS named .png", lambda: b"SIMPLE  =                    T".ljust(2880), FOREIGN),
    HostileImage("PDF named .png", lambda: b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n%%EOF", FOREIGN),
    HostileImage(
        "SVG named .png",
        lambda: (
            b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
            b'<svg xmlns="http://www.w3.org/2000/svg"><text>&a;</text></svg>'
        ),
        FOREIGN,
    ),
    HostileImage("ICO with PNG inside", lambda: encode(rgb(), "ICO", sizes=[(64, 64)]), FOREIGN),
    HostileImage("AVIF", lambda: b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B" + bytes(900), FOREIGN),
    HostileImage("only a JPEG's first bytes", lambda: b"\xff\xd8\xff", CUT),
    HostileImage("only a PNG's first bytes", lambda: b"\x89PNG\r\n\x1a\n", CUT),
)

CUT_SHORT = (
    HostileImage("JPEG baseline, first half", partial(half, "JPEG baseline"), ("truncated",)),
    HostileImage("PNG RGB, first half", partial(half, "PNG RGB"), ("truncated",)),
    *(
        HostileImage(f"{name}, first half", partial(half, name), CUT)
        for name in SEEDS
        if name not in ("JPEG baseline", "PNG RGB", *SEVERAL_FRAMES)
    ),
    *(  # what is missing of them is not in the first frame
        HostileImage(f"{name}, first half", partial(half, name), (*CUT, ACCEPTED))
        for name in SEVERAL_FRAMES
    ),
    HostileImage("PNG of 74 bytes", build.short_png, CUT),
    HostileImage("PNG with a wrong checksum", bad_checksum, ("damaged",)),
)

BOMBS = (
    HostileImage(
        "PNG header of 50000x50000", lambda: build.png(50000, 50000, 8, 2, pixels=b""), ("too large",)
    ),
    HostileImage(
        "JPEG header of 50000x50000",
        lambda: build.with_claimed_size(seed_files()["JPEG baseline"], 50000, 50000),
        ("too large",),
    ),
    HostileImage(
        "TIFF header of 50000x50000", lambda: build.tiff(50000, 50000, strip=b"x"), ("too large",)
    ),
    HostileImage(
        "GIF screen of 65535x65535", lambda: build.gif_with_screen(65535, 65535), ("too large",)
    ),
    HostileImage("PNG of 400 megapixels", lambda: build.png(20000, 20000, 8, 0), ("too large",)),
    HostileImage(
        "PNG of 10^6 chunks", lambda: build.png(64, 64, 8, 2, png_chunk(b"teSt", b"") * 10**6), (ANY,)
    ),
    HostileImage(
        "PNG of 10^5 texts", lambda: build.png(64, 64, 8, 2, png_chunk(b"tEXt", b"a\0b") * 10**5), (ANY,)
    ),
    HostileImage("zTXt bomb", partial(build.png_text_bomb, b"zTXt"), (ANY,)),
    HostileImage("iTXt bomb", partial(build.png_text_bomb, b"iTXt"), (ANY,)),
    HostileImage("iCCP bomb", partial(build.png_text_bomb, b"iCCP"), (ANY,)),
    HostileImage("JPEG of 10^4 scans", lambda: build.repeated_scans(64, 10**4), (ANY,)),
    HostileImage("JPEG of 10^4 large scans", lambda: build.repeated_scans(SIDE, 10**4), (ANY,)),
    HostileImage("JPEG of 36 scans of 12 megapixels", lambda: build.repeated_scans(3464, 30), (ANY,)),
    HostileImage("JPEG of 10^4 restart markers", build.restart_markers, (ACCEPTED,), (99, 99, 99)),
    HostileImage("WebP of 10^4 frames", lambda: build.webp_of_frames(10**4), (ACCEPTED,), (0, 99, 200)),
    HostileImage("APNG of 1000 frames", lambda: build.animated_png(1000), (ACCEPTED,)),
    HostileImage("TIFF of 10^4 pages", lambda: build.tiff_of_linked_pages(10**4), (ACCEPTED,)),
    HostileImage("TIFF whose directory follows itself", lambda: build.tiff(64, 64, following=8), (ANY,)),
    HostileImage("BMP whose runs overflow", build.bmp_with_overflowing_run, (ANY,)),
    HostileImage("JPEG with a video behind it", build.motion_photo, (ACCEPTED,)),
    HostileImage("BMP of short lines", build.bmp_of_short_lines, (ANY,)),
    HostileImage("BMP of empty lines, 20 MB", build.bmp_of_empty_lines, (ANY,)),
    HostileImage("GIF after junk of 40 MB", build.gif_after_junk, (ANY,)),
    HostileImage("JPEG with fill bytes of 20 MB", build.jpeg_with_fill_bytes, (ANY,)),
    HostileImage("JPEG of 1000 EXIF segments", build.jpeg_of_exif_segments, (ANY,)),
    HostileImage("TIFF with 40 million numbers in a tag", build.tiff_with_long_tag, (ANY,)),
    HostileImage("TIFF of 10^6 strips", lambda: build.tiff_of_strips(10**6), (ANY,)),
    HostileImage("WebP canvas of 13000x13000", build.webp_canvas, ("too large",)),
    HostileImage("EXIF that points at itself", build.exif_loop, (ACCEPTED,)),
    HostileImage("EXIF of 64 kB", build.exif_of_64_kb, (ACCEPTED,)),
    HostileImage("PNG and ZIP at once", lambda: build.zip_after(seed_files()["PNG RGB"]), (ACCEPTED,)),
)

# The most that one file may ask for: as many pixels as are decoded, in every costly form.
LARGEST = (
    HostileImage("largest PNG, RGB", lambda: build.png(SIDE, SIDE, 8, 2), (ACCEPTED,), (0, 0, 0)),
    HostileImage(
        "largest PNG, 16-bit RGBA", lambda: build.png(SIDE, SIDE, 16, 6), (ACCEPTED,), (255, 255, 255)
    ),
    HostileImage(
        "largest PNG, 16-bit grey", lambda: build.png(SIDE, SIDE, 16, 0), (ACCEPTED,), (0, 0, 0)
    ),
    HostileImage(
        "largest PNG, grey and alpha", lambda: build.png(SIDE, SIDE, 8, 4), (ACCEPTED,), (255, 255, 255)
    ),
    HostileImage(
        "largest PNG, transparent palette",
        lambda: build.png(SIDE, SIDE, 8, 3, pixels=None),
        (ACCEPTED,),
        (9, 9, 9),
    ),
    HostileImage(
        "largest TIFF, deflated",
        lambda: build.tiff(SIDE, SIDE, strip=build.compressed_zeros(SIDE * SIDE), compression=8),
        (ACCEPTED,),
        (0, 0, 0),
    ),
    HostileImage("largest WebP", lambda: build.largest_webp("RGB"), (ACCEPTED,), (1, 2, 3)),
    HostileImage(
        "largest WebP, alpha", lambda: build.largest_webp("RGBA"), (ACCEPTED,), (255, 255, 255)
    ),
    HostileImage("largest JPEG, RGB", lambda: build.largest_jpeg("RGB"), (ACCEPTED,)),
    HostileImage("largest JPEG, CMYK", lambda: build.largest_jpeg("CMYK"), (ACCEPTED,)),
    HostileImage(
        "largest JPEG, progressive",
        lambda: build.largest_jpeg("RGB", progressive=True, quality=20),
        (ACCEPTED,),
    ),
)

SHAPES_AND_MODES = (
    HostileImage("1x1", lambda: encode(Image.new("RGB", (1, 1)), "PNG"), ("too small",)),
    HostileImage("1x60000", lambda: encode(Image.new("RGB", (1, 60000)), "PNG"), ("too small",)),
    HostileImage("60000x1", lambda: encode(Image.new("RGB", (60000, 1)), "PNG"), ("too small",)),
    HostileImage("7x900", lambda: encode(Image.new("RGB", (7, 900)), "JPEG"), ("too small",)),
    HostileImage(
        "8x60000", lambda: encode(Image.new("RGB", (8, 60000), (1, 2, 3)), "PNG"), (ACCEPTED,), (1, 2, 3)
    ),
    *(
        HostileImage(
            f"EXIF orientation {value}",
            partial(build.turned, value),
            (ACCEPTED,),
            tuple(map(int, scene()[5, 5])),  # type: ignore[arg-type]
        )
        for value in range(1, 9)
    ),
    HostileImage(
        "EXIF orientation 6, TIFF",
        lambda: build.turned(6, "TIFF"),  # which Pillow turns by itself
        (ACCEPTED,),
        tuple(map(int, scene()[5, 5])),  # type: ignore[arg-type]
    ),
    HostileImage("CMYK", lambda: flat("CMYK", (0, 255, 255, 0), "TIFF"), (ACCEPTED,), (255, 0, 0)),
    HostileImage("CMYK JPEG", lambda: flat("CMYK", (0, 255, 255, 0), "JPEG"), (ACCEPTED,), (255, 0, 0)),
    HostileImage("L", lambda: flat("L", 77, "PNG"), (ACCEPTED,), (77, 77, 77)),
    HostileImage("LA, hidden", lambda: flat("LA", (77, 0), "PNG"), (ACCEPTED,), (255, 255, 255)),
    HostileImage(
        "RGBA, hidden", lambda: flat("RGBA", (200, 0, 0, 0), "PNG"), (ACCEPTED,), (255, 255, 255)
    ),
    HostileImage(
        "RGBA, half",
        lambda: flat("RGBA", (200, 0, 0, 128), "WEBP", lossless=True),
        (ACCEPTED,),
        (227, 127, 127),
    ),
    HostileImage("P, hidden", hidden_by_palette, (ACCEPTED,), (255, 255, 255)),
    HostileImage(
        "RGB with a hidden colour",
        lambda: flat("RGB", (9, 8, 7), "PNG", transparency=(9, 8, 7)),
        (ACCEPTED,),
        (255, 255, 255),
    ),
    HostileImage("1-bit", lambda: flat("1", 1, "PNG"), (ACCEPTED,), (255, 255, 255)),
    HostileImage("16-bit PNG", lambda: values(32768, "PNG", "uint16"), (ACCEPTED,), (128, 128, 128)),
    HostileImage("16-bit TIFF", lambda: values(32768, "TIFF", "uint16"), (ACCEPTED,), (128, 128, 128)),
    HostileImage("I", lambda: values(70000, "TIFF", "int32"), ("needs a range",)),
    HostileImage("F", lambda: values(0.5, "TIFF", "float32"), ("needs a range",)),
    HostileImage("Lab", lambda: flat("LAB", (128, 128, 128), "TIFF"), (ANY,)),
    HostileImage("YCbCr", lambda: flat("YCbCr", (128, 128, 128), "TIFF"), (ACCEPTED,), (128, 128, 128)),
    HostileImage("animated GIF", SEEDS["GIF animated"], (ACCEPTED,)),
    HostileImage("APNG", lambda: build.animated_png(3), (ACCEPTED,), tuple(map(int, scene()[5, 5]))),  # type: ignore[arg-type]
    HostileImage("MPO", SEEDS["MPO turned by EXIF"], (ACCEPTED,)),
)

HOSTILE_IMAGES = {
    entry.name: entry for entry in (*NO_IMAGES, *CUT_SHORT, *BOMBS, *LARGEST, *SHAPES_AND_MODES)
}
"""All of them, by name."""
