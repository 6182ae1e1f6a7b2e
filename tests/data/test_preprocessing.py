from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from resnets.config import validate
from resnets.data.decode_policy import DecodePolicy
from resnets.data.decoding import decode
from resnets.data.preprocessing import (
    RESAMPLING,
    affine,
    cut_corner,
    decode_for,
    fit,
    normalize,
    prepare,
    views,
)
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ConfigError, ImageError

from .image_corpus import encode, scene

Fit = Literal["crop", "pad", "stretch"]
sides = st.integers(8, 400)
sizes = st.integers(1, 96)
RAW: dict[str, Any] = {"mean": (0, 0, 0), "std": (1, 1, 1)}


def plain(image: Image.Image, size: int, *, resize: int, interpolation: str) -> np.ndarray:
    """The shorter side to `resize`, then the middle: what everybody does, whole image first."""
    width, height = image.size
    short = min(width, height)
    whole = image.resize((resize * width // short, resize * height // short), RESAMPLING[interpolation])
    left, top = round((whole.width - size) / 2), round((whole.height - size) / 2)
    return np.asarray(whole.crop((left, top, left + size, top + size)))


@settings(max_examples=60, deadline=None)
@given(sides, sides, sizes, st.integers(0, 40), st.sampled_from(["bilinear", "bicubic", "lanczos"]))
def test_only_the_cut_is_resized_and_is_the_same(
    width: int, height: int, size: int, margin: int, interpolation: str
) -> None:
    image = Image.fromarray(scene(width, height))
    preprocessing = Preprocessing(
        image_size=size, resize_size=size + margin, interpolation=interpolation
    )
    got = fit(decode(image), preprocessing).astype(int)
    expected = plain(image, size, resize=size + margin, interpolation=interpolation)
    # Pillow rounds to whole levels after each of its two passes, whose order it chooses by the size.
    assert np.abs(got - expected).max() <= 2


@given(sides, sides, sizes, st.sampled_from(["crop", "pad", "stretch"]), st.integers(0, 50))
def test_sizes(width: int, height: int, size: int, kind: Fit, margin: int) -> None:
    resize = size + margin if kind == "crop" else None
    preprocessing = Preprocessing(image_size=size, fit=kind, resize_size=resize)
    resized = preprocessing.resized(width, height)
    if kind == "crop":
        assert min(resized) == size + margin
        assert max(resized) == int((size + margin) * max(width, height) / min(width, height))
    elif kind == "pad":
        assert max(resized) == size
        assert (
            abs(min(resized) - size * min(width, height) / max(width, height)) <= 0.5
            or min(resized) == 1
        )
    else:
        assert resized == (size, size)
    assert preprocessing.resized(height, width) == resized[::-1]


@settings(max_examples=40, deadline=None)
@given(
    sides, sides, sizes, st.sampled_from(["crop", "pad", "stretch"]), st.sampled_from(list(RESAMPLING))
)
def test_what_comes_out_has_the_right_shape(
    width: int, height: int, size: int, kind: Fit, how: Any
) -> None:
    preprocessing = Preprocessing(image_size=size, fit=kind, interpolation=how, **RAW)
    got = prepare(np.full((height, width, 3), 51, np.uint8), preprocessing)
    assert got.shape == (3, size, size)
    assert got.dtype == np.float32
    assert got.flags["C_CONTIGUOUS"]
    inside = got if kind != "pad" else got[:, (size - 1) // 2, (size - 1) // 2]
    np.testing.assert_allclose(inside, 0.2, atol=1e-6)


@given(st.integers(8, 5000), st.integers(8, 5000), st.integers(1, 500))
def test_cuts_lie_inside(width: int, height: int, size: int) -> None:
    size = min(size, width, height)
    middle = cut_corner((width, height), size, "middle")
    for place in ("middle", "top left", "top right", "bottom left", "bottom right"):
        left, top = cut_corner((width, height), size, place)
        assert 0 <= left <= width - size
        assert 0 <= top <= height - size
        if place != "middle":
            assert left == (0 if "left" in place else width - size)
            assert top == (0 if "top" in place else height - size)
    assert abs(2 * middle[0] - (width - size)) <= 1
    assert abs(2 * middle[1] - (height - size)) <= 1


def with_dots(*places: tuple[int, int]) -> np.ndarray:
    """A black image of 64x32 with white dots at (column, row)."""
    pixels = np.zeros((32, 64, 3), np.uint8)
    for x, y in places:
        pixels[y, x] = 255
    return pixels


def dots(values: np.ndarray) -> list[tuple[int, int]]:
    rows, columns = np.nonzero(values[0] > 0.99)
    return [(int(x), int(y)) for y, x in zip(rows, columns, strict=True)]


def test_a_dot_lands_where_it_should() -> None:
    # 64x32 at 32: nothing is resized, columns 16 to 47 are seen.
    middle = Preprocessing(image_size=32, **RAW)
    assert dots(prepare(with_dots((16, 0), (47, 31), (15, 9), (48, 9)), middle)) == [(0, 0), (31, 31)]
    # 20 of 32 rows, 20 of 64 columns: from (22, 6) on.
    cut = Preprocessing(image_size=20, resize_size=32, **RAW)
    assert dots(prepare(with_dots((22, 6), (41, 25), (21, 6), (42, 25)), cut)) == [(0, 0), (19, 19)]
    # Padded to 64x64: 16 rows of white above and below.
    pad = Preprocessing(image_size=64, fit="pad", decoding=DecodePolicy(background=(0, 0, 0)), **RAW)
    assert dots(prepare(with_dots((0, 0), (63, 31)), pad)) == [(0, 16), (63, 47)]
    # Stretched, every other column goes; 'nearest' takes the one right of the middle.
    stretch = Preprocessing(image_size=32, fit="stretch", interpolation="nearest", **RAW)
    assert dots(prepare(with_dots((1, 0), (63, 31)), stretch)) == [(0, 0), (31, 31)]


def test_bars_have_the_colour_of_the_background() -> None:
    padded = Preprocessing(image_size=32, fit="pad", decoding=DecodePolicy(background=(10, 20, 30)))
    pixels = fit(decode(np.full((16, 32, 3), 99, np.uint8)), padded)
    assert np.unique(pixels[:8].reshape(-1, 3), axis=0).tolist() == [[10, 20, 30]]
    assert np.unique(pixels[24:].reshape(-1, 3), axis=0).tolist() == [[10, 20, 30]]
    assert np.unique(pixels[8:24].reshape(-1, 3), axis=0).tolist() == [[99, 99, 99]]


def test_the_five_crops_and_their_mirror_images() -> None:
    cut = Preprocessing(image_size=16, resize_size=32, **RAW)
    corners = with_dots((0, 0), (63, 0), (0, 31), (63, 31), (24, 8))
    seen = views(decode(corners), cut, crops=5, flip=True)
    assert seen.shape == (10, 3, 16, 16)
    expected = [(0, 0), (15, 0), (0, 0), (15, 0), (15, 0), (0, 0), (0, 15), (15, 15), (15, 15), (0, 15)]
    assert [dots(view) for view in seen] == [[place] for place in expected]
    for number in (1, 5):
        some = views(decode(corners), cut, crops=number)
        np.testing.assert_array_equal(some, seen[::2][:number])


def test_normalization() -> None:
    pixels = np.stack([np.full((8, 8), level, np.uint8) for level in (0, 51, 255)], axis=2)
    usual = Preprocessing(image_size=8)
    # (level / 255 - mean) / std, with ImageNet's figures
    np.testing.assert_allclose(prepare(pixels, usual)[:, 0, 0], [-2.117904, -1.142857, 2.64], atol=1e-6)
    scale, shift = affine(usual)
    assert scale.dtype == shift.dtype == np.float32


def test_other_channels() -> None:
    pixels = np.tile(np.array([10, 100, 200], np.uint8), (8, 8, 1))
    reverse = Preprocessing(image_size=8, channels="BGR", mean=(0, 0, 0), std=(1 / 255, 1 / 51, 1 / 255))
    np.testing.assert_allclose(prepare(pixels, reverse)[:, 3, 3], [200, 20, 10], rtol=1e-6)
    grey = Preprocessing(image_size=8, channels="L", mean=(0,), std=(1 / 255,))
    # ITU-R 601-2: 0.299 R + 0.587 G + 0.114 B = 84.49
    np.testing.assert_allclose(prepare(pixels, grey), np.full((1, 8, 8), 84.0), rtol=1e-6)
    assert (grey.num_channels, reverse.num_channels) == (1, 3)
    np.testing.assert_array_equal(normalize(pixels, reverse), prepare(pixels, reverse))


def test_pixels_to_skip_are_skipped() -> None:
    """JPEGs come with a fourth byte per pixel where simplejpeg decodes them."""
    data = encode(Image.fromarray(scene()), "JPEG")
    for kind in ("crop", "pad", "stretch"):
        preprocessing = Preprocessing(image_size=32, fit=kind)
        expected = prepare(decode(data).pixels, preprocessing)
        np.testing.assert_array_equal(prepare(data, preprocessing), expected)


def test_extreme_proportions_take_no_memory() -> None:
    strip = np.zeros((60_000, 8, 3), np.uint8)
    for kind in ("crop", "pad", "stretch"):
        assert prepare(strip, Preprocessing(fit=kind)).shape == (3, 224, 224)


def test_the_shorter_side_decides_about_scaled_decoding() -> None:
    data = encode(Image.fromarray(scene(1600, 1280)), "JPEG")
    scaled = DecodePolicy(scaled=True)
    assert decode_for(data, Preprocessing(image_size=160, decoding=scaled)).image.size == (400, 320)
    bigger = Preprocessing(image_size=160, resize_size=320, decoding=scaled)
    assert decode_for(data, bigger).image.size == (800, 640)
    assert (bigger.shorter_side, Preprocessing(image_size=40).shorter_side) == (320, 40)


def test_errors_of_images_come_through() -> None:
    with pytest.raises(ImageError, match="has 7x7 pixels; the least is 8x8"):
        prepare(np.zeros((7, 7, 3), np.uint8), Preprocessing())


WRONG = {
    "mean and std need 1 numbers each for channels 'L', got 3 and 3": {"channels": "L"},
    "mean and std need 3 numbers each for channels 'RGB', got 1 and 3": {"mean": (0.5,)},
    "std must be above 0, got (1.0, 0.0, 1.0)": {"std": (1, 0, 1)},
    "resize_size has no effect with fit='pad'": {"fit": "pad", "resize_size": 256},
    "resize_size has no effect with fit='stretch'": {"fit": "stretch", "resize_size": 256},
    "resize_size must be at least image_size 224, got 223": {"resize_size": 223},
    "mean must be a list, got {0.5}": {"mean": {0.5}},
    "image_size must be greater than or equal to 1, got 0": {"image_size": 0},
    "fit must be 'crop', 'pad' or 'stretch', got 'cut'": {"fit": "cut"},
    "size is unknown, known are image_size, fit, resize_size, interpolation, channels, mean, std, decoding": {
        "size": 3
    },
    "decoding.exif must be 'apply' or 'ignore', got 'no'": {"decoding": {"exif": "no"}},
}


@pytest.mark.parametrize("words", WRONG)
def test_settings_that_make_no_sense(words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(Preprocessing, WRONG[words], source="x.toml")  # type: ignore[arg-type]
    assert str(caught.value) == f"1 problem in x.toml: {words}"


def test_absurd_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="image_size"):
        Preprocessing(image_size=10**9)
