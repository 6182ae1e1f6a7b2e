"""Opening a data set and checking it in one go: a split made here keeps near-duplicates together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from resnets.data.checking import Progress, check
from resnets.data.dataset import Dataset
from resnets.data.decode_policy import DecodePolicy
from resnets.data.duplicates import duplicate_groups
from resnets.data.findings import DataReport
from resnets.data.opening import open_dataset
from resnets.data.splitting import STAYS, Groups, choose_validation, ensure_validation, names_of
from resnets.errors import DataError


def open_checked(
    data: str | os.PathLike[str] | Dataset,
    *,
    seed: int = 0,
    val_share: float = 0.2,
    needs_val: bool = False,
    near_duplicates: bool = True,
    policy: DecodePolicy | None = None,
    on_progress: Progress | None = None,
) -> tuple[Dataset, DataReport]:
    """Open a data set, make its validation split if it has none, and check it.

    Where the split would part images that are nearly the same, or take images that cannot be used, it is
    made once more with those on one side and these in training, and checked again.

    Args:
        data: as for `open_dataset`, or a data set as it was found.
        seed: of the validation split, if it is made here.
        val_share: of each class that goes there, 0 to 1; 0 makes none.
        needs_val: make one also where there is a test split, but none for validation.
        near_duplicates: look for images that are nearly the same, too.
        policy: how images are decoded.
        on_progress: is called now and then.
    """
    given = data if isinstance(data, Dataset) else open_dataset(data, val_share=0.0)
    draw = partial(ensure_validation, given, share=val_share, seed=seed, needs_val=needs_val)
    dataset = draw()
    look = partial(check, near_duplicates=near_duplicates, policy=policy, on_progress=on_progress)
    report = look(dataset)
    if dataset is given:
        return dataset, report
    chosen = choose_validation(given, share=val_share, seed=seed)
    names = dict.fromkeys(dataset.splits, np.empty(0, object))
    names["train"], names["val"] = (np.array(names_of(given), object)[m] for m in (~chosen, chosen))
    groups = _groups_to_keep(report, names)
    if not groups:
        return dataset, report
    try:
        dataset = draw(groups=groups)
    except DataError:  # nothing would be left for one side: the report says what the split parts
        return dataset, report
    return dataset, look(dataset)


def _groups_to_keep(report: DataReport, drawn: Mapping[str, NDArray[np.object_]]) -> Groups:
    """All groups of like images and all images that cannot be used, if the split is wrong about any.

    Args:
        report: of the data set.
        drawn: names of the images that were divided, by split, in its order; others have none.
    """
    images = report.evidence.images
    names: list[str | None] = []
    for split, split_name in enumerate(images.split_names):
        given = drawn[split_name].tolist()
        names += given or [None] * int((images.splits == split).sum())
    groups = [
        members
        for group in duplicate_groups(report.evidence.duplicates, len(images))
        if len(members := [i for i in group if names[i] is not None]) > 1
    ]
    unusable = [i for i in np.flatnonzero(~images.usable).tolist() if names[i] is not None]
    val = images.split_names.index("val")
    is_parted = any(len(set(images.splits[group].tolist())) > 1 for group in groups)
    if not is_parted and not (images.splits[unusable] == val).any():
        return {}
    together = {str(names[i]): number for number, group in enumerate(groups) for i in group}
    return together | {str(names[i]): STAYS for i in unusable}
