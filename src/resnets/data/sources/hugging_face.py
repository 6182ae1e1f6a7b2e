"""Data sets of the Hugging Face hub, and folders that `save_to_disk` of its library has written.

The library, `datasets`, knows the hub's formats, and keeps them as Arrow tables that are mapped into
memory: any row can be had without reading those before it. It is asked for nothing else: the bytes of
images come out as they are and go through our own decoder, with its limits and its policy. From 4.0 on
it runs no code that a data set brings along. A path in a row is not followed: it could be any file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray

from resnets.data.dataset import Dataset, PassedOver
from resnets.data.shards.samples import CLASS_KEYS
from resnets.data.sources.binding import SPLITS, Found, bind
from resnets.data.sources.class_folders import SPLIT_NAMES
from resnets.data.sources.problems import listed, quoted, refuse
from resnets.data.stored_images import StoredImage, StoredImages
from resnets.downloads.download import is_offline
from resnets.errors import DataError, DownloadError, MissingDependencyError, printable

PREFIX = "hf:"
_NAME = re.compile(r"(?P<name>[\w.-]+(/[\w.-]+)?)(:(?P<config>[^:]+))?")
_LABELS = ("label", "labels", "fine_label", *CLASS_KEYS)


@dataclass(frozen=True, slots=True)
class RowImage(StoredImage):
    """An image in a row of a table.

    Attributes:
        images: of its split.
        row: of the table.
    """

    images: RowImages
    row: int

    def as_posix(self) -> str:
        """The split and the row, as in 'train/000017'."""
        return f"{self.images.split}/{self.row:06}"

    def __str__(self) -> str:
        return self.as_posix()

    def stamp(self) -> tuple[int, int]:
        """Its size, and the time of the last change of the table's files."""
        return len(self.read_bytes()), self.images.mtime_ns

    def read_bytes(self) -> bytes:
        """Read the cell."""
        cell = self.images.table[self.row][self.images.column]
        content = cell.get("bytes") if isinstance(cell, dict) else None
        if not isinstance(content, bytes):
            raise DataError(
                f"{self} has no image in the table, only {printable(str(cell))[:100]}: save the data "
                "set anew with its images, by load_dataset(...).save_to_disk(...)"
            )
        return content


@dataclass(frozen=True, eq=False)
class RowImages(StoredImages):
    """The images of a table, or of some of its rows.

    Attributes:
        split: as the library calls it.
        table: a `datasets.Dataset`, whose images are not decoded.
        column: of the images.
        rows: (N,), of the table.
        mtime_ns: time of the last change of the table's files.
    """

    split: str
    table: Any
    column: str
    rows: NDArray[np.int64]
    mtime_ns: int

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> RowImage: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> RowImage | Self:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return RowImage(self, int(self.rows[index]))

    def take(self, places: NDArray[Any]) -> Self:
        """Choose images by their places or by a mask (N,)."""
        return replace(self, rows=self.rows[places])


def is_saved(files: list[str]) -> bool:
    """Whether the names of the files in a folder are those that `save_to_disk` writes."""
    return "dataset_dict.json" in files or {"dataset_info.json", "state.json"} <= set(files)


def read_saved(root: Path) -> Dataset:
    """Read a folder that `save_to_disk` has written.

    Args:
        root: the folder.

    Raises:
        DataError: with all problems.
        MissingDependencyError: without the library.
    """
    library = _library()
    try:
        return _bound(root, library.load_from_disk(str(root)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{quoted(root)} cannot be read: {printable(str(error))}") from error


def read_from_hub(address: str) -> Dataset:
    """Read a data set of the hub, which the library keeps in its own cache.

    Args:
        address: 'hf:NAME' or 'hf:NAME:CONFIG'.

    Raises:
        DataError: with all problems.
        DownloadError: if it cannot be had.
        MissingDependencyError: without the library.
    """
    asked = _NAME.fullmatch(address.removeprefix(PREFIX))
    if asked is None:
        raise DataError(
            f"{quoted(address)} is no data set of the hub: expected hf:NAME or hf:NAME:CONFIG"
        )
    library = _library()
    local = library.DownloadConfig(local_files_only=is_offline())
    try:
        tables = library.load_dataset(asked["name"], asked["config"], download_config=local)
    except Exception as error:  # of the library, of what it downloads with, and of what it reads
        reason = printable(str(error).partition("\n")[0])
        raise DownloadError(f"{asked['name']} cannot be had from the hub: {reason}") from error
    return _bound(Path(address), tables)


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingDependencyError(
            "reading data sets of Hugging Face", "datasets", extra="data"
        ) from error
    return datasets


def _bound(root: Path, tables: Any) -> Dataset:
    given: Mapping[str, Any] = tables if isinstance(tables, dict) else {"train": tables}
    found: dict[str, Found] = {}
    passed_over = []
    order: list[str] | None = None
    for name, table in given.items():
        split = SPLIT_NAMES.get(str(name).lower())
        if split is None or split in found:
            passed_over.append(PassedOver(root / str(name), "not a split"))
            continue
        found[split], names = _found(root, str(name), table)
        order = names if split == "train" else order
    ordered = {split: found[split] for split in SPLITS if split in found}
    return bind(root, "hugging face", ordered, passed_over=passed_over, class_order=order)


def _found(root: Path, name: str, table: Any) -> tuple[Found, list[str] | None]:
    """The images of a split, and the names of its classes where the table has them."""
    library = _library()
    kinds = {column: type(kind).__name__ for column, kind in table.features.items()}
    images = [column for column, kind in kinds.items() if kind == "Image"]
    if len(images) != 1:
        refuse(root, [f"{name} must have one column of images, and has {listed(images) or 'none'}"])
    column, label = images[0], _label_column(kinds)
    files = [os.stat(each["filename"]).st_mtime_ns for each in table.cache_files]  # noqa: PTH116
    undecoded = table.select_columns([column]).cast_column(column, library.Image(decode=False))
    rows = RowImages(name, undecoded, column, np.arange(len(table)), max(files, default=0))
    if label is None:
        return Found(rows, [None] * len(rows)), None
    values = table.select_columns([label]).with_format(None)[:][label]  # as Python has them, None too
    if kinds[label] != "ClassLabel":
        texts = [None if value is None else str(value) for value in values]
        told = {value for value in values if value is not None}
        numbers = all(isinstance(value, int) and not isinstance(value, bool) for value in told)
        return Found(rows, texts), list(map(str, sorted(told))) if numbers else None
    names = list(table.features[label].names)
    return Found(rows, [names[v] if v is not None and v >= 0 else None for v in values]), names


def _label_column(kinds: Mapping[str, str]) -> str | None:
    """The column of the classes: the only one that says so, or the one that is called like it."""
    said = [column for column, kind in kinds.items() if kind == "ClassLabel"]
    if len(said) == 1:
        return said[0]
    return next((name for name in _LABELS if name in (said or kinds)), None)
