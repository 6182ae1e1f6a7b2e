"""Arrays in memory and in .npz files."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resnets.data.opening import open_dataset
from resnets.data.sources.arrays import from_arrays, read_npz
from resnets.errors import DataError
from tests.data.trees import assert_refused, counts, pixels

GREY = np.random.default_rng(0).integers(0, 256, (6, 9, 8), np.uint8)
COLOUR = np.random.default_rng(0).integers(0, 256, (6, 9, 8, 3), np.uint8)


@pytest.mark.parametrize(
    "keys", [("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "test_images", "test_labels")]
)  # fmt: skip
def test_npz(tmp_path: Path, keys: tuple[str, ...]) -> None:
    arrays = (COLOUR, np.array([[7], [3], [3], [7], [3], [7]]), COLOUR[:2], np.array([7, 3]))
    np.savez(tmp_path / "shapes.npz", **dict(zip(keys, arrays, strict=True)))  # type: ignore[arg-type]
    dataset = open_dataset(tmp_path / "shapes.npz")
    assert (dataset.name, dataset.kind, dataset.class_names) == ("shapes", "arrays", ("3", "7"))
    assert dataset.splits["train"].labels.tolist() == [1, 0, 0, 1, 0, 1]
    assert dataset.splits["test"].labels.tolist() == [1, 0]
    assert np.array_equal(pixels(dataset, "test"), COLOUR[:2])


def test_one_split_is_divided(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=GREY, labels=np.array(list("ababab")))
    dataset = open_dataset(tmp_path)
    assert counts(dataset) == {"train": {"a": 2, "b": 2}, "val": {"a": 1, "b": 1}}
    assert pixels(dataset, "val").shape == (2, 9, 8)
    again = open_dataset(tmp_path, groups={"0": 1, "2": 1, "4": 1})
    assert counts(again)["train"] == {"a": 3, "b": 2}


def test_names_of_classes_are_taken_along(tmp_path: Path) -> None:
    labels = np.array([0, 1, 2, 0, 1, 2])
    np.savez(tmp_path / "a.npz", x_train=GREY[..., None], y_train=labels, class_names=["x", "y", "z"])
    dataset = read_npz(tmp_path / "a.npz")
    assert dataset.class_names == ("x", "y", "z")
    assert pixels(dataset, "train").shape == GREY.shape


def test_python_objects_are_never_loaded(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, images=GREY, labels=np.array([{}, {}], dtype=object))
    assert_refused(
        lambda: read_npz(file),
        f"1 problem in {file}: it holds Python objects, which are never loaded",
    )


def test_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, weights=GREY)
    assert_refused(
        lambda: read_npz(file),
        f"1 problem in {file}: it needs arrays x_train and y_train, or images and labels; has 'weights'",
    )
    file.write_bytes(b"PK\x03\x04 nothing")
    assert_refused(
        lambda: read_npz(file), f"1 problem in {file}: it cannot be read: File is not a zip file"
    )


def test_nothing_but_our_own_errors(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez_compressed(file, images=GREY, labels=np.array(list("ababab")))
    whole, draw = file.read_bytes(), random.Random(0)
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 6)):
            content[draw.choice([draw.randrange(200), -1 - draw.randrange(300)])] = draw.randrange(256)
        file.write_bytes(content)
        with suppress(DataError):
            read_npz(file)


LABELS = np.array([0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("splits", "names", "problems"),
    [
        ({"train": (GREY / 255, LABELS)}, (), "images of train must be uint8, 0 to 255, of shape (N, H, W) or (N, H, W, 3); got float64 of shape (6, 9, 8)"),
        ({"train": (COLOUR.transpose(0, 3, 1, 2), LABELS)}, (), "images of train must be uint8, 0 to 255, of shape (N, H, W) or (N, H, W, 3); got uint8 of shape (6, 3, 9, 8)"),
        ({"train": (GREY, np.eye(6))}, (), "labels of train must be whole numbers or texts of shape (N,); got float64 of shape (6, 6)"),
        ({"train": (GREY, LABELS[:5]), "val": (GREY[:1], LABELS)}, (), "train has 6 images and 5 labels; val has 1 images and 6 labels"),
        ({"train": (GREY, LABELS), "val": (GREY, LABELS * 5)}, (), "val has classes that train lacks: '5'"),
        ({"train": (GREY, LABELS), "val": (GREY, LABELS.astype(str))}, (), "labels of val must be of the same kind as the classes: numbers or texts"),
        ({"train": (GREY, LABELS)}, ("a",), "train has classes that train lacks: '1'; there is only one class; a classifier needs two"),
        ({"train": (GREY, LABELS)}, ("a", "b", "c"), "classes without images: 'c'"),
        ({"train": (GREY, LABELS * 0)}, (), "there is only one class; a classifier needs two"),
        ({"holdout": (GREY, LABELS)}, (), "splits are train, val and test; got 'holdout'; there is no training split"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_data_set(
    splits: dict[str, Any], names: tuple[str, ...], problems: str
) -> None:
    with pytest.raises(DataError) as caught:
        from_arrays(splits, class_names=names)
    assert str(caught.value).partition(" in arrays: ")[2] == problems
