"""torch's resize against Pillow's; both against torchvision's are in tests/parity."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resnets.data.decode_policy import DecodePolicy
from resnets.data.preprocessing import affine, prepare
from resnets.data.preprocessing_policy import Preprocessing
from resnets.data.torch_preprocessing import prepare_tensor
from resnets.errors import ImageError

from .image_corpus import encode, scene

PHOTOS = sorted((Path(__file__).parents[2] / "examples").glob("*.jpg"))
SIZES = ((32, None), (64, 73), (160, 182), (224, 256), (300, None))


def difference(source: Path | np.ndarray | bytes, preprocessing: Preprocessing) -> np.ndarray:
    """Of the two ways, in grey levels."""
    got, expected = prepare_tensor(source, preprocessing), prepare(source, preprocessing)
    assert got.shape == expected.shape
    assert got.dtype == torch.float32
    levels: np.ndarray = np.abs(got.numpy() - expected) / affine(preprocessing)[0][:, None, None]
    return levels


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
@pytest.mark.parametrize(("size", "resize"), SIZES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_one_grey_level_at_most_and_two_for_bicubic(
    photo: Path, size: int, resize: int | None, interpolation: str
) -> None:
    preprocessing = Preprocessing(image_size=size, resize_size=resize, interpolation=interpolation)
    levels = difference(photo, preprocessing)
    assert levels.max() <= (1.001 if interpolation == "bilinear" else 2.001)
    assert levels.mean() <= 0.1


@pytest.mark.parametrize("interpolation", ["nearest", "lanczos"])
@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
def test_what_torch_cannot_do_is_left_to_pillow(interpolation: str, fit: str) -> None:
    preprocessing = Preprocessing(image_size=48, fit=fit, interpolation=interpolation)
    assert difference(scene(), preprocessing).max() == 0


def test_padding_is_left_to_pillow() -> None:
    assert difference(scene(), Preprocessing(image_size=48, fit="pad")).max() == 0


@pytest.mark.parametrize("channels", ["RGB", "BGR", "L"])
@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_other_channels_and_fits(channels: str, fit: str) -> None:
    figures = (0.4,) if channels == "L" else (0.1, 0.2, 0.3)
    preprocessing = Preprocessing(image_size=40, fit=fit, channels=channels, mean=figures, std=figures)
    assert difference(scene(300, 200), preprocessing).max() <= 1.001


def test_neither_warnings_nor_shared_memory() -> None:
    pixels = np.frombuffer(scene().tobytes(), np.uint8).reshape(scene().shape)
    before = pixels.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for preprocessing in (Preprocessing(image_size=67), Preprocessing(image_size=40)):
            prepare_tensor(pixels, preprocessing).zero_()
            prepare_tensor(encode(Image.fromarray(scene()), "JPEG"), preprocessing).zero_()
    np.testing.assert_array_equal(pixels, before)


def test_extreme_proportions_take_no_memory() -> None:
    for shape in ((60_000, 8, 3), (8, 60_000, 3)):
        assert prepare_tensor(np.zeros(shape, np.uint8), Preprocessing()).shape == (3, 224, 224)


def test_scaled_and_turned_images() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(Image.fromarray(scene(640, 320)), "JPEG", exif=exif)
    preprocessing = Preprocessing(image_size=60, decoding=DecodePolicy(scaled=True))
    assert difference(data, preprocessing).max() <= 1.001


def test_errors_of_images_come_through() -> None:
    with pytest.raises(ImageError, match="has 7x7 pixels; the least is 8x8"):
        prepare_tensor(np.zeros((7, 7, 3), np.uint8), Preprocessing())
