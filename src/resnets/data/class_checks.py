"""Checks of classes: empty, missing in a split, few, out of balance, or told by more than pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnets.data.dataset import Labels
from resnets.data.file_checks import SHOWN, plural
from resnets.data.findings import Example, Finding, Severity
from resnets.data.inspection import Facts, Inspection

Counts = Mapping[str, NDArray[np.int64]]
"""Usable images of each class, for each split."""

_FEW = 20
_NOTED, _WARNED = 10, 100
# Images of the largest class to those of the smallest.
_LEAK_SHARE, _LEAK_TIMES, _LEAK_LEAST = 0.05, 10, 5
# Of a class; how much more often than elsewhere; images.

_TRAITS: Mapping[str, tuple[str, Callable[[Facts], str]]] = {
    "mode": ("colour mode", lambda facts: facts.mode),
    "format": ("file format", lambda facts: facts.format),
    "size": ("size in pixels", lambda facts: "{}x{}".format(*facts.size)),
    "rotation": ("EXIF orientation", lambda facts: str(facts.orientation)),
}


def count_classes(images: Inspection, num_classes: int) -> Counts:
    """Count the usable images of each class.

    Args:
        images: of a data set.
        num_classes: of the data set.
    """
    usable = images.usable & (images.labels >= 0)
    return {
        split: np.bincount(images.labels[usable & (images.splits == i)], minlength=num_classes)
        for i, split in enumerate(images.split_names)
    }


def check_classes(counts: Counts, class_names: tuple[str, ...]) -> Iterator[Finding]:
    """Say what is wrong with the numbers of images.

    Args:
        counts: of usable images.
        class_names: in the order of their labels.
    """
    train = counts["train"]
    yield from _listed(
        class_names,
        np.flatnonzero(train == 0),
        "empty-class",
        "error",
        "{} without a usable training image",
        "Add images or remove the class.",
    )
    for split, number in counts.items():
        # A split without any label, such as the test images of a competition, lacks no class.
        if split != "train" and number.any():
            yield from _listed(
                class_names,
                np.flatnonzero((number == 0) & (train > 0)),
                "class-missing",
                "error",
                f"{{}} in train but not in {split}: accuracy on {split} says nothing about that",
                f"Add images of them to {split}, or divide the images anew.",
            )
    few = np.flatnonzero((train > 0) & (train < _FEW))
    yield from _listed(
        class_names,
        few,
        "few-images",
        "warning",
        f"{{}} with fewer than {_FEW} training images",
        "Results on them are left to chance; add images, or join classes.",
        [plural(int(train[i]), "image") for i in few],
    )
    yield from _imbalance(train, class_names)


def check_label_leaks(images: Inspection, class_names: tuple[str, ...]) -> Iterator[Finding]:
    """Find what tells a class without looking at the picture, and so teaches a network nothing.

    A mode, format, size or EXIF tag that more than 5 % of a class have, ten times more often than the
    rest of the training images.

    Args:
        images: of a data set.
        class_names: in the order of their labels.
    """
    train = images.split_names.index("train")
    chosen = np.flatnonzero(images.usable & (images.labels >= 0) & (images.splits == train)).tolist()
    for trait, (words, value_of) in _TRAITS.items():
        values = [value_of(images.facts[i]) for i in chosen]
        cases = _leaks(images.labels[chosen], values)
        if cases:
            examples = tuple(
                Example((images.names[chosen[case.first]],), case.describe(class_names[case.label]))
                for case in cases[:SHOWN]
            )
            count = len({case.label for case in cases})
            yield Finding(
                f"leak-by-{trait}",
                "warning",
                f"{plural(count, 'class', 'classes')} that the {words} gives away",
                count,
                "A network may learn this instead of the picture, and fail on images from elsewhere: "
                "bring all classes into the same form, from the same sources.",
                examples,
            )


@dataclass(frozen=True)
class _Leak:
    """A value that one class has far more often than the others: how often, and first where."""

    label: int
    value: str
    share: float
    elsewhere: float
    first: int

    def describe(self, name: str) -> str:
        here, there = 100 * self.share, 100 * self.elsewhere
        return f"{name}: {here:.0f} % are {self.value}, of the other classes {there:.1f} %"


def _leaks(labels: Labels, values: Sequence[str]) -> list[_Leak]:
    """Find values that tell a class, the clearest first."""
    if not values:
        return []
    kinds, coded = np.unique(values, return_inverse=True)
    sizes = np.bincount(labels)
    pairs, firsts, together = np.unique(
        labels * len(kinds) + coded, return_index=True, return_counts=True
    )
    owners, which = np.divmod(pairs, len(kinds))
    share = together / sizes[owners]
    rest = (np.bincount(coded)[which] - together) / np.maximum(len(values) - sizes[owners], 1)
    leaks = (together >= _LEAK_LEAST) & (share > _LEAK_SHARE) & (share >= _LEAK_TIMES * rest)
    leaks &= sizes[owners] < len(values)
    order = sorted(np.flatnonzero(leaks).tolist(), key=lambda i: -float(share[i]))
    return [
        _Leak(int(owners[i]), str(kinds[which[i]]), float(share[i]), float(rest[i]), int(firsts[i]))
        for i in order
    ]


def _listed(
    class_names: tuple[str, ...],
    which: NDArray[np.int64],
    code: str,
    severity: Severity,
    sentence: str,
    advice: str,
    notes: list[str] | None = None,
) -> Iterator[Finding]:
    if len(which):
        texts = [class_names[i] for i in which]
        if notes:
            texts = [f"{name}: {note}" for name, note in zip(texts, notes, strict=True)]
        yield Finding(
            code,
            severity,
            sentence.format(plural(len(which), "class", "classes")),
            len(which),
            advice,
            tuple(Example(note=text) for text in texts[:SHOWN]),
        )


def _imbalance(train: NDArray[np.int64], class_names: tuple[str, ...]) -> Iterator[Finding]:
    present = np.flatnonzero(train)
    if len(present) < 2:
        return
    large = present[train[present].argmax()]
    small = present[train[present].argmin()]
    ratio = train[large] / train[small]
    if ratio > _NOTED:
        yield Finding(
            "imbalance",
            "warning" if ratio > _WARNED else "note",
            f"the largest class has {ratio:,.0f} times as many training images as the smallest",
            2,
            "Judge by balanced accuracy, and consider weights for the classes: guessing the largest "
            "class already gives a high plain accuracy.",
            tuple(
                Example(note=f"{class_names[i]}: {plural(int(train[i]), 'image')}")
                for i in (large, small)
            ),
        )
