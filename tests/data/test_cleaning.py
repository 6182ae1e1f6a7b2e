"""A cleaned copy: what is in it, what is not, and that the data set stays as it was."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnets.data.checking import check
from resnets.data.cleaning import Cleaned, choose_left_out, write_cleaned
from resnets.data.dataset import Dataset, Split
from resnets.data.findings import DataReport
from resnets.data.opening import open_dataset
from resnets.errors import DataError, OutputError

from .planted import jpeg, photographs, plant

LEFT_OUT = {
    "train/apple/03.jpg": "more than one label",
    "train/apple/bomb.png": "too large",
    "train/apple/copy.jpg": "exact copy",
    "train/apple/damaged.png": "damaged",
    "train/apple/float.tif": "needs a range",
    "train/apple/notes.png": "not an image",
    "train/apple/page.jpg": "not an image",
    "train/apple/phone.heic": "unsupported format",
    "train/apple/pixel.png": "too small",
    "train/apple/pointer.jpg": "not an image",
    "train/apple/saved_again.bmp": "exact copy",
    "train/apple/truncated.jpg": "truncated",
    "train/apple/zero.jpg": "empty",
    "train/medlar/truncated.jpg": "truncated",
    "train/pear/torn.jpg": "more than one label",
    "val/apple/leak.jpg": "also in train",
    "test/apple/leak.png": "also in train",
    "test/apple/cropped.jpg": "nearly the same in train",
}


def tree(folder: Path) -> str:
    """A hash of all names, contents, modes and times below a folder."""
    lines = []
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        lines.append(f"{path} {status.st_mode} {status.st_mtime_ns} {status.st_nlink} {content}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> DataReport:
    root = tmp_path_factory.mktemp("data") / "orchard"
    root.mkdir()
    plant(root)
    return check(open_dataset(root))


@pytest.fixture(scope="module")
def cleaned(checked: DataReport, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cleaned, Path]:
    out = tmp_path_factory.mktemp("out") / "clean"
    return write_cleaned(checked.evidence.dataset, checked, out), out


def test_what_is_left_out_and_why(checked: DataReport, cleaned: tuple[Cleaned, Path]) -> None:
    names = checked.evidence.images.names
    assert {names[i]: reason for i, reason in choose_left_out(checked).items()} == LEFT_OUT
    with (cleaned[1] / "left_out.csv").open(encoding="utf-8") as file:
        assert {row["file"]: row["reason"] for row in csv.DictReader(file)} == LEFT_OUT


def test_the_account(cleaned: tuple[Cleaned, Path]) -> None:
    account, out = cleaned
    assert account.to_dict() == {
        "path": str(out),
        "written": 133,
        "renamed": 3,
        "converted": 4,
        "left_out": dict(Counter(LEFT_OUT.values())),
    }
    assert len([path for path in out.rglob("*") if path.is_file()]) == 134


def test_nothing_is_written_into_the_data(tmp_path: Path) -> None:
    data = tmp_path / "orchard"
    data.mkdir()
    plant(data)
    before = tree(data)
    dataset = open_dataset(data)
    write_cleaned(dataset, check(dataset), tmp_path / "clean")
    assert tree(data) == before
    assert {path.name for path in tmp_path.iterdir()} == {"orchard", "clean"}


def test_the_copy_is_clean(cleaned: tuple[Cleaned, Path]) -> None:
    again = check(open_dataset(cleaned[1]))
    codes = {finding.code for finding in again.findings}
    # What no copying can mend stays: numbers of images, where they came from, and what they look like.
    # Six of the pears are PNG now, as the odd ones are all pears.
    assert codes == {
        *("class-missing", "duplicate-near", "few-images", "huge", "imbalance", "leak-by-format"),
        *("leak-by-mode", "passed-over", "rotated", "tiny", "two-labels-near"),
    }
    assert again.class_names == ("apple", "pear", "plum", "quince")


def test_files_are_copied_byte_for_byte(checked: DataReport, cleaned: tuple[Cleaned, Path]) -> None:
    root, out = Path(checked.root), cleaned[1]
    for name in ("train/apple/00.jpg", "train/pear/lying.jpg", "val/pear/00.jpg"):
        assert (out / name).read_bytes() == (root / name).read_bytes()
    assert (out / "train/pear/wrong_name.png").read_bytes() == (
        root / "train/pear/wrong_name.jpg"
    ).read_bytes()
    assert not (out / "train/pear/wrong_name.jpg").exists()


def test_odd_modes_become_png(checked: DataReport, cleaned: tuple[Cleaned, Path]) -> None:
    folder = cleaned[1] / "train" / "pear"
    for name in ("deep", "film", "glass", "print"):
        with Image.open(folder / f"{name}.png") as image:
            assert (image.format, image.mode) == ("PNG", "RGB")
    deep = np.asarray(Image.open(Path(checked.root) / "train/pear/deep.png")).astype(float)
    written = np.asarray(Image.open(folder / "deep.png"))[..., 0]
    assert np.abs(written - deep / 257).max() <= 1


def test_rotation_is_applied_if_asked_for(checked: DataReport, tmp_path: Path) -> None:
    write_cleaned(checked.evidence.dataset, checked, tmp_path / "clean", apply_exif=True)
    with Image.open(tmp_path / "clean/train/pear/lying.png") as image:
        assert image.size == (60, 80)
        assert image.getexif().get(0x0112) is None


def test_arrays_are_written_as_png(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 16, 16), dtype=np.uint8)
    pixels[7] = pixels[5]
    split = Split("train", pixels, np.array([0, 1] * 15))
    dataset = Dataset("n", "arrays", tmp_path / "n.npz", ("no", "yes"), {"train": split})
    account = write_cleaned(dataset, check(dataset), tmp_path.parent / f"{tmp_path.name}-clean")
    out = Path(account.path)
    assert (account.written, account.left_out) == (29, {"exact copy": 1})
    np.testing.assert_array_equal(np.asarray(Image.open(out / "train/no/000004.png"))[..., 0], pixels[4])


def named(tmp_path: Path, class_names: tuple[str, ...], files: list[str]) -> Dataset:
    """A data set of which a manifest chose the names."""
    paths = [tmp_path / "data" / file for file in files]
    for path, image in zip(paths, photographs(len(paths)), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(image))
    labels = np.arange(len(paths)) % len(class_names)
    return Dataset(
        "m", "manifest", tmp_path / "data", class_names, {"train": Split("train", paths, labels)}
    )


def test_names_of_classes_lead_nowhere_else(tmp_path: Path) -> None:
    classes = ("../up", "a/b", "a_b", "..", "\\x", "", ".hidden")
    dataset = named(tmp_path, classes, [f"{i}.jpg" for i in range(7)])
    write_cleaned(dataset, check(dataset), tmp_path / "clean")
    found = {path.name for path in (tmp_path / "clean" / "train").iterdir()}
    assert found == {"_.._up", "a_b", "a_b_", "_..", "_x", "_", "_.hidden"}
    assert {path.name for path in tmp_path.iterdir()} == {"data", "clean"}


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    dataset = named(tmp_path, ("a",), ["x/1.jpg", "y/1.jpg", "z/1.JPG"])
    write_cleaned(dataset, check(dataset), tmp_path / "clean")
    assert {path.name for path in (tmp_path / "clean/train/a").iterdir()} == {
        "1.jpg",
        "1-2.jpg",
        "1-3.JPG",
    }


def test_a_folder_inside_the_data_is_refused(checked: DataReport) -> None:
    out = Path(checked.root) / "clean"
    before = tree(Path(checked.root))
    with pytest.raises(OutputError) as caught:
        write_cleaned(checked.evidence.dataset, checked, out)
    assert str(caught.value) == (
        f"'{out}' would lie in the data itself, which is never written to; choose a place outside of it, "
        f"such as '{out.parent.parent / 'clean'}'"
    )
    assert tree(Path(checked.root)) == before


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_into_the_data_is_refused(checked: DataReport, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(checked.root, target_is_directory=True)
    with pytest.raises(OutputError, match="would lie in the data itself"):
        write_cleaned(checked.evidence.dataset, checked, tmp_path / "link" / "clean")


def test_a_folder_with_something_in_it_is_refused(checked: DataReport, tmp_path: Path) -> None:
    out = tmp_path / "full"
    out.mkdir()
    (out / "x").write_text("mine")
    with pytest.raises(OutputError) as caught:
        write_cleaned(checked.evidence.dataset, checked, out)
    assert str(caught.value) == f"'{out}' exists and is not an empty folder; choose another name"
    (out / "x").unlink()
    assert write_cleaned(checked.evidence.dataset, checked, out).written == 133


def test_a_report_about_other_data_is_refused(checked: DataReport) -> None:
    other = open_dataset(checked.root)
    with pytest.raises(DataError) as caught:
        write_cleaned(other, checked, "anywhere")
    assert str(caught.value) == (
        "the report is about orchard as it was opened for the check; pass that data set, or check this one"
    )


def test_a_failure_leaves_nothing_behind(
    checked: DataReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OutputError) as caught:
        write_cleaned(checked.evidence.dataset, checked, tmp_path / "clean")
    assert str(caught.value) == (
        f"cannot write the cleaned copy '{tmp_path / 'clean'}': No space left on device"
    )
    assert list(tmp_path.iterdir()) == []
