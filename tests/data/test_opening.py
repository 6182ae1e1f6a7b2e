"""Whatever the folder's shape: what it is taken for, and what is said of everything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from resnets.data import published
from resnets.data.opening import open_dataset
from resnets.data.sources.class_folders import read_class_folders
from tests.data.sources.published_forms import write_cifar10
from tests.data.trees import assert_refused, counts, write_tree

IMAGES = np.zeros((2, 32, 32, 3), np.uint8)


def test_folders_around_the_data_are_entered(tmp_path: Path) -> None:
    root = write_tree(
        tmp_path, {"outer/README.md": "", "outer/inner/train/a": 5, "outer/inner/train/b": 5}
    )
    dataset = open_dataset(root)
    assert (dataset.name, dataset.root) == ("inner", root / "outer" / "inner")
    write_cifar10(tmp_path / "data" / "cifar-10-batches-py", IMAGES, [0, 1])
    assert open_dataset(tmp_path / "data").kind == "cifar10"


def test_a_training_folder_alone_is_not_entered(tmp_path: Path) -> None:
    dataset = open_dataset(write_tree(tmp_path, {"train/a": 5, "train/b": 5}))
    assert dataset.root == tmp_path
    assert counts(dataset) == {"train": {"a": 4, "b": 4}, "val": {"a": 1, "b": 1}}


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({}, "'{root}' is not a data set: expected a folder for each class, perhaps in train, val, test"),
        ({"a.jpg": ""}, "'{root}' is not a data set: expected a folder for each class, perhaps in train, val, test"),
    ],
)  # fmt: skip
def test_folders_of_something_else(tmp_path: Path, tree: dict[str, str], text: str) -> None:
    write_tree(tmp_path, tree)
    assert_refused(lambda: open_dataset(tmp_path), text.format(root=tmp_path))


def test_files_of_something_else(tmp_path: Path) -> None:
    file = write_tree(tmp_path, {"cat.jpg": ""}) / "cat.jpg"
    assert_refused(
        lambda: open_dataset(file),
        f"'{file}' is not a data set: expected a folder, a manifest (.csv, .tsv), "
        "shards (.tar), an archive of CIFAR (.tar.gz) or arrays (.npz)",
    )


def test_names_that_are_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path))
    assert_refused(
        lambda: open_dataset("cifr10"),
        "there is no file or folder 'cifr10', and no data set of that name "
        "(known are cifar10, cifar100, fashion_mnist, mnist, tiny_imagenet)",
    )
    assert_refused(
        lambda: open_dataset("CIFAR-10"),
        "the data set cifar10 is not on this machine; get it with: resnets data download cifar10",
    )


def test_published_data_sets_are_opened_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path))
    folder = tmp_path / "datasets" / "cifar10" / "cifar-10-batches-py"
    write_cifar10(folder, IMAGES, [0, 1])
    assert open_dataset("CIFAR10").root == folder


def test_fashion_mnist_where_debian_keeps_it() -> None:
    folder = published.find_published("fashion-mnist")
    if folder is None:
        pytest.skip("dataset-fashion-mnist is not installed")
    dataset = open_dataset("fashion_mnist")
    # Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747, sec. 3: 6,000 and 1,000 images of each class.
    assert [np.bincount(split.labels).tolist() for split in dataset.splits.values()] == [
        [6000] * 10,
        [1000] * 10,
    ]
    assert dataset.name == "fashion_mnist"


def test_no_torch_is_loaded() -> None:
    code = "import sys, resnets.data.opening, resnets.data.fingerprint\nprint('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_ten_thousand_files_are_found_without_opening_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path, {f"train/{i}": 100 for i in range(10)})

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    assert len(read_class_folders(tmp_path).splits["train"]) == 1000


def test_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.listdir", refuse)
    assert_refused(lambda: open_dataset(tmp_path), f"'{tmp_path}' cannot be read: Permission denied")
