"""Data sets in memory: uint8 images and their labels as NumPy arrays, or an .npz file of them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnets.data.dataset import Dataset, Labels, Split
from resnets.data.decoding import Pixels
from resnets.data.sources.problems import listed, refuse
from resnets.errors import DataError, printable

_SPLIT_KEYS = {
    "train": (
        ("x_train", "y_train"),
        ("train_images", "train_labels"),
        ("images", "labels"),
        ("x", "y"),
    ),
    "val": (("x_val", "y_val"), ("val_images", "val_labels"), ("x_valid", "y_valid")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}
_NAME_KEYS = ("class_names", "label_names", "classes")
_LARGEST = 2**36
# Bytes that the arrays of a file may declare: 64 GiB, more than most machines have.


def from_arrays(
    splits: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
    *,
    class_names: Sequence[str] = (),
    name: str = "arrays",
    root: str | Path = "",
) -> Dataset:
    """Make a data set of arrays.

    Args:
        splits: images and labels of 'train', and perhaps of 'val' and 'test'. Images are uint8,
            (N, H, W), (N, H, W, 1) or (N, H, W, 3); labels are numbers or texts, (N,) or (N, 1).
        class_names: in the order of the labels, which are then 0, 1, ...; by default, the labels of
            the training split themselves, in order.
        name: of the data set.
        root: where it came from.

    Raises:
        DataError: with all problems.

    Example:
        >>> images = np.zeros((2, 8, 8), np.uint8)
        >>> from_arrays({"train": (images, np.array(["cat", "dog"]))}).class_names
        ('cat', 'dog')
    """
    source = Path(root or name)
    problems: list[str] = []
    made: dict[str, tuple[Pixels, NDArray[Any]]] = {}
    for split in ("train", "val", "test"):
        if split in splits:
            images, labels = splits[split]
            problems.extend(_check(split, images, labels))
            made[split] = _without_last_one(images, 4), _without_last_one(labels, 2)
    if unknown := sorted(set(splits) - set(made)):
        problems.append(f"splits are train, val and test; got {listed(unknown)}")
    if "train" not in made:
        problems.append("there is no training split")
    refuse(source, problems)
    values = np.arange(len(class_names)) if class_names else np.unique(made["train"][1])
    problems = [p for split, (_, labels) in made.items() for p in _check_values(split, labels, values)]
    absent = np.setdiff1d(values, made["train"][1])
    if len(absent):
        problems.append(f"classes without images: {listed(class_names[i] for i in absent)}")
    if len(values) < 2:
        problems.append("there is only one class; a classifier needs two")
    refuse(source, problems)
    names = tuple(class_names) or tuple(str(value) for value in values)
    return Dataset(
        name,
        "arrays",
        source,
        names,
        {split: Split(split, x, _as_labels(y, values)) for split, (x, y) in made.items()},
    )


def read_npz(file: Path) -> Dataset:
    """Read a data set from an .npz file; Python objects in it are never loaded.

    Args:
        file: with arrays such as x_train, y_train, x_test, y_test, or images and labels.

    Raises:
        DataError: with all problems.
    """
    arrays = _load(file)
    splits = {}
    for split, choices in _SPLIT_KEYS.items():
        for images, labels in choices:
            if images in arrays and labels in arrays:
                splits[split] = arrays[images], arrays[labels]
                break
    if "train" not in splits:
        has = listed(arrays)
        refuse(file, [f"it needs arrays x_train and y_train, or images and labels; has {has}"])
    named = [key for key in _NAME_KEYS if key in arrays]
    class_names = [str(name) for name in arrays[named[0]].ravel()] if named else []
    return from_arrays(splits, class_names=class_names, name=file.stem, root=file)


def _load(file: Path) -> dict[str, NDArray[Any]]:
    known = {key for pairs in _SPLIT_KEYS.values() for pair in pairs for key in pair}
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > _LARGEST:
            raise ValueError(f"declares {size / 2**30:.0f} GiB, more than {_LARGEST / 2**30:.0f}")
        with np.load(file, allow_pickle=False) as arrays:
            wanted = known.union(_NAME_KEYS)
            return {key: arrays[key] if key in wanted else np.empty(0) for key in arrays.files}
    except Exception as error:  # parsers of hostile bytes raise whatever they like
        objects = "object" in str(error).lower()
        why = "holds Python objects, which are never loaded" if objects else f"cannot be read: {error}"
        raise DataError(f"1 problem in {printable(str(file))}: it {printable(why)}") from error


def _check(split: str, images: NDArray[Any], labels: NDArray[Any]) -> list[str]:
    problems = []
    is_grey = images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 1)
    is_image = is_grey or (images.ndim == 4 and images.shape[-1] == 3)
    if images.dtype != np.uint8 or not is_image or 0 in images.shape:
        problems.append(
            f"images of {split} must be uint8, 0 to 255, of shape (N, H, W) or (N, H, W, 3); "
            f"got {images.dtype} of shape {images.shape}"
        )
    is_flat = labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1)
    if labels.dtype.kind not in "iuU" or not is_flat:
        problems.append(
            f"labels of {split} must be whole numbers or texts of shape (N,); "
            f"got {labels.dtype} of shape {labels.shape}"
        )
    elif len(images) != len(labels):
        problems.append(f"{split} has {len(images)} images and {len(labels)} labels")
    return problems


def _check_values(split: str, labels: NDArray[Any], values: NDArray[Any]) -> list[str]:
    if (labels.dtype.kind == "U") != (values.dtype.kind == "U"):
        return [f"labels of {split} must be of the same kind as the classes: numbers or texts"]
    unknown = np.setdiff1d(labels, values)
    return [f"{split} has classes that train lacks: {listed(unknown.tolist())}"] if len(unknown) else []


def _as_labels(labels: NDArray[Any], values: NDArray[Any]) -> Labels:
    return np.searchsorted(values, labels).astype(np.int64)


def _without_last_one(array: NDArray[Any], dimensions: int) -> NDArray[Any]:
    return array[..., 0] if array.ndim == dimensions and array.shape[-1] == 1 else array
