"""What is seen of each image of a data set."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from resnets.data.dataset import Dataset, Split
from resnets.data.inspection import Facts, inspect_dataset
from resnets.data.opening import open_dataset

from .planted import plant


def arrays(pixels: np.ndarray, labels: list[int]) -> Dataset:
    split = Split("train", pixels, np.array(labels, np.int64))
    return Dataset("digits", "arrays", Path("digits.npz"), ("0", "1"), {"train": split})


def test_threads_see_what_one_sees(tmp_path: Path) -> None:
    plant(tmp_path)
    dataset = open_dataset(tmp_path)
    one, three = inspect_dataset(dataset, workers=1), inspect_dataset(dataset, workers=3)
    assert one.facts == three.facts
    assert one.names == three.names
    assert one.file_digests == three.file_digests
    assert one.pixel_digests == three.pixel_digests
    np.testing.assert_array_equal(one.signatures, three.signatures)


def test_facts_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (60, 40), 9).save(tmp_path / "a" / "x.png", "JPEG", exif=exif)
    path = tmp_path / "a" / "x.png"
    split = Split("train", [path, tmp_path / "a" / "gone.jpg"], np.zeros(2, np.int64))
    dataset = Dataset("d", "class folders", tmp_path, ("a",), {"train": split})
    seen = inspect_dataset(dataset)
    assert seen.names == ["a/x.png", "a/gone.jpg"]
    assert seen.facts[0] == Facts("", "", "JPEG", "L", (40, 60), 6, False)
    assert seen.facts[1] == Facts("missing", "there is no such file")
    assert seen.file_digests == [hashlib.sha256(path.read_bytes()).digest(), b""]
    assert seen.pixel_digests[1] == b""
    assert seen.usable.tolist() == [True, False]
    assert not seen.signatures[1].any()


def test_arrays_have_names_and_no_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 28, 28), dtype=np.uint8)
    pixels[3] = pixels[1]
    seen = inspect_dataset(arrays(pixels, [0, 1, 0, 1]))
    assert seen.names[2] == "train[2]"
    assert seen.facts[2] == Facts(mode="L", size=(28, 28))
    assert seen.file_digests == [b""] * 4
    assert seen.pixel_digests[3] == seen.pixel_digests[1] != seen.pixel_digests[0]


def test_pixels_of_another_shape_are_other_pixels() -> None:
    wide = inspect_dataset(arrays(np.zeros((1, 8, 32), np.uint8), [0]))
    square = inspect_dataset(arrays(np.zeros((1, 16, 16), np.uint8), [0]))
    assert wide.pixel_digests != square.pixel_digests


def test_progress_ends_with_the_last_image() -> None:
    told: list[tuple[int, int]] = []
    images = arrays(np.zeros((300, 8, 8), np.uint8), [0] * 300)
    inspect_dataset(images, on_progress=lambda *done: told.append(done))
    assert told == [(256, 300), (300, 300)]
