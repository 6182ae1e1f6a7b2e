"""A table of images: CSV or TSV with columns for the file, the class and perhaps the split.

Paths are relative to the table's folder and stay in it.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from resnets.data.dataset import Dataset
from resnets.data.sources.binding import Found, bind
from resnets.data.sources.class_folders import SPLIT_NAMES
from resnets.data.sources.problems import listed, refuse

SUFFIXES = (".csv", ".tsv")

_IMAGE = ("image", "path", "filename", "file_name", "filepath", "image_path", "file")
_CLASS = ("label", "class", "class_name", "label_name", "category")
_SPLIT = ("split", "set", "subset")


@dataclass
class _Table:
    """What has been read of a manifest; files are known by their absolute paths."""

    root: Path
    outside: bool
    found: dict[str, Found] = field(default_factory=dict)
    places: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    escaping: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    unknown_splits: set[str] = field(default_factory=set)
    incomplete: list[int] = field(default_factory=list)
    _inside: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Both end in a slash: 'photos' does not begin with 'photo/'.
        self._named = os.path.join(os.path.abspath(self.root), "")  # noqa: PTH100, PTH118
        self._real = os.path.join(os.path.realpath(self.root), "")  # noqa: PTH118

    def holds(self, path: str) -> bool:
        """Whether a file, by its absolute path, is in the folder: by name and by where links lead."""
        if not path.startswith(self._named):
            return False
        folder = os.path.dirname(path)  # noqa: PTH120 - there may be 1,000,000
        if folder not in self._inside:
            real = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118
            self._inside[folder] = real.startswith(self._real)
        if not os.path.islink(path):  # noqa: PTH114
            return self._inside[folder]
        return self._inside[folder] and os.path.realpath(path).startswith(self._real)

    def problems(self) -> list[str]:
        """A sentence for each kind of problem."""
        told: tuple[tuple[Sequence[object], str], ...] = (
            (self.incomplete, "lines without an image or a class"),
            (self.escaping, "images outside the folder of the manifest"),
            (self.missing, "images that are not there"),
            (self.contradicted, "images with two classes or in two splits"),
            (self.repeated, "images listed twice"),
            (sorted(self.unknown_splits), "splits other than train, val and test"),
        )
        return [f"{what}: {listed(items)}" for items, what in told if items]


def read_manifest(file: Path, *, absolute_paths: bool = False) -> Dataset:
    """Read a manifest.

    Args:
        file: CSV or TSV with a header.
        absolute_paths: images may lie anywhere.

    Raises:
        DataError: with all problems.
    """
    table = _Table(file.parent, absolute_paths)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            _read_rows(stream, file, table)
    except (UnicodeDecodeError, csv.Error) as error:
        refuse(file, [f"it is not a table in UTF-8: {error}"])
    names = {name for name in table.found.get("train", Found()).classes if name is not None}
    order = _in_order(names)
    return bind(file, "manifest", table.found, problems=table.problems(), class_order=order)


def columns_of(file: Path) -> dict[str, str] | None:
    """Which columns hold 'image', 'class' and 'split'; None if the first two are not there."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            return _columns(csv.DictReader(stream, delimiter=_delimiter(file, stream)))
    except (OSError, UnicodeDecodeError, csv.Error):
        return None


def _delimiter(file: Path, stream: TextIO) -> str:
    if file.suffix.lower() == ".tsv":
        return "\t"
    header = next(stream, "")
    stream.seek(0)
    return max(",;\t", key=header.count)


def _columns(reader: csv.DictReader[str]) -> dict[str, str] | None:
    given = {name.strip().lower(): name for name in reader.fieldnames or () if name}
    columns = {}
    for role, names in (("image", _IMAGE), ("class", _CLASS), ("split", _SPLIT)):
        known = [given[name] for name in names if name in given]
        if known:
            columns[role] = known[0]
    return columns if {"image", "class"} <= set(columns) else None


def _read_rows(stream: TextIO, file: Path, table: _Table) -> None:
    reader = csv.DictReader(stream, delimiter=_delimiter(file, stream))
    columns = _columns(reader)
    if columns is None:
        got = f"has {listed(reader.fieldnames)}" if reader.fieldnames else "is empty"
        refuse(
            file, [f"it needs a column 'image' and a column 'class', as in image,class,split; it {got}"]
        )
        return
    for row in reader:
        image = (row[columns["image"]] or "").strip()
        name = (row[columns["class"]] or "").strip() or None
        split = (row.get(columns.get("split", "")) or "").strip() or "train"
        _take(table, image, name, split, reader.line_num)


def _take(table: _Table, image: str, name: str | None, split: str, line: int) -> None:
    known = SPLIT_NAMES.get(split.lower())
    if known is None:
        table.unknown_splits.add(split)
        return
    if not image or (name is None and known != "test"):
        table.incomplete.append(line)
        return
    path = os.path.normpath(os.path.join(table.root, image))  # noqa: PTH118 - there may be 1,000,000
    whole = os.path.abspath(path)  # noqa: PTH100
    before = table.places.get(whole)
    if before is not None:
        (table.repeated if before == (known, name) else table.contradicted).append(image)
        return
    table.places[whole] = (known, name)
    if "\0" in path:
        table.missing.append(image)
    elif not (table.outside or table.holds(whole)):
        table.escaping.append(image)
    elif not os.path.isfile(path):  # noqa: PTH113
        table.missing.append(image)
    else:
        table.found.setdefault(known, Found()).add([path], name)


def _in_order(names: set[str]) -> list[str]:
    """Numbers in the order of numbers, so that class 10 has label 10; other names as text."""
    if all(name.isdecimal() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)
