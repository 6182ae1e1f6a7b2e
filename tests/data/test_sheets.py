"""Sheets show the right images in the right rows, and say why where they cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFont

from resnets.data import sheets
from resnets.data.augmentation.settings import Augmentation, PadCrop
from resnets.data.dataset import Dataset, Split
from resnets.data.sheets import augmentation_sheet, sample_sheet
from resnets.errors import DataError, OutputError

LEVELS = (40, 120, 200)  # of the images of each class


def arrays(*, num_classes: int = 3, per_class: int = 5, unlabelled: bool = False) -> Dataset:
    """Grey images of 32 pixels, a level for each class."""
    labels = np.repeat(np.arange(num_classes), per_class)
    pixels = np.zeros((len(labels), 32, 32, 3), np.uint8)
    pixels[:] = np.array([LEVELS[label % 3] for label in labels], np.uint8)[:, None, None, None]
    split = Split("train", pixels, np.full_like(labels, -1) if unlabelled else labels)
    names = tuple(f"class {number}" for number in range(num_classes))
    return Dataset("plain", "arrays", Path("plain.npz"), names, {"train": split})


def opened(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def cell(sheet: NDArray[np.uint8], row: int, column: int, *, header: bool = False) -> NDArray[np.uint8]:
    top = 60 + 16 * header + 100 * row
    left = 16 + 120 + 16 + 100 * column
    return sheet[top : top + 96, left : left + 96]


def test_each_class_has_a_row_of_its_images(tmp_path: Path) -> None:
    path = sample_sheet(arrays(), tmp_path / "sheet.png", per_class=4)
    assert path == tmp_path / "sheet.png"
    sheet = opened(path)
    assert sheet.shape == (60 + 3 * 100 + 16, 2 * 16 + 120 + 16 + 4 * 100, 3)
    for row, level in enumerate(LEVELS):
        for column in range(4):
            assert (cell(sheet, row, column) == level).all()
        label = sheet[60 + 100 * row :, 16:136][:96]
        assert (label < 60).any()  # there is a name


def test_small_pixels_stay_squares(tmp_path: Path) -> None:
    dataset = arrays(num_classes=1, per_class=1)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    split = Split("train", pixels, np.zeros(1, np.int64))
    dataset = Dataset("noise", "arrays", Path("noise.npz"), ("one",), {"train": split})
    sheet = opened(sample_sheet(dataset, tmp_path / "sheet.png"))
    assert (cell(sheet, 0, 0) == pixels[0].repeat(3, 0).repeat(3, 1)).all()


def test_the_seed_decides_which_samples(tmp_path: Path) -> None:
    pixels = np.arange(200, dtype=np.uint8)[:, None, None].repeat(8, 1).repeat(8, 2)
    split = Split("train", pixels, np.zeros(200, np.int64))
    dataset = Dataset("many", "arrays", Path("many.npz"), ("one",), {"train": split})
    drawn = [
        sample_sheet(dataset, tmp_path / f"{number}.png", seed=seed).read_bytes()
        for number, seed in enumerate((0, 0, 1))
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_of_many_classes_some_are_shown(tmp_path: Path) -> None:
    sheet = opened(sample_sheet(arrays(num_classes=9), tmp_path / "a.png", max_classes=3, per_class=1))
    assert sheet.shape[0] == 60 + 3 * 100 + 16
    # The first, the fifth and the last.
    assert [cell(sheet, row, 0)[0, 0, 0] for row in range(3)] == [LEVELS[0], LEVELS[1], LEVELS[2]]


def test_images_without_labels_have_one_row(tmp_path: Path) -> None:
    sheet = opened(sample_sheet(arrays(unlabelled=True), tmp_path / "sheet.png"))
    assert sheet.shape[0] == 60 + 100 + 16


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("RGB", (100, 50), (0, 0, 255)).save(good)
    bad.write_bytes(good.read_bytes()[:60])
    split = Split("train", [good, bad], np.array([0, 1]))
    names = ("a\x1b[31m", "a name that is much too long to be written beside a row of images", "none")
    dataset = Dataset("folder", "class folders", tmp_path, names, {"train": split})
    sheet = opened(sample_sheet(dataset, tmp_path / "sheet.png", per_class=2))
    left = 16 + 260 + 16  # the widest that names may be
    shown = sheet[60:156, left : left + 96]
    assert (shown[24:72] == (0, 0, 255)).all()  # 96 x 48, in the middle
    assert (shown[:24] == 255).all()
    for row in (1, 2):  # bad.png, and a class without images
        frame = sheet[60 + 100 * row, left : left + 96]
        assert (frame == (176, 32, 32)).all()


def test_long_texts_are_cut_in_the_middle_and_broken_at_spaces() -> None:
    font = ImageFont.load_default(14)
    name = "a name that is much too long to be written"
    shorter = sheets._cut(name, font, 120)
    assert font.getlength(shorter) <= 120
    start, end = shorter.split("…")
    assert name.startswith(start)
    assert name.endswith(end)
    assert abs(len(start) - len(end)) <= 1
    assert sheets._cut(name, font, 5000) == name
    assert " ".join(sheets._lines(name, font, 120)) == name


def test_augmentations_have_rows_of_draws(tmp_path: Path) -> None:
    settings = Augmentation(pad_crop=PadCrop(pad=8, padding="black"), cutout=16)
    path = augmentation_sheet(arrays(num_classes=2), tmp_path / "sheet.png", settings=settings, draws=3)
    sheet = opened(path)
    assert sheet.shape == (76 + 3 * 100 + 16, 168 + 2 * 4 * 100, 3)
    cells = [[cell(sheet, row, column, header=True) for column in range(8)] for row in range(3)]
    for row in cells:
        for original in (0, 4):
            assert (row[original] == row[original][0, 0]).all()
        assert {int(row[0][0, 0, 0]), int(row[4][0, 0, 0])} == set(LEVELS[:2])
    assert any((image == 0).any() for image in cells[0][1:4])
    assert all((image == (124, 116, 104)).all(2).any() for image in cells[1][1:4])
    again = augmentation_sheet(arrays(num_classes=2), tmp_path / "again.png", settings=settings, draws=3)
    assert again.read_bytes() == path.read_bytes()


def test_all_augmentations_are_shown_by_default(tmp_path: Path) -> None:
    sheet = opened(augmentation_sheet(arrays(), tmp_path / "sheet.png", draws=1))
    assert (sheet.shape[0] - 76 - 16) // 100 == 17


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    for draw in (sample_sheet, augmentation_sheet):
        with pytest.raises(DataError) as caught:
            draw(arrays(), tmp_path / "sheet.png", split="dev")
        assert str(caught.value) == "the data set 'plain' has no split 'dev'; it has train"


def test_a_split_without_images(tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"nothing")
    split = Split("train", [bad], np.array([0]))
    dataset = Dataset("folder", "class folders", tmp_path, ("one",), {"train": split})
    with pytest.raises(DataError) as caught:
        augmentation_sheet(dataset, tmp_path / "sheet.png")
    assert str(caught.value) == "the split 'train' has no image that can be read"


def test_a_sheet_is_a_png(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        sample_sheet(arrays(), tmp_path / "sheet.jpg")
    assert str(caught.value) == f"a sheet is a PNG file: '{tmp_path}/sheet.jpg' should end in .png"
