"""CIFAR in its four forms, and pickles that are not data."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from resnets.data.labels import label_set
from resnets.data.opening import open_dataset
from resnets.data.sources.cifar import read_cifar
from resnets.data.sources.pickled_arrays import PickleRefused, read_pickled_table
from tests.data.sources.published_forms import by_channel, python2_pickle, write_cifar10
from tests.data.trees import assert_refused, pixels

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
LABELS = [3, 8, 0, 9]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("suffix", ["", ".tar.gz", ".tar"])
def test_cifar10(tmp_path: Path, binary: bool, suffix: str) -> None:
    name = "cifar-10-batches-bin" if binary else "cifar-10-batches-py"
    path = write_cifar10(tmp_path / name, IMAGES, LABELS, binary=binary)
    if suffix:
        path = tmp_path / f"cifar{suffix}"
        with tarfile.open(path, "w:gz" if suffix == ".tar.gz" else "w") as archive:
            archive.add(tmp_path / name, name)
    dataset = open_dataset(path)
    assert (dataset.name, dataset.kind) == ("cifar10", "cifar10")
    assert dataset.class_names == label_set("cifar10").names
    assert np.array_equal(pixels(dataset, "train"), np.tile(IMAGES, (5, 1, 1, 1)))
    assert np.array_equal(pixels(dataset, "test"), IMAGES)
    assert dataset.splits["train"].labels.tolist() == LABELS * 5
    assert pixels(dataset, "train").flags.c_contiguous


@pytest.mark.parametrize("binary", [False, True])
def test_cifar100_has_its_fine_labels(tmp_path: Path, binary: bool) -> None:
    rows, fine = by_channel(IMAGES), [99, 0, 55, 7]
    for name in ("train", "test"):
        if binary:
            columns = np.array([[19, 0, 1, 2], fine], np.uint8).T
            content = np.concatenate([columns, rows], axis=1).tobytes()
        else:
            content = python2_pickle(rows, fine, key="fine_labels")
        (tmp_path / f"{name}{'.bin' if binary else ''}").write_bytes(content)
    dataset = open_dataset(tmp_path)
    assert dataset.kind == "cifar100"
    assert dataset.class_names == label_set("cifar100").names
    assert dataset.splits["train"].labels.tolist() == fine
    assert np.array_equal(pixels(dataset, "test"), IMAGES)


@pytest.mark.parametrize("protocol", range(5))
def test_python3s_pickles_are_read_too(protocol: int) -> None:
    rows = by_channel(IMAGES)
    for table in (
        {"data": rows, "labels": LABELS},
        {b"data": np.asfortranarray(rows), b"labels": LABELS},
    ):
        read = read_pickled_table(pickle.dumps(table, protocol=protocol))
        assert np.array_equal(read["data"], rows)
        assert read["labels"] == LABELS


def test_our_batches_are_what_pickle_reads() -> None:
    rows = by_channel(IMAGES)
    table = pickle.loads(python2_pickle(rows, LABELS), encoding="latin1")
    assert np.array_equal(table["data"], rows)
    assert table["labels"] == LABELS
    assert table["filenames"] == ["a.png"] * 4


class Command:
    """Runs a command when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.file}",)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_in_a_pickle_runs(tmp_path: Path, protocol: int) -> None:
    folder = write_cifar10(tmp_path / "cifar-10-batches-py", IMAGES, LABELS)
    trace = tmp_path / "trace"
    (folder / "test_batch").write_bytes(pickle.dumps({"data": Command(trace)}, protocol=protocol))
    name = os.system.__module__ + ".system"
    assert_refused(
        lambda: read_cifar(folder),
        f"1 problem in {folder}: test_batch names {name!r}, which is not data",
    )
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not a pickle of CIFAR, or damaged"),
        (b"\x80\x02}q\x01.", "has no array 'data' of (N, 3072) bytes"),
        (pickle.dumps({"data": OrderedDict()}), "names 'collections.OrderedDict', which is not data"),
        (pickle.dumps({"data": np.zeros((4, 3072))}, 2), "has an array of something other than bytes"),
        (pickle.dumps({"data": np.array([{}])}, 2), "has an array of something other than bytes"),
        (python2_pickle(by_channel(IMAGES)[:, :100], LABELS), "has no array 'data' of (N, 3072) bytes"),
        (python2_pickle(by_channel(IMAGES), LABELS[:3]), "has 4 images and 3 labels"),
        (python2_pickle(by_channel(IMAGES), LABELS, key="other"), "has no list 'labels' of integers"),
        (python2_pickle(by_channel(IMAGES), LABELS)[:-500], "is not a pickle of CIFAR, or damaged"),
        (b"\x80\x02r\xff\xff\xff\xff.", "is not a pickle of CIFAR, or damaged"),
        (b"\x80\x02P0\n.", "does more than put data together (PERSID)"),
        (b"\x80\x02(((((((.", "is not a pickle of CIFAR, or damaged"),
        (b"\x80\x02" + b"(u" * 10, "is not a pickle of CIFAR, or damaged"),
        (b"\x80\x02}q\x00}s.", "is not a pickle of CIFAR, or damaged"),
        (b"\x80\x02K\x01K\x02b.", "does more than put data together (BUILD)"),
    ],
)
def test_damaged_batches_are_refused(tmp_path: Path, content: bytes, why: str) -> None:
    folder = write_cifar10(tmp_path / "cifar-10-batches-py", IMAGES, LABELS)
    (folder / "data_batch_2").write_bytes(content)
    with pytest.raises(ValueError, match="problem") as caught:
        read_cifar(folder)
    assert str(caught.value).startswith(f"1 problem in {folder}: data_batch_2 {why}")


def test_a_pickle_that_names_a_huge_place_in_memory() -> None:
    with pytest.raises(PickleRefused, match=r"^is not a pickle of CIFAR, or damaged"):
        read_pickled_table(b"\x80\x02}r\xff\xff\xff\x7fK\x01s.")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    folder = write_cifar10(tmp_path / "cifar-10-batches-bin", IMAGES, [1, 2, 3, 77], binary=True)
    (folder / "data_batch_3.bin").unlink()
    (folder / "data_batch_4.bin").write_bytes(b"x" * 3000)
    for name in ("data_batch_2.bin", "data_batch_5.bin", "test_batch.bin"):
        (folder / name).write_bytes(b"\0" * 3073)
    assert_refused(
        lambda: read_cifar(folder),
        f"3 problems in {folder}: files of cifar-10-batches-bin are missing: 'data_batch_3.bin'; "
        "data_batch_1.bin has labels outside 0 to 9: '77'; "
        "data_batch_4.bin has 3000 bytes, not a multiple of 3073",
    )


def test_another_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pets.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("pets/cat.jpg")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"cat"))
    assert_refused(
        lambda: open_dataset(path),
        f"1 problem in {path}: it is not an archive of CIFAR-10 or CIFAR-100; extract other archives first",
    )
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match=r"pets.tar.gz is a damaged archive: "):
        open_dataset(path)
