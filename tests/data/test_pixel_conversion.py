"""Every mode of pixels and every orientation, against values worked out by hand."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from resnets.data.decode_policy import DecodePolicy
from resnets.data.decoding import decode
from resnets.data.pixel_conversion import orientation_of
from resnets.errors import ImageError

from .image_corpus import PNG_SIGNATURE, encode, exif_orientation, png_chunk

CORNERS = {"a": (220, 20, 20), "b": (20, 180, 20), "c": (20, 20, 220), "d": (200, 200, 20)}
"""Colours of the quarters as they should be seen: a b above c d."""

# What a camera stores, read off the EXIF standard (CIPA DC-008, tag 0x0112): for 6, "the 0th row is the
# visual right-hand side of the image, and the 0th column is the visual top".
STORED = {1: "abcd", 2: "badc", 3: "dcba", 4: "cdab", 5: "acbd", 6: "bdac", 7: "dbca", 8: "cadb"}

FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
}


def quarters(letters: str, width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height))
    for place, letter in enumerate(letters):
        left, top = place % 2 * width // 2, place // 2 * height // 2
        image.paste(CORNERS[letter], (left, top, left + width // 2, top + height // 2))
    return image


def see_quarters(pixels: np.ndarray) -> str:
    """Letters of the quarters, by the colour nearest to that of their centres."""
    height, width, _ = pixels.shape
    seen = ""
    for place in range(4):
        colour = pixels[(1 + place // 2 * 2) * height // 4, (1 + place % 2 * 2) * width // 4]
        seen += min(CORNERS, key=lambda c: np.abs(colour - np.array(CORNERS[c])).sum())
    return seen


def stored_by_camera(kind: str, orientation: int) -> bytes:
    size = (32, 64) if orientation > 4 else (64, 32)
    image = quarters(STORED[orientation], *size)
    return encode(image, kind, exif=exif_orientation(orientation), **FORMATS[kind])


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", STORED)
def test_orientation_is_applied_once(kind: str, orientation: int) -> None:
    decoded = decode(stored_by_camera(kind, orientation))
    assert decoded.image.size == (64, 32)
    assert see_quarters(decoded.pixels) == "abcd"
    assert decoded.buffer.shape[:2] == (32, 64)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_orientation_can_be_ignored(kind: str, orientation: int) -> None:
    decoded = decode(stored_by_camera(kind, orientation), DecodePolicy(exif="ignore"))
    assert see_quarters(decoded.pixels) == STORED[orientation]
    assert decoded.orientation == orientation


@pytest.mark.parametrize("orientation", range(2, 9))
def test_orientation_of_a_tiff_can_be_ignored(orientation: int) -> None:
    test_orientation_can_be_ignored("TIFF", orientation)


def test_orientation_of_pillow_images_that_came_from_files() -> None:
    image = quarters("bdac", 32, 64)
    image.getexif()[0x0112] = 6
    assert see_quarters(decode(image).pixels) == "abcd"


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_orientations_that_do_not_exist_mean_upright(value: int) -> None:
    data = encode(quarters("abcd", 64, 32), "PNG", exif=exif_orientation(value))
    assert see_quarters(decode(data).pixels) == "abcd"
    assert decode(data).orientation == 1


def test_damaged_metadata_mean_upright() -> None:
    class Broken:
        def getexif(self) -> None:
            raise SyntaxError("not a TIFF file")

    assert orientation_of(Broken()) == 1  # type: ignore[arg-type]


def flat(mode: str, colour: Any, **options: Any) -> Image.Image:
    image = Image.new(mode, (16, 16), colour)
    image.info.update(options)
    return image


def palette(colour: tuple[int, int, int], *, mode: str = "P") -> Image.Image:
    image = Image.new("P", (16, 16), 3)
    image.putpalette(bytes(9) + bytes(colour) + bytes(756))
    return image.convert(mode)


# Over white, a colour c with opacity a / 255 is seen as 255 + (c - 255) a / 255.
CASES = {
    "grey": (encode(flat("L", 77), "PNG"), (77, 77, 77), "L"),
    "grey and alpha": (encode(flat("LA", (100, 128)), "PNG"), (177, 177, 177), "LA"),
    "RGB": (encode(flat("RGB", (1, 2, 250)), "BMP"), (1, 2, 250), "RGB"),
    "RGBA opaque": (encode(flat("RGBA", (1, 2, 250, 255)), "PNG"), (1, 2, 250), "RGBA"),
    "RGBA half": (encode(flat("RGBA", (200, 0, 100, 51)), "PNG"), (244, 204, 224), "RGBA"),
    "RGBA hidden": (encode(flat("RGBA", (200, 0, 100, 0)), "TIFF"), (255, 255, 255), "RGBA"),
    "WebP with alpha": (
        encode(flat("RGBA", (200, 0, 100, 51)), "WEBP", lossless=True, exact=True),
        (244, 204, 224),
        "RGBA",
    ),
    "palette": (encode(palette((9, 80, 7)), "PNG"), (9, 80, 7), "P"),
    "palette of a BMP": (encode(palette((9, 80, 7)), "BMP"), (9, 80, 7), "P"),
    "palette, hidden": (encode(palette((9, 80, 7)), "PNG", transparency=3), (255, 255, 255), "P"),
    "palette, another colour hidden": (
        encode(palette((9, 80, 7)), "PNG", transparency=2),
        (9, 80, 7),
        "P",
    ),
    "palette, half": (
        encode(palette((200, 0, 100)), "PNG", transparency=bytes([255, 255, 255, 51])),
        (244, 204, 224),
        "P",
    ),
    "hidden in a GIF": (encode(palette((9, 80, 7)), "GIF", transparency=3), (255, 255, 255), "P"),
    "tRNS in RGB": (
        encode(flat("RGB", (9, 8, 7)), "PNG", transparency=(9, 8, 7)),
        (255, 255, 255),
        "RGB",
    ),
    "another tRNS in RGB": (
        encode(flat("RGB", (9, 8, 7)), "PNG", transparency=(9, 8, 8)),
        (9, 8, 7),
        "RGB",
    ),
    "tRNS in L": (encode(flat("L", 9), "PNG", transparency=9), (255, 255, 255), "L"),
    "another tRNS in L": (encode(flat("L", 9), "PNG", transparency=8), (9, 9, 9), "L"),
    "CMYK TIFF": (encode(flat("CMYK", (0, 255, 255, 0)), "TIFF"), (255, 0, 0), "CMYK"),
    "CMYK JPEG": (encode(flat("CMYK", (255, 0, 255, 0)), "JPEG", quality=95), (0, 255, 0), "CMYK"),
    "black ink": (encode(flat("CMYK", (0, 0, 0, 255)), "TIFF"), (0, 0, 0), "CMYK"),
    "1-bit white": (encode(flat("1", 1), "PNG"), (255, 255, 255), "1"),
    "1-bit black": (encode(flat("1", 0), "BMP"), (0, 0, 0), "1"),
}


@pytest.mark.parametrize("name", CASES)
def test_modes(name: str) -> None:
    data, colour, mode = CASES[name]
    decoded = decode(data)
    assert decoded.mode == mode
    assert decoded.pixels.shape == (16, 16, 3)
    assert decoded.pixels.dtype == np.uint8
    assert np.abs(decoded.pixels.astype(int) - colour).max() <= (1 if "JPEG" in name else 0)


@pytest.mark.parametrize("name", CASES)
def test_modes_of_pillow_images_are_those_of_their_files(name: str) -> None:
    data, _, mode = CASES[name]
    with Image.open(io.BytesIO(data)) as image:
        decoded = decode(image)
    assert decoded.mode == mode
    np.testing.assert_array_equal(decoded.pixels, decode(data).pixels)


def test_the_background_can_be_chosen() -> None:
    data = encode(flat("RGBA", (200, 0, 100, 51)), "PNG")
    policy = DecodePolicy(background=(0, 10, 255))
    # c * 51 / 255 + background * 204 / 255
    np.testing.assert_array_equal(decode(data, policy).pixels[3, 3], (40, 8, 224))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_by_257(kind: str) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    decoded = decode(encode(Image.fromarray(values), kind))
    assert decoded.mode.startswith("I;16")
    assert np.ptp(decoded.pixels, axis=2).max() == 0
    assert np.abs(decoded.pixels[..., 0] - values / 257).max() <= 0.501
    np.testing.assert_array_equal(decode(Image.fromarray(values)).pixels, decoded.pixels)


def test_16_bits_in_the_other_order_of_bytes() -> None:
    image = Image.frombytes("I;16B", (16, 16), struct.pack(">H", 0x8080) * 256)
    np.testing.assert_array_equal(decode(image).pixels[0, 0], (128, 128, 128))


@pytest.mark.parametrize(
    ("number", "kind", "low", "high"),
    [
        ("int32", None, 0, 1000),
        ("int32", "TIFF", -500, 500),
        ("float32", "TIFF", 0.0, 1.0),
        ("float32", None, -2, 6),
    ],
)
def test_a_range_makes_32_bits_grey(number: str, kind: str | None, low: float, high: float) -> None:
    row = np.linspace(low - (high - low), high + (high - low), 31).astype(number)
    image = Image.fromarray(np.tile(row, (8, 1)))
    decoded = decode(
        image if kind is None else encode(image, kind), DecodePolicy(float_range=(low, high))
    )
    expected = np.clip((row.astype(float) - low) / (high - low) * 255, 0, 255)
    assert np.abs(decoded.pixels[0, :, 0] - expected).max() <= 0.501
    assert decoded.pixels[0, 0, 0] == 0
    assert decoded.pixels[0, -1, 0] == 255


def test_numbers_that_are_none_become_black_and_infinite_ones_the_end_of_the_range() -> None:
    values = np.tile(np.array([np.nan, np.inf, -np.inf, 1, 0, 1, 0, 1], np.float32), (8, 1))
    decoded = decode(Image.fromarray(values), DecodePolicy(float_range=(0, 1)))
    assert decoded.pixels[0, :, 0].tolist() == [0, 255, 0, 255, 0, 255, 0, 255]


@pytest.mark.parametrize("number", ["int32", "float32"])
def test_without_a_range_32_bits_are_refused(number: str) -> None:
    data = encode(Image.fromarray(np.ones((16, 16), number)), "TIFF")
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert caught.value.reason == "needs a range"
    assert str(caught.value) == (
        "has 32-bit values; say which of them are black and white: float_range=(0, 1), or --float-range 0,1"
    )


def test_pixels_without_a_way_to_rgb_are_refused() -> None:
    with pytest.raises(ImageError) as caught:
        decode(Image.new("La", (16, 16)))
    assert caught.value.reason == "unsupported format"
    assert str(caught.value) == "has La pixels, which are not converted to RGB"


def grey_png(depth: int, raw: bytes, hidden: int) -> bytes:
    header = struct.pack(">IIBBBBB", 8, 8, depth, 0, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"tRNS", struct.pack(">H", hidden)),
        (b"IDAT", zlib.compress(raw)),
        (b"IEND", b""),
    )
    return PNG_SIGNATURE + b"".join(png_chunk(kind, content) for kind, content in chunks)


def test_a_hidden_grey_of_16_bits_does_not_show() -> None:
    data = grey_png(16, (b"\0" + b"\x12\x34" * 8) * 8, 0x1234)
    np.testing.assert_array_equal(decode(data).pixels[0, 0], (255, 255, 255))


@pytest.mark.parametrize("ends", [(1, 1), (1, 0)])
def test_a_range_goes_up(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"float_range must go up, such as \(0, 1\), got \(1.0, \d.0\)"):
        DecodePolicy(float_range=ends)
