"""idx files as those of MNIST."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from resnets.data.labels import label_set
from resnets.data.opening import open_dataset
from tests.data.sources.published_forms import idx_bytes
from tests.data.trees import assert_refused, counts, pixels

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)
DIGITS = np.array([5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5], np.uint8)
CLOTHES = np.array([9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9], np.uint8)


def write(folder: Path, labels: np.ndarray[tuple[int], np.dtype[np.uint8]], *, gz: bool = True) -> Path:
    for split in ("train", "t10k"):
        for what, array in (("images-idx3", IMAGES), ("labels-idx1", labels)):
            content = idx_bytes(array)
            file = folder / f"{split}-{what}-ubyte{'.gz' if gz else ''}"
            file.write_bytes(gzip.compress(content) if gz else content)
    return folder


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize(("name", "labels"), [("mnist", DIGITS), ("fashion_mnist", CLOTHES)])
def test_mnist_and_fashion_mnist_are_told_apart(
    tmp_path: Path, gz: bool, name: str, labels: np.ndarray[tuple[int], np.dtype[np.uint8]]
) -> None:
    dataset = open_dataset(write(tmp_path, labels, gz=gz))
    assert (dataset.name, dataset.kind) == (name, "idx")
    assert dataset.class_names == label_set(name).names
    assert np.array_equal(pixels(dataset, "train"), IMAGES)
    assert dataset.splits["test"].labels.tolist() == labels.tolist()
    assert dataset.split_origin == "given"


def test_others_have_numbers_for_names(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, np.arange(12, dtype=np.uint8)))
    assert dataset.class_names == tuple(map(str, range(12)))
    assert dataset.name == tmp_path.name


def test_the_training_split_is_enough(tmp_path: Path) -> None:
    labels = np.arange(12, dtype=np.uint8) % 3
    for file in write(tmp_path, labels).glob("t10k-*"):
        file.unlink()
    dataset = open_dataset(tmp_path)
    assert counts(dataset) == {"train": dict.fromkeys("012", 3), "val": dict.fromkeys("012", 1)}


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, DIGITS)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(IMAGES)))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    assert_refused(
        lambda: open_dataset(tmp_path),
        f"2 problems in {tmp_path}: 'train-labels-idx1-ubyte.gz' is not an idx file of bytes with 1 "
        "dimensions; the file of the labels of test is missing",
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (idx_bytes(IMAGES)[:-1], "declares 9408 bytes and has 9407"),
        (idx_bytes(IMAGES) + b"x", "declares 9408 bytes and has more"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "declares 4294967295x4294967295x4294967295 bytes"),
        (idx_bytes(IMAGES[:5]), "train has 5 images and 12 labels"),
        (
            gzip.compress(idx_bytes(IMAGES), mtime=0)[:100],
            "Compressed file ended before the end-of-stream marker",
        ),
        (b"\x1f\x8b" + b"x" * 20, "Unknown compression method"),
        (b"", "is not an idx file of bytes with 3 dimensions"),
    ],
    ids=["short", "long", "huge", "few", "cut", "method", "empty"],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (write(tmp_path, DIGITS) / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(ValueError, match=rf"^1 problem in .*{why}"):
        open_dataset(tmp_path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(idx_bytes(IMAGES) + bytes(50_000_000))
    (write(tmp_path, DIGITS) / "train-images-idx3-ubyte.gz").write_bytes(bomb)
    with pytest.raises(ValueError, match="declares 9408 bytes and has more"):
        open_dataset(tmp_path)


def test_labels_of_test_are_bound_too(tmp_path: Path) -> None:
    write(tmp_path, DIGITS)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(idx_bytes(DIGITS + np.uint8(3)))
    assert_refused(
        lambda: open_dataset(tmp_path),
        f"1 problem in {tmp_path}: test has labels outside 0 to 9: '12'",
    )
