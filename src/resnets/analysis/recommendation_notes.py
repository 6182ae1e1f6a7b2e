"""What a user should know beside a recommendation, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from resnets.analysis.candidates import Weights, known_classes, published_downloads
from resnets.analysis.timed_machine import busy_note
from resnets.analysis.weighing import Setting
from resnets.data.class_checks import check_classes
from resnets.data.file_checks import check_passed_over
from resnets.errors import printable
from resnets.reporting.words import sentence_list
from resnets.training.data_facts import DataFacts
from resnets.training.planning import Prepared

FEW = 20
"""Images of a class, below which no estimate is to be trusted."""

_PHOTO = 96
# Pixels from which published weights, which know photos, are worth their download.


def imbalance(facts: DataFacts) -> float | None:
    """Say how many times as many training images the largest class has as the smallest.

    Args:
        facts: of the data.

    Returns:
        None where the check of a data set would not speak of it.
    """
    counts = np.array(facts.class_counts)
    found = check_classes({"train": counts}, facts.class_names)
    if not any(finding.code == "imbalance" for finding in found):
        return None
    return float(counts.max() / counts[counts > 0].min())


def recommendation_notes(prepared: Prepared, where: Setting, weights: Weights) -> Iterator[str]:
    """What is noticed about the data without opening images, and what else there would be.

    Args:
        prepared: by the rules of `train`.
        where: see there.
        weights: that were looked at.
    """
    facts, dataset, shown = where.facts, where.dataset, prepared.settings.preprocessing
    assert shown is not None
    few = int(np.argmin(facts.class_counts))
    if (number := facts.class_counts[few]) < FEW:
        images = "1 image" if number == 1 else f"{number} images"
        yield (
            f"{images} in class '{printable(facts.class_names[few])}': too few for a trustworthy "
            f"estimate (need >= {FEW}). Showing the safest choice."
        )
    for name in known_classes(facts, shown):
        yield (
            f"{name}, which comes with this package, knows all of these classes; see how well: "
            f"resnets evaluate {name} {printable(where.given.data)}"
        )
    counts = {
        name: np.bincount(split.labels[split.labels >= 0], minlength=len(dataset.class_names))
        for name, split in dataset.splits.items()
    }
    findings = [
        *check_classes(counts, dataset.class_names),
        *check_passed_over(dataset.passed_over, dataset.root),
    ]
    for finding in findings:
        yield printable(finding.sentence)
    if imbalance(facts) is not None:
        yield (
            "these trainings weigh all images alike, as that gives the highest top-1, by which they are "
            "ranked; if small classes matter as much as large ones, add "
            "--set loss.class_weights=balanced"
        )
    yield (
        "images were not opened to look for damage and copies: "
        f"resnets data check {printable(where.given.data)}"
    )
    if weights == "here" and shown.image_size >= _PHOTO and shown.num_channels == 3:
        names = [f"{name} ({mib:.0f} MiB)" for name, mib in published_downloads() if mib]
        yield (
            f"published weights may do better, after a download: {sentence_list(names)}; "
            "--weights published ranks them, too"
        )
    if warning := busy_note():
        yield warning.partition(";")[0]
