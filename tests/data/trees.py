"""Writes small data sets: what counts are the names, not what is in the files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from resnets.data.dataset import Dataset
from resnets.data.decoding import Pixels
from resnets.errors import DataError


def write_tree(root: Path, content: Mapping[str, int | str | bytes]) -> Path:
    """Write files.

    Args:
        root: the folder; made if it is not there.
        content: for a folder, how many images are in it; for a file, its text.
    """
    root.mkdir(parents=True, exist_ok=True)
    for name, value in content.items():
        path = root / name
        if isinstance(value, int):
            path.mkdir(parents=True, exist_ok=True)
            for number in range(value):
                (path / f"{number}.jpg").write_bytes(f"{name} {number}".encode())
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(value.encode() if isinstance(value, str) else value)
    return root


def counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    """How many images of each class are in each split; '?' are those without one."""
    names = (*dataset.class_names, "?")
    return {
        split.name: {
            name: count
            for name, label in zip(names, (*range(len(names) - 1), -1), strict=True)
            if (count := int((split.labels == label).sum()))
        }
        for split in dataset.splits.values()
    }


def pixels(dataset: Dataset, split: str) -> Pixels:
    """The images of a split that are an array."""
    images = dataset.splits[split].images
    assert isinstance(images, np.ndarray)
    return images


def passed_over(dataset: Dataset, root: Path) -> dict[str, str]:
    """What was not taken, by its path in the data set, with the reason."""
    return {each.path.relative_to(root).as_posix(): each.reason for each in dataset.passed_over}


def assert_refused(call: Callable[[], object], text: str) -> None:
    """The call ends with exactly this message."""
    with pytest.raises(DataError, match=f"^{re.escape(text)}$"):
        call()
