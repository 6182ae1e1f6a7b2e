"""Checking a data set before it is trusted: every problem in it, all at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from resnets.data.class_checks import Counts, check_classes, check_label_leaks, count_classes
from resnets.data.copy_checks import check_copies
from resnets.data.dataset import Dataset
from resnets.data.decode_policy import DecodePolicy
from resnets.data.duplicates import Duplicate, find_duplicates, find_exact
from resnets.data.file_checks import check_files, check_passed_over, check_problems
from resnets.data.findings import SEVERITIES, DataReport, Evidence, Finding
from resnets.data.inspection import Inspection, inspect_dataset

Progress = Callable[[str, int, int], None]
"""Is called with what is going on, how much of it is done, and how much there is."""


def check(
    dataset: Dataset,
    *,
    workers: int | None = None,
    near_duplicates: bool = True,
    policy: DecodePolicy | None = None,
    on_progress: Progress | None = None,
) -> DataReport:
    """Check a data set; nothing in it is changed.

    Every image is decoded whole, once. Memory grows by 1.3 kB for each image, whatever its size. Exact
    copies cost nothing more; near-duplicates compare all images with all, which takes a processor two
    or three minutes for 100,000 images and a hundred times as long for a million.

    Args:
        dataset: from `open_dataset`, or what there is of it (`UnfitDataError.dataset`).
        workers: threads that decode; by default one for each processor.
        near_duplicates: look for images that are nearly the same, too.
        policy: how images are decoded.
        on_progress: is called now and then.
    """
    start = time.monotonic()
    decoding, comparing = _named(on_progress, "decoding"), _named(on_progress, "comparing")
    images = inspect_dataset(dataset, workers=workers, policy=policy, on_progress=decoding)
    pairs = _duplicates(images, near_duplicates=near_duplicates, on_progress=comparing)
    counts = count_classes(images, len(dataset.class_names))
    findings = sorted(
        _all_findings(dataset, images, pairs, counts),
        key=lambda finding: SEVERITIES.index(finding.severity),
    )
    return DataReport(
        name=dataset.name,
        kind=dataset.kind,
        root=str(dataset.root),
        class_names=dataset.class_names,
        class_counts={split: tuple(number.tolist()) for split, number in counts.items()},
        findings=tuple(findings),
        num_images=len(images),
        seconds=time.monotonic() - start,
        evidence=Evidence(dataset, images, pairs, policy or DecodePolicy()),
    )


def _all_findings(
    dataset: Dataset, images: Inspection, pairs: list[Duplicate], counts: Counts
) -> Iterator[Finding]:
    yield from check_problems(dataset.problems)
    yield from check_copies(images, pairs)
    yield from check_files(images)
    yield from check_classes(counts, dataset.class_names)
    yield from check_label_leaks(images, dataset.class_names)
    yield from check_passed_over(dataset.passed_over, dataset.root)


def _duplicates(
    images: Inspection, *, near_duplicates: bool, on_progress: Callable[[int, int], None] | None
) -> list[Duplicate]:
    """Compare the usable images; bad files that are the same say nothing about pictures."""
    usable = np.flatnonzero(images.usable).tolist()
    digests = [[digests[i] for i in usable] for digests in (images.file_digests, images.pixel_digests)]
    signatures = images.signatures[usable]
    if near_duplicates:
        pairs = find_duplicates(signatures, digests, on_progress=on_progress)
    else:
        pairs = find_exact(len(usable), digests)
    return [
        Duplicate(usable[pair.a], usable[pair.b], pair.kind, pair.score, pair.mirrored) for pair in pairs
    ]


def _named(on_progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    if on_progress is None:
        return None
    return lambda done, total: on_progress(what, done, total)
