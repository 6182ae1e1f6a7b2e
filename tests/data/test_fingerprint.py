"""The fingerprint of training images follows its description, and nothing else changes it."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from resnets.data.fingerprint import fingerprint
from resnets.data.opening import open_dataset
from resnets.data.sources.arrays import from_arrays
from resnets.errors import DataError
from resnets.weights.model_info import DataFingerprint
from tests.data.trees import write_tree


def test_files(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train/b": 1, "train/a": 1, "val/a": 1})
    lines = b"".join(
        f"train/{name}/0.jpg\0{name}\0{hashlib.sha256(f'train/{name} 0'.encode()).hexdigest()}\n".encode()
        for name in ("a", "b")
    )
    printed = fingerprint(open_dataset(tmp_path))
    assert printed.to_dict() == {
        "name": tmp_path.name,
        "num_images": 2,
        "sha256": hashlib.sha256(lines).hexdigest(),
    }
    assert DataFingerprint(**printed.to_dict()).num_images == 2


def test_arrays() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8), np.uint8)
    lines = b"".join(
        f"{i:09}\0{name}\0{hashlib.sha256(images[i].tobytes()).hexdigest()}\n".encode()
        for i, name in enumerate(("cat", "dog"))
    )
    dataset = from_arrays({"train": (images, np.array(["cat", "dog"]))})
    assert fingerprint(dataset).sha256 == hashlib.sha256(lines).hexdigest()


def test_only_names_classes_and_contents_count(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "one", {"train/a": 1200, "train/b": 3, "val/a": 1})
    before = fingerprint(open_dataset(root)).sha256
    copy = Path(shutil.copytree(root, tmp_path / "two"))
    (copy / "val" / "a" / "0.jpg").write_text("another")
    assert fingerprint(open_dataset(copy)).sha256 == before
    (copy / "train" / "a" / "1100.jpg").write_text("another")
    changed = fingerprint(open_dataset(copy)).sha256
    (copy / "train" / "b" / "0.jpg").rename(copy / "train" / "a" / "new.jpg")
    moved = fingerprint(open_dataset(copy)).sha256
    assert len({before, changed, moved}) == 3


def test_missing_files_are_named(tmp_path: Path) -> None:
    dataset = open_dataset(write_tree(tmp_path, {"train/a": 2, "train/b": 1, "val/a": 1}))
    (tmp_path / "train" / "a" / "1.jpg").unlink()
    text = (
        f"1 problem in {tmp_path}: 1 images cannot be read: "
        f"'{tmp_path}/train/a/1.jpg (No such file or directory)'"
    )
    with pytest.raises(DataError, match=f"^{re.escape(text)}$"):
        fingerprint(dataset)
