"""CIFAR-10 and CIFAR-100 as published: the Python and the binary form, as an archive or extracted.

Layouts: https://www.cs.toronto.edu/~kriz/cifar.html. Pixels are stored by channel; labels of CIFAR-100
are the 100 fine ones. Pickles are read as data, never executed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from resnets.data.archive_members import ArchiveRefused
from resnets.data.archives import read_from_tar
from resnets.data.dataset import Dataset, Labels, Split
from resnets.data.decoding import Pixels
from resnets.data.labels import label_set
from resnets.data.shards.tar_members import read_members
from resnets.data.sources.binding import check_labels
from resnets.data.sources.pickled_arrays import PickleRefused, read_pickled_table
from resnets.data.sources.problems import listed, refuse

ARCHIVES = (".tar.gz", ".tgz", ".tar")

_PIXELS = 3 * 32 * 32
_LARGEST = 2**28
# Bytes of one file; CIFAR-100's training file, the largest, has 156 million.


@dataclass(frozen=True)
class _Form:
    """One way in which one of the two data sets is published."""

    name: str
    folder: str
    train: tuple[str, ...]
    test: str
    label_bytes: int = 0  # of the binary form, before the pixels; the last one counts


_FIVE = tuple(f"data_batch_{number}" for number in range(1, 6))
_FORMS = (
    _Form("cifar10", "cifar-10-batches-py", _FIVE, "test_batch"),
    _Form("cifar10", "cifar-10-batches-bin", tuple(f"{n}.bin" for n in _FIVE), "test_batch.bin", 1),
    _Form("cifar100", "cifar-100-python", ("train",), "test"),
    _Form("cifar100", "cifar-100-binary", ("train.bin",), "test.bin", 2),
)


def is_cifar(files: Sequence[str]) -> bool:
    """Whether the names of the files in a folder are those of an extracted archive."""
    names = set(files)
    return any(
        names & set(form.train) if form.name == "cifar10" else {*form.train, form.test} <= names
        for form in _FORMS
    )


def is_cifar_tar(file: Path) -> bool:
    """Whether a .tar begins as one of the archives does, and not as other data in a tar.

    Args:
        file: that is not compressed.
    """
    folders = tuple(f"{form.folder}/" for form in _FORMS)
    try:
        with file.open("rb") as content:
            return any(member.name.startswith(folders) for member in islice(read_members(content), 4))
    except (OSError, ArchiveRefused):
        return False


def read_cifar(root: Path) -> Dataset:
    """Read an archive, or the folder that was extracted from one.

    Args:
        root: .tar.gz, .tar, or the folder with the batches.

    Raises:
        DataError: with all problems.
    """
    files = _read_folder(root) if root.is_dir() else _read_archive(root)
    form = max(_FORMS, key=lambda form: len(set(files) & {*form.train, form.test}))
    wanted = (*form.train, form.test)
    missing = [name for name in wanted if name not in files]
    if len(missing) == len(wanted):
        refuse(root, ["it is not an archive of CIFAR-10 or CIFAR-100; extract other archives first"])
    problems = [f"files of {form.folder} are missing: {listed(missing)}"] if missing else []
    names = label_set(form.name).names
    batches: dict[str, tuple[Pixels, Labels]] = {}
    for file in wanted:
        if file in files:
            try:
                batches[file] = _read_batch(files[file], form)
            except PickleRefused as error:
                problems.append(f"{file} {error}")
            else:
                problems.extend(check_labels(batches[file][1], len(names), file))
    refuse(root, problems)
    splits = {"train": _join("train", [batches[name] for name in form.train])}
    splits["test"] = _join("test", [batches[form.test]])
    return Dataset(form.name, form.name, root, names, splits)


def _read_folder(root: Path) -> dict[str, bytes]:
    names = {name for form in _FORMS for name in (*form.train, form.test)}
    return {
        name: (root / name).read_bytes()
        for name in sorted(names)
        if (root / name).is_file() and (root / name).stat().st_size <= _LARGEST
    }


def _read_archive(root: Path) -> dict[str, bytes]:
    """Read the batches out of an archive; nothing is extracted."""
    names = {f"{form.folder}/{name}" for form in _FORMS for name in (*form.train, form.test)}
    return {name.rpartition("/")[2]: data for name, data in read_from_tar(root, names).items()}


def _read_batch(data: bytes, form: _Form) -> tuple[Pixels, Labels]:
    if form.label_bytes:
        size = form.label_bytes + _PIXELS
        if not data or len(data) % size:
            raise PickleRefused(f"has {len(data)} bytes, not a multiple of {size}")
        rows = np.frombuffer(data, np.uint8).reshape(-1, size)
        return _by_pixel(rows[:, form.label_bytes :]), rows[:, form.label_bytes - 1].astype(np.int64)
    table = read_pickled_table(data)
    return _from_table(table, "labels" if form.name == "cifar10" else "fine_labels")


def _from_table(table: Mapping[str, object], key: str) -> tuple[Pixels, Labels]:
    pixels, labels = table.get("data"), table.get(key)
    if not isinstance(pixels, np.ndarray) or pixels.shape[1:] != (_PIXELS,):
        raise PickleRefused(f"has no array 'data' of (N, {_PIXELS}) bytes")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise PickleRefused(f"has no list {key!r} of integers")
    if len(labels) != len(pixels):
        raise PickleRefused(f"has {len(pixels)} images and {len(labels)} labels")
    return _by_pixel(pixels), np.array(labels, np.int64)


def _by_pixel(rows: Pixels) -> Pixels:
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _join(name: str, batches: Sequence[tuple[Pixels, Labels]]) -> Split:
    if len(batches) == 1:
        return Split(name, *batches[0])
    images = np.concatenate([pixels for pixels, _ in batches])
    return Split(name, images, np.concatenate([labels for _, labels in batches]))
