"""Opening a data set and checking it in one go: a split made here keeps near-duplicates together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from resnets.data.checking import Progress, check
from resnets.data.dataset import Dataset
from resnets.data.duplicates import duplicate_groups
from resnets.data.findings import DataReport
from resnets.data.opening import open_dataset


def open_checked(
    path: str | os.PathLike[str],
    *,
    seed: int = 0,
    val_share: float = 0.2,
    needs_val: bool = False,
    near_duplicates: bool = True,
    on_progress: Progress | None = None,
) -> tuple[Dataset, DataReport]:
    """Open a data set and check it.

    Where the validation split is made here and would part images that are nearly the same, it is made
    once more with them on one side, and checked again.

    Args:
        path: as for `open_dataset`.
        seed: of the validation split, if it is made here.
        val_share: of each class that goes there, 0 to 1; 0 makes none.
        needs_val: make one also where there is a test split, but none for validation.
        near_duplicates: look for images that are nearly the same, too.
        on_progress: is called now and then.
    """
    open_with = partial(open_dataset, path, seed=seed, val_share=val_share, needs_val=needs_val)
    dataset = open_with()
    report = check(dataset, near_duplicates=near_duplicates, on_progress=on_progress)
    if dataset.split_origin == "given" or not (groups := _parted_groups(dataset, report)):
        return dataset, report
    dataset = open_with(groups=groups)
    return dataset, check(dataset, near_duplicates=near_duplicates, on_progress=on_progress)


def _parted_groups(dataset: Dataset, report: DataReport) -> Mapping[Path, int]:
    """Every group of like images, if the split parts one of them; images in memory are left alone."""
    images = report.evidence.images
    groups = duplicate_groups(report.evidence.duplicates, len(images))
    paths = [path for split in dataset.splits.values() for path in split.images]
    if not any(len(set(images.splits[group].tolist())) > 1 for group in groups):
        return {}
    return {
        path: number
        for number, group in enumerate(groups)
        for i in group
        if isinstance(path := paths[i], Path)
    }
