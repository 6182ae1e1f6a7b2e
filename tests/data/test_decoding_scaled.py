"""Large JPEGs decoded at a fraction of their size."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnets.data import decoding
from resnets.data.decode_policy import DecodePolicy
from resnets.data.decoding import DecodedImage, decode
from resnets.data.preprocessing import fit
from resnets.data.preprocessing_policy import Preprocessing

from .image_corpus import encode, rgb, scene

PHOTOS = sorted((Path(__file__).parents[2] / "examples").glob("*.jpg"))


@pytest.fixture(params=["simplejpeg", "Pillow"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "Pillow":
        monkeypatch.setattr(decoding, "simplejpeg", None)
    elif find_spec("simplejpeg") is None:
        pytest.skip("simplejpeg is not installed")
    return str(request.param)


SCALED = DecodePolicy(scaled=True)
LARGE = decoding._LARGE


@pytest.fixture(autouse=True)
def small_images_are_scaled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_LARGE", 0)


def large(size: tuple[int, int]) -> bytes:
    return encode(Image.fromarray(scene(*size)), "JPEG", quality=92)


def scaled_size(data: bytes, for_size: int) -> tuple[int, int]:
    return decode(data, SCALED, for_size=for_size).image.size


def test_only_what_is_much_larger_than_needed_is_scaled(decoder: str) -> None:
    data = large((640, 320))
    assert decode(data, for_size=8).image.size == (640, 320)
    assert decode(data, SCALED).image.size == (640, 320)
    assert scaled_size(data, 81) == (640, 320)
    assert scaled_size(data, 80) == (320, 160)
    assert scaled_size(data, 41) == (320, 160)
    assert scaled_size(data, 40) == (160, 80)
    assert scaled_size(data, 20) == (80, 40)
    assert scaled_size(data, 8) == (80, 40)
    assert scaled_size(encode(rgb().resize((640, 320)), "PNG"), 8) == (640, 320)


def test_images_of_less_than_a_million_pixels_are_not_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_LARGE", LARGE)
    assert scaled_size(large((1250, 799)), 100) == (1250, 799)
    assert scaled_size(large((1250, 800)), 100) == (313, 200)


SIZES = ((641, 320), (645, 323), (647, 327), (1001, 999))


def both(
    data: bytes, for_size: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[DecodedImage, DecodedImage]:
    fast = decode(data, SCALED, for_size=for_size)
    monkeypatch.setattr(decoding, "simplejpeg", None)
    return fast, decode(data, SCALED, for_size=for_size)


@pytest.mark.parametrize("for_size", [20, 40, 80])
def test_both_decoders_scale_alike(for_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fast, slow = both(large((640, 328)), for_size, monkeypatch)
    np.testing.assert_array_equal(fast.pixels, slow.pixels)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("for_size", [20, 40, 80])
def test_both_decoders_scale_odd_sizes_alike(
    size: tuple[int, int], for_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast, slow = both(large(size), for_size, monkeypatch)
    np.testing.assert_array_equal(fast.pixels, slow.pixels)


def blown_up(photo: Path, size: tuple[int, int]) -> bytes:
    with Image.open(photo) as image:
        return encode(image.convert("RGB").resize(size, Image.Resampling.BICUBIC), "JPEG", quality=92)


def moved_by(data: bytes, preprocessing: Preprocessing) -> float:
    """Mean difference that scaled decoding makes, in grey levels."""
    small = decode(data, SCALED, for_size=preprocessing.shorter_side)
    whole = decode(data)
    assert small.image.width < whole.image.width
    return float(np.abs(fit(small, preprocessing).astype(int) - fit(whole, preprocessing)).mean())


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_scaled_decoding_moves_large_photos_by_less_than_a_grey_level(photo: Path) -> None:
    data = blown_up(photo, (2432, 1824))
    for preprocessing in (Preprocessing(), Preprocessing(image_size=64, fit="pad")):
        assert moved_by(data, preprocessing) <= 0.7


def test_scaled_decoding_keeps_the_crop() -> None:
    data = blown_up(PHOTOS[0], (4007, 3099))
    assert moved_by(data, Preprocessing(resize_size=256)) <= 0.7


def test_scaled_decoding_keeps_the_orientation(decoder: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(Image.fromarray(scene(640, 320)), "JPEG", exif=exif)
    assert decode(data, SCALED, for_size=40).image.size == (80, 160)
