"""What is decoded, from where, and how much of it; modes and orientations are in test_pixel_conversion.py."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from resnets.data import decoding
from resnets.data.decode_policy import DecodePolicy
from resnets.data.decoding import decode

from .hostile_builders import animated_png
from .image_corpus import SEEDS, deep_grey, encode, later_frames, rgb, scene, seed_files

PHOTOS = sorted((Path(__file__).parents[2] / "examples").glob("*.jpg"))
PNG = seed_files()["PNG RGB"]
SMALL = DecodePolicy(max_pixels=1_000_000)


SOURCES: dict[str, Callable[[Path], Any]] = {
    "path": lambda path: path,
    "name": str,
    "PathLike": lambda path: next(entry for entry in os.scandir(path.parent)),
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "every other byte": lambda path: memoryview(
        bytes(np.repeat(np.frombuffer(path.read_bytes(), "u1"), 2))
    )[::2],
    "Pillow": lambda path: Image.open(path),
    "array": lambda _: scene(),
    "RGBA array": lambda _: np.dstack([scene(), np.full(scene().shape[:2], 255, np.uint8)]),
    "strided array": lambda _: np.repeat(scene(), 2, axis=1)[:, ::2],
    "Fortran array": lambda _: np.asfortranarray(scene()),
    "read-only array": lambda _: np.frombuffer(scene().tobytes(), np.uint8).reshape(scene().shape),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_sources(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "no suffix"
    path.write_bytes(PNG)
    np.testing.assert_array_equal(decode(SOURCES[kind](path)).pixels, scene())


def test_grey_arrays() -> None:
    grey = scene(channels=1)
    for pixels in (grey, grey[..., 0]):
        decoded = decode(pixels)
        assert (decoded.mode, decoded.format) == ("L", "")
        np.testing.assert_array_equal(decoded.pixels, np.repeat(grey, 3, axis=2))


@pytest.mark.parametrize("name", SEEDS)
def test_what_is_known_of_a_file(name: str) -> None:
    decoded = decode(seed_files()[name])
    kind = name.split(maxsplit=1)[0].upper()
    assert decoded.format == kind
    assert decoded.orientation == (6 if "EXIF" in name else 1)
    assert decoded.animated == any(word in name for word in ("animated", "pages", "MPO"))
    height, width, _ = decoded.pixels.shape
    assert sorted((width, height)) == [67, 93]


@pytest.mark.parametrize(
    ("data", "tolerance"),
    [
        (lambda: animated_png(3), 0),
        (lambda: encode(rgb(), "GIF", save_all=True, append_images=later_frames()), 60),
        (lambda: encode(rgb(), "WEBP", save_all=True, append_images=later_frames(), lossless=True), 0),
        (lambda: encode(rgb(), "TIFF", save_all=True, append_images=later_frames()), 0),
        (
            lambda: encode(
                rgb(), "MPO", save_all=True, append_images=later_frames(), quality=100, subsampling=0
            ),
            6,
        ),
    ],
    ids=["APNG", "GIF", "WebP", "TIFF", "MPO"],
)
def test_of_several_frames_the_first_is_seen(data: Callable[[], bytes], tolerance: int) -> None:
    decoded = decode(data())
    assert decoded.animated
    difference = np.abs(decoded.pixels.astype(int) - scene())
    assert difference.max() <= tolerance
    assert difference.mean() <= tolerance / 6
    assert np.abs(np.asarray(later_frames(1)[0]).astype(int) - scene()).mean() > 20


@pytest.mark.parametrize("size", [(8, 8), (8, 300), (300, 8)])
def test_the_least_size(size: tuple[int, int]) -> None:
    assert decode(encode(Image.new("RGB", size), "PNG")).image.size == size


def jpegs() -> dict[str, bytes]:
    odd = Image.fromarray(scene(101, 67))
    return {
        "4:2:0": encode(odd, "JPEG", quality=80),
        "4:4:4": encode(odd, "JPEG", quality=95, subsampling=0),
        "4:2:2": encode(odd, "JPEG", quality=60, subsampling=1),
        "progressive": encode(odd, "JPEG", quality=80, progressive=True),
        "stored as RGB": encode(odd, "JPEG", quality=80, keep_rgb=True),
        "grey": encode(odd.convert("L"), "JPEG"),
        "CMYK": encode(odd.convert("CMYK"), "JPEG"),
        "restart markers": encode(odd, "JPEG", restart_marker_blocks=3),
        "behind it something": encode(odd, "JPEG") + b"something",
        "photo": PHOTOS[0].read_bytes(),
    }


@pytest.mark.parametrize("name", jpegs())
@pytest.mark.skipif(find_spec("simplejpeg") is None, reason="simplejpeg is not installed")
def test_both_decoders_give_the_same_pixels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpegs()[name]
    fast = decode(data)
    if name != "CMYK":
        assert fast.buffer.shape[2] == 4
        np.testing.assert_array_equal(np.asarray(fast.image)[..., :3], fast.pixels)
    monkeypatch.setattr(decoding, "simplejpeg", None)
    np.testing.assert_array_equal(fast.pixels, decode(data).pixels)


def test_a_video_behind_a_jpeg_is_no_part_of_it() -> None:
    """Phones store a JPEG and a film in one file ('motion photo')."""
    photo = encode(Image.new("RGB", (4000, 3000)), "JPEG")
    assert decode(photo + Random(0).randbytes(4_000_000)).image.size == (4000, 3000)


def test_the_policy_and_its_settings() -> None:
    assert DecodePolicy() == DecodePolicy(
        exif="apply", background=(255, 255, 255), float_range=None, max_pixels=50_000_000, scaled=False
    )
    for wrong in (
        {"exif": "maybe"},
        {"background": (0, 0, 256)},
        {"background": (0, 0)},
        {"background": "fff"},
        {"float_range": (0, float("inf"))},
        {"max_pixels": 63},
        {"max_pixels": 178_956_971},
        {"scaled": "yes"},
        {"size": 3},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            DecodePolicy(**wrong)


def test_deep_grey_pages_are_the_first_page() -> None:
    data = encode(deep_grey(), "TIFF", save_all=True, append_images=[deep_grey(77)])
    np.testing.assert_array_equal(decode(data).pixels[..., 0], scene(channels=1)[..., 0])
