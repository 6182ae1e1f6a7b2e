"""Checking a folder also where training would refuse it, so that everything wrong is told at once."""

from __future__ import annotations

import os

from resnets.data.checked_opening import open_checked
from resnets.data.checking import Progress, check
from resnets.data.dataset import UnfitDataError
from resnets.data.decode_policy import DecodePolicy
from resnets.data.findings import DataReport


def check_anyway(
    path: str | os.PathLike[str],
    *,
    near_duplicates: bool = True,
    policy: DecodePolicy | None = None,
    on_progress: Progress | None = None,
) -> DataReport:
    """Open a data set and check it; what keeps it from being used is among the findings.

    Args:
        path: as for `open_dataset`.
        near_duplicates: look for images that are nearly the same, too.
        policy: how images are decoded.
        on_progress: is called now and then.

    Raises:
        DataError: if there are no training images with classes at all.
    """
    try:
        _, report = open_checked(
            path, near_duplicates=near_duplicates, policy=policy, on_progress=on_progress
        )
    except UnfitDataError as error:
        report = check(
            error.dataset, near_duplicates=near_duplicates, policy=policy, on_progress=on_progress
        )
    return report
