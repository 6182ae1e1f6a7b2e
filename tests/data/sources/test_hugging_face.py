"""Data sets of Hugging Face: rows that any other part takes for files, decoded by our decoder."""

from __future__ import annotations

import builtins
import hashlib
from pathlib import Path
from typing import Any

import pytest

from resnets.data.checking import check
from resnets.data.dataset import UnfitDataError
from resnets.data.fingerprint import fingerprint
from resnets.data.loading import Loader, LoadingOptions
from resnets.data.opening import open_dataset
from resnets.data.preprocessing_policy import Preprocessing
from resnets.data.sources import hugging_face
from resnets.data.sources.hugging_face import RowImages
from resnets.errors import DataError, DownloadError, MissingDependencyError
from tests.data.shards.writing import photo
from tests.data.trees import assert_refused, counts, write_tree

NAMES = ["cat", "dog", "emu"]


def write_saved(folder: Path, *, named: bool = True, **splits: int) -> Path:
    datasets = pytest.importorskip("datasets")
    label = datasets.ClassLabel(names=NAMES) if named else datasets.Value("int64")
    features = datasets.Features({"picture": datasets.Image(), "label": label})
    start, tables = 0, {}
    for split, count in splits.items():
        numbers = range(start, start + count)
        rows = {
            "picture": [{"bytes": photo(number), "path": None} for number in numbers],
            "label": [number % 2 for number in numbers],
        }
        tables[split] = datasets.Dataset.from_dict(rows, features=features)
        start += count
    datasets.DatasetDict(tables).save_to_disk(str(folder))
    return folder


def test_a_saved_folder(tmp_path: Path) -> None:
    root = write_saved(tmp_path / "animals", train=8, validation=4, unsupervised=2)
    dataset = open_dataset(root)
    assert (dataset.kind, dataset.class_names) == ("hugging face", tuple(NAMES))
    assert counts(dataset) == {"train": {"cat": 4, "dog": 4}, "val": {"cat": 2, "dog": 2}}
    assert [each.path.name for each in dataset.passed_over] == ["unsupervised"]
    images = dataset.splits["val"].images
    assert isinstance(images, RowImages)
    assert [image.as_posix() for image in images] == [f"validation/{row:06}" for row in range(4)]
    assert [image.read_bytes() for image in images] == [photo(number) for number in range(8, 12)]


def test_a_saved_table_is_for_training(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    write_saved(tmp_path / "both", named=False, train=20)
    datasets.load_from_disk(str(tmp_path / "both"))["train"].save_to_disk(str(tmp_path / "one"))
    dataset = open_dataset(tmp_path / "one")
    assert counts(dataset) == {"train": {"0": 8, "1": 8}, "val": {"0": 2, "1": 2}}


@pytest.mark.parametrize("workers", [0, 2])
def test_rows_are_read_like_files(tmp_path: Path, workers: int) -> None:
    root = write_saved(tmp_path / "animals", train=12)
    split = open_dataset(root, val_share=0).splits["train"]
    options = LoadingOptions(batch_size=5, shuffle=True, workers=workers)
    with Loader(split, Preprocessing(image_size=16), options, seed=1) as loader:
        whole, rest = list(loader.epoch(0)), list(loader.epoch(0, start_step=1))
    assert sorted(i for batch in whole for i in batch.indices.tolist()) == list(range(12))
    assert (whole[1].images == rest[0].images).all()


def test_they_are_checked_and_identified(tmp_path: Path) -> None:
    dataset = open_dataset(write_saved(tmp_path / "animals", train=8), val_share=0)
    report = check(dataset, workers=1)
    assert report.evidence.images.usable.all()
    assert report.evidence.images.file_digests[3] == hashlib.sha256(photo(3)).digest()
    again = open_dataset(write_saved(tmp_path / "copy" / "animals", train=8), val_share=0)
    assert fingerprint(dataset) == fingerprint(again)


def test_paths_in_rows_are_not_followed(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(photo(0))
    features = datasets.Features(
        {"image": datasets.Image(decode=False), "label": datasets.Value("string")}
    )
    rows = {"image": [{"bytes": None, "path": str(secret)}] * 4, "label": ["a", "b"] * 2}
    table = datasets.Dataset.from_dict(rows, features=features)
    dataset = hugging_face._bound(tmp_path, table)
    with pytest.raises(
        DataError, match=r"^train/000001 has no image in the table, only \{'bytes': None, 'path': '/"
    ):
        dataset.splits["train"].images[1].read_bytes()


def test_tables_without_one_column_of_images(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"text": ["a"], "label": [0]}).save_to_disk(str(tmp_path / "texts"))
    assert_refused(
        lambda: open_dataset(tmp_path / "texts"),
        f"1 problem in {tmp_path / 'texts'}: train must have one column of images, and has none",
    )


@pytest.mark.parametrize(
    ("kind", "labels", "names"),
    [
        ("int64", [10, None, 9, 10], ("9", "10")),
        ("string", ["b", None, "a", "b"], ("a", "b")),
        ("bool", [True, None, False, True], ("False", "True")),
        (None, [2, None, 0, 2], tuple(NAMES)),
    ],
)
def test_rows_without_a_label(
    tmp_path: Path, kind: str | None, labels: list[Any], names: tuple[str, ...]
) -> None:
    datasets = pytest.importorskip("datasets")
    label = datasets.Value(kind) if kind else datasets.ClassLabel(names=NAMES)
    features = datasets.Features({"image": datasets.Image(), "label": label})
    rows = {"image": [{"bytes": photo(i), "path": None} for i in range(4)], "label": labels}
    table = datasets.Dataset.from_dict(rows, features=features)
    with pytest.raises(UnfitDataError, match="train has 1 image without a class") as caught:
        hugging_face._bound(tmp_path, table)
    dataset = caught.value.dataset
    assert dataset.class_names == names
    found = dataset.splits["train"].labels.tolist()
    assert [names[i] if i >= 0 else None for i in found] == [
        None if value is None else (str(value) if kind else NAMES[value]) for value in labels
    ]


def test_a_damaged_folder(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    write_tree(tmp_path, {"dataset_info.json": "{}", "state.json": "{"})
    with pytest.raises(DataError, match=f"^'{tmp_path}' cannot be read: "):
        open_dataset(tmp_path)


def test_the_hub_is_asked_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    asked: list[Any] = []

    def refuse(*args: object, **_: object) -> None:
        asked.append(args)
        raise ConnectionError("no hub here\nat all")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(DownloadError, match=r"^zoo/animals cannot be had from the hub: no hub here$"):
        open_dataset("hf:zoo/animals:small")
    assert asked == [("zoo/animals", "small")]


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **given: Any) -> Any:
        if name == "datasets":
            raise ImportError(name)
        return real(name, *args, **given)

    monkeypatch.setattr(builtins, "__import__", without)
    write_tree(tmp_path, {"dataset_dict.json": "{}", "train/state.json": "{}"})
    for data in ("hf:beans", tmp_path):
        with pytest.raises(MissingDependencyError) as caught:
            open_dataset(data)
        assert str(caught.value) == (
            "reading data sets of Hugging Face needs datasets: pip install 'resnets[data]'"
        )


def test_names_of_the_hub() -> None:
    assert_refused(
        lambda: open_dataset("hf:a/b/c"),
        "'hf:a/b/c' is no data set of the hub: expected hf:NAME or hf:NAME:CONFIG",
    )
