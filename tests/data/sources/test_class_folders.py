"""Class folders: splits, classes that bind them, and what never becomes a class."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from resnets.data.sources.class_folders import read_class_folders
from resnets.data.sources.scanning import Scanner
from resnets.errors import DataError
from tests.data.trees import assert_refused, counts, passed_over, write_tree


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [("train", "val", "test"), ("Training", "validation", "testing"), ("TRAIN", "valid", "Test")],
)
def test_splits_are_known_by_their_usual_names(tmp_path: Path, train: str, val: str, test: str) -> None:
    write_tree(tmp_path, {f"{s}/{c}": n for s, n in ((train, 3), (val, 2), (test, 1)) for c in "ab"})
    dataset = read_class_folders(tmp_path)
    assert dataset.kind == "class folders"
    assert dataset.split_origin == "given"
    assert counts(dataset) == {s: {"a": n, "b": n} for s, n in (("train", 3), ("val", 2), ("test", 1))}
    assert dataset.splits["val"].images[0] == tmp_path / val / "a" / "0.jpg"


def test_folders_without_splits_are_all_training_images(tmp_path: Path) -> None:
    dataset = read_class_folders(write_tree(tmp_path, {"dog": 2, "cat/indoors/old": 1, "cat": 1}))
    assert dataset.class_names == ("cat", "dog")
    assert counts(dataset) == {"train": {"cat": 2, "dog": 2}}


def test_a_class_can_be_called_train(tmp_path: Path) -> None:
    dataset = read_class_folders(write_tree(tmp_path, {"car": 2, "train": 2, "bus": 1}))
    assert dataset.class_names == ("bus", "car", "train")


@pytest.mark.parametrize("val", [{"val/dog": 1}, {"val/dog": 1, "val/cat": 0}])
def test_a_class_missing_in_val_shifts_no_label(tmp_path: Path, val: dict[str, int]) -> None:
    dataset = read_class_folders(write_tree(tmp_path, {"train/cat": 2, "train/dog": 2, **val}))
    assert dataset.splits["val"].labels.tolist() == [1]
    assert dataset.class_names[1] == "dog"


def test_strays_never_become_classes(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "train/cat": 2, "train/dog": 2, "val/cat": 1, "val/dog": 1,
            "train/.ipynb_checkpoints": 1, "train/__MACOSX": 1, "train/cat/.hidden.jpg": "",
            "train/cat/Thumbs.db": "", "train/stray.jpg": "", "notes.txt": "", "docs": 1,
            "train/dog/boxes.txt": "no image", "val/empty": 0,
        },
    )  # fmt: skip
    dataset = read_class_folders(tmp_path)
    assert counts(dataset) == {"train": {"cat": 2, "dog": 2}, "val": {"cat": 1, "dog": 1}}
    assert passed_over(dataset, tmp_path) == {
        "train/.ipynb_checkpoints": "hidden",
        "train/__MACOSX": "left by the system",
        "train/cat/.hidden.jpg": "hidden",
        "train/cat/Thumbs.db": "left by the system",
        "train/stray.jpg": "stray file",
        "train/dog/boxes.txt": "not an image",
        "notes.txt": "stray file",
        "docs": "not a split",
        "val/empty": "a class without images",
    }


def test_a_file_without_a_suffix_is_known_by_its_content(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a": 1, "b": 1, "a/0001": b"\x89PNG\r\n\x1a\n", "a/0002": b"text"})
    dataset = read_class_folders(tmp_path)
    assert counts(dataset) == {"train": {"a": 2, "b": 1}}
    assert passed_over(dataset, tmp_path) == {"a/0002": "not an image"}


def test_loops_end(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a/deep": 3, "b": 2})
    (tmp_path / "a" / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to(tmp_path / "b")
    dataset = read_class_folders(tmp_path)
    assert counts(dataset) == {"train": {"a": 3, "b": 2}}
    assert set(passed_over(dataset, tmp_path).values()) == {"a folder that was read already"}


def test_links_outside_are_followed_only_if_asked(tmp_path: Path) -> None:
    outside = write_tree(tmp_path / "elsewhere", {"more": 2, "one.jpg": ""})
    root = write_tree(tmp_path / "data", {"a": 1, "b": 1, "pool": 0})
    (root / "a" / "more").symlink_to(outside / "more")
    (root / "b" / "linked.jpg").symlink_to(outside / "one.jpg")
    (root / "b" / "gone.jpg").symlink_to(tmp_path / "nothing.jpg")
    (root / "b" / "inside.jpg").symlink_to(root / "a" / "0.jpg")
    (root / "pool").rmdir()
    dataset = read_class_folders(root)
    assert counts(dataset) == {"train": {"a": 1, "b": 2}}
    assert passed_over(dataset, root) == {
        "a/more": "a link that leads outside",
        "b/linked.jpg": "a link that leads outside",
        "b/gone.jpg": "a link to nothing",
    }
    assert counts(read_class_folders(root, follow_links=True)) == {"train": {"a": 3, "b": 3}}


def test_a_folder_of_links_outside_is_no_riddle(tmp_path: Path) -> None:
    outside = write_tree(tmp_path / "elsewhere", {"train/a": 1, "train/b": 1, "val/a": 1})
    root = tmp_path / "data"
    root.mkdir()
    for split in ("train", "val"):
        (root / split).symlink_to(outside / split)
    assert_refused(
        lambda: read_class_folders(root),
        f"2 problems in {root}: links that lead outside the folder are left out ('train', 'val'): copy what "
        "they lead to, or take it in Python with open_dataset(..., follow_links=True); there is no training split",
    )
    followed = read_class_folders(root, follow_links=True)
    assert counts(followed) == {"train": {"a": 1, "b": 1}, "val": {"a": 1}}


def test_pipes_are_passed_over(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a": 1, "b": 1})
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    dataset = read_class_folders(tmp_path)
    assert passed_over(dataset, tmp_path) == {"a/pipe.jpg": "not a file"}


def test_unlabelled_test_images_have_no_class(tmp_path: Path) -> None:
    dataset = read_class_folders(write_tree(tmp_path, {"train/a": 1, "train/b": 1, "test": 3}))
    assert counts(dataset) == {"train": {"a": 1, "b": 1}, "test": {"?": 3}}


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {"train/cat": 1, "train/Cat": 1, "train/dog": 1, "train/empty": 0, "val/cow": 2, "val/DOG": 1},
    )
    assert_refused(
        lambda: read_class_folders(tmp_path),
        f"3 problems in {tmp_path}: classes without images: 'empty'; "
        "classes 'Cat', 'cat' differ only in case; give them one name; "
        "val has classes that train lacks: 'DOG' (1 image, in train 'dog'), 'cow' (2 images)",
    )


def test_accents_written_in_two_ways_are_one_class(tmp_path: Path) -> None:
    names = {unicodedata.normalize(form, "café") for form in ("NFC", "NFD")}
    write_tree(tmp_path, dict.fromkeys(names, 1))
    assert_refused(
        lambda: read_class_folders(tmp_path),
        f"1 problem in {tmp_path}: classes 'cafe\\u0301', 'caf\\xe9' differ only in how their accents are "
        "written; give them one name",
    )


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        ({"cat": 3, "readme": 0}, "classes without images: 'readme'; there is only one class, 'cat'; a classifier needs two"),
        ({"train/cat": 3}, "there is only one class, 'cat'; a classifier needs two"),
        ({"train": 3, "val": 1}, "train has no folder for each class; val has no folder for each class, and no file of labels beside it (val_annotations.txt, LOC_val_solution.csv, imagenet_2012_validation_synset_labels.txt, val.txt); there is no image with a class in the training split"),
        ({"val/cat": 3, "test/cat": 1}, "there is no training split, only 'test', 'val'"),
        ({"train/a": 1, "train/b": 1, "val/a": 1, "valid/a": 1}, "'val' and 'valid' are both the val split; keep one"),
        ({"a": 0, "b": 0}, "classes without images: 'a', 'b'; there is no image with a class in the training split"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_data_set(tmp_path: Path, tree: dict[str, int], problem: str) -> None:
    with pytest.raises(DataError) as caught:
        read_class_folders(write_tree(tmp_path, tree))
    assert str(caught.value).partition(f" in {tmp_path}: ")[2] == problem


def test_a_val_that_is_train_is_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train/a": 1, "train/b": 1})
    (tmp_path / "val").symlink_to(tmp_path / "train")
    assert_refused(
        lambda: read_class_folders(tmp_path),
        f"1 problem in {tmp_path}: val is a link to another split: it has the same images",
    )


def test_names_of_classes_are_shown_safely(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train/a": 1, "train/b": 1, "val/\x1b[31m": 1})
    assert_refused(
        lambda: read_class_folders(tmp_path),
        f"1 problem in {tmp_path}: val has classes that train lacks: '\\x1b[31m' (1 image)",
    )


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    for name in (b"a", b"\xff"):
        folder = tmp_path / os.fsdecode(name)
        folder.mkdir()
        (folder / "0.jpg").touch()
    assert_refused(
        lambda: read_class_folders(tmp_path),
        f"1 problem in {tmp_path}: names of classes are not valid UTF-8: '\\udcff'",
    )


def test_folders_that_cannot_be_read_are_problems(tmp_path: Path) -> None:
    scanner = Scanner(tmp_path)
    assert scanner.images(str(tmp_path / "gone")) == []
    assert scanner.problems == [f"'{tmp_path}/gone' cannot be read: No such file or directory"]
