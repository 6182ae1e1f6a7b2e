"""The manifest of a run's data notices every change, wherever the data lies now."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.data.trees import write_tree

from resnets.data.dataset import Dataset
from resnets.data.inspection import inspect_dataset
from resnets.data.opening import open_dataset
from resnets.data.sources.arrays import from_arrays
from resnets.errors import DataError, WeightsError
from resnets.training.data_manifest import data_changes, write_manifest


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "photos", {"train/a": 3, "train/b": 1, "val/a": 1})


def arrays(**changed: int) -> Dataset:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8), np.uint8)
    labels = np.array([0, 1, 0, 1])
    if changed:
        pixels = pixels.copy()
        pixels[0, 0, 0] ^= changed.get("bit", 0)
        labels = np.roll(labels, changed.get("roll", 0))
    return from_arrays({"train": (pixels, labels)})


def test_every_image_is_in_it(tmp_path: Path, photos: Path) -> None:
    path = tmp_path / "m.jsonl.gz"
    digest = write_manifest(path, open_dataset(photos))
    head, *images = map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
    assert head == {
        "schema_version": 1,
        "name": "photos",
        "kind": "class folders",
        "class_names": ["a", "b"],
        "splits": {"train": 4, "val": 1},
        "split_origin": "given",
    }
    assert [(image["split"], image["file"], image["class"]) for image in images] == [
        ("train", "train/a/0.jpg", "a"),
        ("train", "train/a/1.jpg", "a"),
        ("train", "train/a/2.jpg", "a"),
        ("train", "train/b/0.jpg", "b"),
        ("val", "val/a/0.jpg", "a"),
    ]
    content = (photos / "train/b/0.jpg").read_bytes()
    assert images[3]["size"] == len(content)
    assert images[3]["sha256"] == hashlib.sha256(content).hexdigest()
    again = tmp_path / "again.jsonl.gz"
    assert write_manifest(again, open_dataset(photos)) == digest
    assert again.read_bytes() == path.read_bytes()


def test_a_copy_elsewhere_is_the_same_data(tmp_path: Path, photos: Path) -> None:
    path = tmp_path / "m.jsonl.gz"
    digest = write_manifest(path, open_dataset(photos))
    copy = Path(shutil.copytree(photos, tmp_path / "elsewhere"))
    for file in copy.rglob("*.jpg"):
        os.utime(file, (0, 0))
    assert data_changes(path, open_dataset(copy)) == []
    assert write_manifest(tmp_path / "n.jsonl.gz", open_dataset(copy)) == digest


def change_contents(root: Path) -> None:
    (root / "train/a/1.jpg").write_text("another")


def change_names(root: Path) -> None:
    (root / "train/a/1.jpg").rename(root / "train/b/1.jpg")
    (root / "train/a/2.jpg").unlink()


def add_class(root: Path) -> None:
    for split in ("train", "val"):
        (root / split / "c").mkdir()
        (root / split / "c/0.jpg").write_text(split)


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        (change_contents, ["1 changed: 'train/a/1.jpg in train'"]),
        (
            change_names,
            [
                "2 gone: 'train/a/1.jpg in train', 'train/a/2.jpg in train'",
                "1 new: 'train/b/1.jpg in train'",
            ],
        ),
        (
            add_class,
            [
                "class names: ['a', 'b'] before, ['a', 'b', 'c'] now",
                "2 new: 'train/c/0.jpg in train', 'val/c/0.jpg in val'",
            ],
        ),
    ],
)
def test_changes_are_told(
    tmp_path: Path, photos: Path, change: Callable[[Path], None], sentences: list[str]
) -> None:
    path = tmp_path / "m.jsonl.gz"
    before = write_manifest(path, open_dataset(photos))
    change(photos)
    now = open_dataset(photos)
    assert data_changes(path, now) == sentences
    assert write_manifest(path, now) != before


def test_files_that_kept_size_and_time_are_not_read_again(tmp_path: Path, photos: Path) -> None:
    path = tmp_path / "m.jsonl.gz"
    write_manifest(path, open_dataset(photos))
    file = photos / "train/a/1.jpg"
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    file.write_bytes(file.read_bytes()[::-1])
    assert data_changes(path, open_dataset(photos)) == ["1 changed: 'train/a/1.jpg in train'"]
    os.utime(file, ns=times)
    assert data_changes(path, open_dataset(photos)) == []


def test_the_digests_of_a_check_are_used(tmp_path: Path, photos: Path) -> None:
    dataset = open_dataset(photos)
    digest = write_manifest(tmp_path / "m.jsonl.gz", dataset)
    known = inspect_dataset(dataset, workers=1).file_digests
    assert write_manifest(tmp_path / "n.jsonl.gz", dataset, digests=known) == digest
    wrong = [b"\0" * 32 if place == 1 else b"" for place in range(5)]
    write_manifest(tmp_path / "n.jsonl.gz", dataset, digests=wrong)
    assert data_changes(tmp_path / "m.jsonl.gz", dataset) == []
    digests = [
        json.loads(line)["sha256"]
        for line in gzip.decompress((tmp_path / "n.jsonl.gz").read_bytes()).splitlines()[1:]
    ]
    assert digests[1] == "00" * 32
    assert "00" * 32 not in digests[:1] + digests[2:]


def test_another_order_is_another_data_set(tmp_path: Path, photos: Path) -> None:
    path = tmp_path / "m.jsonl.gz"
    dataset = open_dataset(photos)
    before = write_manifest(path, dataset)
    head, first, second, *rest = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join([head, second, first, *rest])))
    assert data_changes(path, dataset) == ["the images come in another order"]
    assert before == write_manifest(path, dataset)


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl.gz"
    write_manifest(path, arrays(), digests=[b""] * 4)
    assert data_changes(path, arrays()) == []
    for changed in (arrays(bit=1), arrays(roll=1)):
        assert data_changes(path, changed) == ["1 changed: 'train'"]


def test_a_file_that_is_gone(tmp_path: Path, photos: Path) -> None:
    dataset = open_dataset(photos)
    (photos / "train/a/1.jpg").unlink()
    text = (
        f"1 problem in {photos}: 1 images cannot be read: "
        f"'{photos}/train/a/1.jpg (No such file or directory)'"
    )
    with pytest.raises(DataError, match=f"^{re.escape(text)}$"):
        write_manifest(tmp_path / "m.jsonl.gz", dataset)
    assert not (tmp_path / "m.jsonl.gz").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (
            gzip.compress(b"{}\n" * 9)[:-9],
            "Compressed file ended before the end-of-stream marker was reached",
        ),
        (b"no gzip", "Not a gzipped file (b'no')"),
        (None, "No such file or directory"),
    ],
    ids=["empty", "cut", "text", "none"],
)
def test_a_damaged_manifest(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "m.jsonl.gz"
    if content is not None:
        path.write_bytes(content)
    text = f"'{path}' cannot be read: {reason}"
    with pytest.raises(WeightsError, match=f"^{re.escape(text)}$"):
        data_changes(path, arrays())
