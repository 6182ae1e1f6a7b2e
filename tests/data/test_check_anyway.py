"""What training refuses is checked all the same, and everything wrong with it said at once."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from PIL import Image

from resnets.data.check_anyway import check_anyway
from resnets.data.cleaning import write_cleaned
from resnets.data.dataset import UnfitDataError
from resnets.data.opening import open_dataset
from resnets.errors import DataError

from .planted import jpeg, photographs
from .trees import assert_refused


@pytest.fixture
def unfit(tmp_path: Path) -> Path:
    """One class has no image, one is only in val, two differ in case; one file is damaged."""
    pictures = iter(photographs(24))
    for folder in ("train/cat", "train/Dog", "train/dog", "val/cat", "val/cow", "train/yak"):
        place = tmp_path / "farm" / folder
        place.mkdir(parents=True)
        for i in range(4 if folder != "train/yak" else 0):
            (place / f"{i}.jpg").write_bytes(jpeg(next(pictures)))
    (tmp_path / "farm" / "train" / "cat" / "broken.jpg").write_bytes(b"")
    return tmp_path / "farm"


STRUCTURE = [
    "classes 'Dog', 'dog' differ only in case; give them one name",
    "val has classes that train lacks: 'cow' (4 images)",
]


def test_training_refuses_with_all_problems(unfit: Path) -> None:
    assert_refused(
        lambda: open_dataset(unfit),
        f"3 problems in {unfit}: classes without images: 'yak'; {STRUCTURE[0]}; {STRUCTURE[1]}",
    )


def test_the_check_tells_them_beside_all_others(unfit: Path) -> None:
    report = check_anyway(unfit)
    found = {finding.code: finding for finding in report.findings}
    assert [f.sentence for f in report.findings if f.code == "structure"] == STRUCTURE
    assert found["structure"].severity == "error"
    assert [example.note for example in found["empty-class"].examples] == ["yak"]
    assert found["empty"].examples[0].images == ("train/cat/broken.jpg",)
    assert found["many-unusable"].count == 1
    assert report.class_names == ("Dog", "cat", "dog", "yak")
    assert report.class_counts == {"train": (4, 4, 4, 0), "val": (0, 4, 0, 0)}
    assert report.num_images == 21


def test_rows_without_an_image(unfit: Path) -> None:
    table = unfit / "m.csv"
    rows = "train/cat/0.jpg,cat\ntrain/dog/0.jpg,dog\ntrain/cat/gone.jpg,cat\ntrain/cat/broken.jpg,cat\n"
    table.write_text(f"image,label\n{rows}")
    found = {finding.code: finding for finding in check_anyway(table).findings}
    assert found["structure"].sentence == "images that are not there: 'train/cat/gone.jpg'"
    assert found["empty"].count == 1


def test_an_empty_class_does_not_hinder_a_cleaned_copy(unfit: Path, tmp_path: Path) -> None:
    for folder in ("train/Dog", "val/cow"):
        for file in (unfit / folder).iterdir():
            file.unlink()
        (unfit / folder).rmdir()
    report = check_anyway(unfit)
    write_cleaned(report.evidence.dataset, report, tmp_path / "clean")
    assert open_dataset(tmp_path / "clean").class_names == ("cat", "dog")


def test_other_problems_do(unfit: Path, tmp_path: Path) -> None:
    report = check_anyway(unfit)
    assert_refused(
        lambda: write_cleaned(report.evidence.dataset, report, tmp_path / "clean"),
        f"3 problems in {unfit}: no cleaned copy can be made of it as it is; {'; '.join(STRUCTURE)}",
    )


def test_without_any_class_there_is_nothing_to_check(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError, match="no image with a class") as caught:
        check_anyway(tmp_path)
    assert not isinstance(caught.value, UnfitDataError)


def test_what_is_in_order_is_divided_as_for_training(tmp_path: Path) -> None:
    for name, images in zip("ab", (photographs(20)[:10], photographs(20)[10:]), strict=True):
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            image.save(tmp_path / name / f"{i}.png")
    report = check_anyway(tmp_path)
    assert report.class_counts == {"train": (8, 8), "val": (2, 2)}


def test_the_error_travels_between_processes(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "only" / "0.png")
    with pytest.raises(UnfitDataError) as caught:
        open_dataset(tmp_path)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.dataset.class_names == ("only",)
