"""Random resized crops: boxes as torchvision draws them, and only the box is seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from resnets.config import validate
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.cropping import DRAWS, draw_box, resize_box, scale_box
from resnets.data.order import image_seeds, uniforms
from resnets.errors import ConfigError

SIDES = st.integers(8, 5000)


def boxes(size: tuple[int, int], crop: RandomResizedCrop, count: int) -> np.ndarray:
    draws = uniforms(image_seeds(0, 0, np.arange(count)), DRAWS).tolist()
    return np.array([draw_box(size, crop, each) for each in draws])


@given(width=SIDES, height=SIDES, index=st.integers(0, 10**6))
def test_a_box_lies_in_the_image(width: int, height: int, index: int) -> None:
    draws = uniforms(image_seeds(0, 0, np.array([index])), DRAWS)[0].tolist()
    left, top, across, down = draw_box((width, height), RandomResizedCrop(), draws)
    assert 0 <= left <= width - across < width
    assert 0 <= top <= height - down < height


def test_boxes_have_the_distribution_of_the_paper() -> None:
    # Boxes of up to a quarter of the area always fit, so that no draw is thrown away.
    drawn = boxes((1000, 1000), RandomResizedCrop(scale=(0.05, 0.25)), 20000)
    left, top, across, down = drawn.T
    area, ratio = across * down / 1e6, np.log(across / down)
    assert np.abs(np.quantile(area, [0.1, 0.5, 0.9]) - [0.07, 0.15, 0.23]).max() < 0.003
    span = math.log(4 / 3)
    assert np.abs(np.quantile(ratio, [0.1, 0.5, 0.9]) / span - [-0.8, 0.0, 0.8]).max() < 0.03
    for place in (left / (1000 - across), top / (1000 - down)):
        assert np.abs(np.quantile(place, [0.0, 0.1, 0.5, 0.9, 1.0]) - [0, 0.1, 0.5, 0.9, 1]).max() < 0.02


def test_the_middle_is_taken_where_no_box_fits() -> None:
    strip = boxes((4000, 100), RandomResizedCrop(scale=(0.9, 1.0)), 3)
    assert strip.tolist() == [[1933, 0, 133, 100]] * 3  # 100 * 4 / 3 wide


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("channels", [3, 4])
def test_only_the_box_is_seen(interpolation: str, channels: int) -> None:
    pixels = np.zeros((60, 80, channels), np.uint8)
    pixels[10:40, 20:60, :3] = 200, 100, 50
    pixels.flags.writeable = False
    seen = resize_box(pixels, (20, 10, 40, 30), 24, interpolation=interpolation)
    assert seen.shape == (24, 24, 3)
    assert (seen == (200, 100, 50)).all()


def test_a_box_of_the_right_size_is_not_changed() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    seen = resize_box(pixels, (5, 6, 16, 16), 16, interpolation="bilinear")
    assert (seen == pixels[6:22, 5:21]).all()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_resize_is_pillows_within_a_grey_level(interpolation: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    for side in (30, 75, 85):
        seen = resize_box(pixels, (3, 2, side, side), 64, interpolation=interpolation)
        cut = Image.fromarray(np.ascontiguousarray(pixels[2 : 2 + side, 3 : 3 + side]))
        expected = cut.resize((64, 64), Image.Resampling[interpolation.upper()])
        assert np.abs(seen.astype(int) - np.asarray(expected)).max() <= 1


def test_a_box_is_found_again_in_a_smaller_image() -> None:
    assert scale_box((100, 50, 400, 300), (1000, 600), (1000, 600)) == (100, 50, 400, 300)
    assert scale_box((100, 50, 400, 300), (1000, 600), (250, 150)) == (25, 12, 100, 75)
    assert scale_box((999, 599, 1, 1), (1000, 600), (125, 75)) == (124, 74, 1, 1)
    assert scale_box((0, 0, 1000, 600), (1000, 600), (125, 75)) == (0, 0, 125, 75)


def test_settings_are_checked() -> None:
    message = (
        "2 problems in the crop: scale must be the smaller number and the larger one, got (0.9, 0.1); "
        "ratio.0 must be greater than 0, got 0.0"
    )
    with pytest.raises(ConfigError) as raised:
        validate(RandomResizedCrop, {"scale": [0.9, 0.1], "ratio": [0.0, 1.0]}, source="the crop")
    assert str(raised.value) == message
