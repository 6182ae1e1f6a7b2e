"""Plain JPEGs are read without Pillow's parser, so what counts as plain must be what Pillow sees."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from resnets.data.decoding import decode
from resnets.data.pixel_conversion import orientation_of
from resnets.data.structure import read_plain_header

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))


def jpeg(image: Image.Image = PHOTO, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    return made


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"optimize": True},
        {"quality": 5},
        {"subsampling": 0},
        {"subsampling": 1},
        {"comment": "drawn by a test"},
        {"restart_marker_blocks": 1},
    ],
)
def test_plain_files(options: dict[str, Any]) -> None:
    assert read_plain_header(jpeg(**options)) == ("RGB", (30, 20))
    assert read_plain_header(jpeg(PHOTO.convert("L"), **options)) == ("L", (30, 20))


@pytest.mark.parametrize(
    "data",
    [
        jpeg(exif=exif(6)),
        jpeg(icc_profile=b"profile"),
        jpeg(PHOTO.convert("CMYK")),
        jpeg(keep_rgb=True),
        jpeg()[:100],
        b"\xff\xd8\xff",
        b"",
    ],
)
def test_everything_else_is_for_pillow(data: bytes) -> None:
    assert read_plain_header(data) is None


@pytest.mark.parametrize("options", [{}, {"progressive": True, "comment": "x"}])
def test_pillow_never_knows_more_of_a_plain_file(options: dict[str, Any]) -> None:
    good = jpeg(**options)
    end = good.index(b"\xff\xda") + 14
    plain = 0
    for place in range(2, end):
        for value in {0, 1, 2, 0x10, 0x40, 0xC1, 0xC4, 0xE1, 0xFF, good[place] ^ 1, good[place] ^ 0x80}:
            data = good[:place] + bytes([value]) + good[place + 1 :]
            header = read_plain_header(data)
            if header is None:
                continue
            plain += 1
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
                assert (image.mode, image.size, orientation_of(image)) == (*header, 1), (place, value)
                assert not getattr(image, "is_animated", False)
    assert plain > 1000


def test_pixels_are_those_of_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("simplejpeg")
    shorter = decode(jpeg())
    monkeypatch.setattr("resnets.data.decoding.read_plain_header", lambda _: None)
    longer = decode(jpeg())
    assert (shorter.pixels == longer.pixels).all()
    for name in ("size", "format", "mode", "orientation", "animated"):
        assert getattr(shorter, name) == getattr(longer, name)
    assert shorter.image.mode == longer.image.mode == "RGBX"
