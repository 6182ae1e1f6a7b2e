"""Both ways of preprocessing against torchvision's transforms, on the photos of examples/."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from resnets.data.preprocessing import affine, prepare
from resnets.data.preprocessing_policy import Preprocessing
from resnets.data.torch_preprocessing import prepare_tensor

pytestmark = pytest.mark.parity

PHOTOS = sorted((Path(__file__).parents[2] / "examples").glob("*.jpg"))
SIZES = (
    (32, 32),
    (32, 40),
    (96, 110),
    (224, 224),
    (224, 256),
    (224, 257),
    (299, 342),
    (384, 384),
)
MOST = {"bilinear": 1.001, "bicubic": 2.001, "lanczos": 2.001}
"""Grey levels; of the negative lobes of the others, Pillow rounds what is between its two passes."""


def expected(torchvision: ModuleType, photo: Path, preprocessing: Preprocessing) -> np.ndarray:
    """What torchvision's published evaluation transform gives."""
    transforms = torchvision.transforms
    whole = [
        transforms.Resize(
            preprocessing.shorter_side, transforms.InterpolationMode(preprocessing.interpolation)
        ),
        transforms.CenterCrop(preprocessing.image_size),
    ]
    if preprocessing.channels == "L":
        whole.append(transforms.Grayscale())
    whole += [transforms.ToTensor(), transforms.Normalize(preprocessing.mean, preprocessing.std)]
    with Image.open(photo) as image:
        result: np.ndarray = transforms.Compose(whole)(image.convert("RGB")).numpy()
    return result


def levels(got: np.ndarray, other: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    assert got.shape == other.shape
    difference: np.ndarray = np.abs(got - other) / affine(preprocessing)[0][:, None, None]
    return difference


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
@pytest.mark.parametrize(("size", "resize"), SIZES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
def test_without_torch(
    torchvision: ModuleType, photo: Path, size: int, resize: int, interpolation: str
) -> None:
    preprocessing = Preprocessing(image_size=size, resize_size=resize, interpolation=interpolation)
    difference = levels(
        prepare(photo, preprocessing), expected(torchvision, photo, preprocessing), preprocessing
    )
    assert difference.mean() <= 0.1
    assert difference.max() <= MOST[interpolation]


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_enlarging(torchvision: ModuleType, photo: Path) -> None:
    larger = Preprocessing(image_size=600, resize_size=601)
    difference = levels(prepare(photo, larger), expected(torchvision, photo, larger), larger)
    assert difference.mean() <= 0.2
    assert difference.max() <= 1.001


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
@pytest.mark.parametrize(("size", "resize"), SIZES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_with_torch(
    torchvision: ModuleType, photo: Path, size: int, resize: int, interpolation: str
) -> None:
    preprocessing = Preprocessing(image_size=size, resize_size=resize, interpolation=interpolation)
    got = prepare_tensor(photo, preprocessing).numpy()
    difference = levels(got, expected(torchvision, photo, preprocessing), preprocessing)
    assert difference.max() <= MOST[interpolation]


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_grey(torchvision: ModuleType, photo: Path) -> None:
    grey = Preprocessing(channels="L", resize_size=256, mean=(0.5,), std=(0.25,))
    difference = levels(prepare(photo, grey), expected(torchvision, photo, grey), grey)
    assert difference.mean() <= 0.1
    assert difference.max() <= 1.001
