"""From images with names of classes to a data set: the training split's classes bind all splits."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from resnets.data.dataset import Dataset, Labels, PassedOver, Split
from resnets.data.sources.problems import listed, quoted, refuse
from resnets.data.stored_images import StoredImages

SPLITS = ("train", "val", "test")


@dataclass
class Found:
    """The images of one split, as a source gives them.

    Attributes:
        images: paths, or images that are no files.
        classes: of each; None where the source does not tell.
        empty: names of classes that have no image.
    """

    images: list[str] | StoredImages = field(default_factory=list)
    classes: list[str | None] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def add(self, images: Sequence[str], name: str | None) -> None:
        """Add files of one class."""
        assert isinstance(self.images, list)
        self.images.extend(images)
        self.classes.extend([name] * len(images))


def bind(
    root: Path,
    kind: str,
    found: Mapping[str, Found],
    *,
    problems: Sequence[str] = (),
    passed_over: Sequence[PassedOver] = (),
    class_order: Sequence[str] | None = None,
) -> Dataset:
    """Make a data set of what a source found.

    Args:
        root: of the data set.
        kind: of the source.
        found: its splits.
        problems: that the source found.
        passed_over: what the source left out.
        class_order: of the training classes; by default, that of their names.

    Raises:
        DataError: with all problems; an `UnfitDataError` where there are training images nonetheless.
    """
    train = found.get("train", Found())
    counts = Counter(name for name in train.classes if name is not None)
    names = tuple(class_order or sorted({*counts, *train.empty}))
    problems = [*problems, *_check_classes(counts, found)]
    if counts:
        problems.extend(_check_other_splits(found, set(names)))
    dataset = Dataset(
        root.resolve().name,
        kind,
        root,
        names,
        _make_splits(found, names),
        passed_over=tuple(passed_over),
        problems=tuple(problems),
    )
    # A check finds by itself which classes are empty.
    empty = [f"classes without images: {listed(train.empty)}"] if train.empty else []
    refuse(root, [*empty, *problems], dataset if counts else None)
    return dataset


def _make_splits(found: Mapping[str, Found], names: Sequence[str]) -> dict[str, Split]:
    index = {name: i for i, name in enumerate(names)}
    splits = {}
    for split in (name for name in SPLITS if name in found):
        labels = np.array([index.get(name or "", -1) for name in found[split].classes], np.int64)
        images = found[split].images
        if isinstance(images, StoredImages):
            splits[split] = Split(split, images, labels, images.shards)
        else:
            splits[split] = Split(split, [Path(image) for image in images], labels)
    return splits


def check_labels(labels: Labels, num_classes: int, split: str) -> list[str]:
    """Say which labels are no class.

    Args:
        labels: of a split.
        num_classes: 0 to this, less one, are allowed.
        split: its name.
    """
    wrong = np.unique(labels[(labels < 0) | (labels >= num_classes)])
    if not len(wrong):
        return []
    return [f"{split} has labels outside 0 to {num_classes - 1}: {listed(wrong.tolist())}"]


def twins(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Names that differ only in case, or in how letters with accents are written."""
    alike: dict[str, list[str]] = {}
    for name in sorted(names):
        alike.setdefault(fold(name), []).append(name)
    return [tuple(group) for group in alike.values() if len(group) > 1]


def fold(name: str) -> str:
    """What names have in common that some file systems take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _check_classes(counts: Mapping[str, int], found: Mapping[str, Found]) -> list[str]:
    problems = []
    if "train" not in found:
        only = f", only {listed(sorted(found))}" if found else ""
        problems.append(f"there is no training split{only}")
    elif not counts:
        problems.append("there is no image with a class in the training split")
    elif len(counts) == 1:
        problems.append(f"there is only one class, {quoted(*counts)}; a classifier needs two")
    problems.extend(_describe_twins(group) for group in twins(list(counts)))
    garbled = [name for name in counts if not _is_text(name)]
    if garbled:
        problems.append(f"names of classes are not valid UTF-8: {listed(sorted(garbled))}")
    return problems


def _check_other_splits(found: Mapping[str, Found], known: set[str]) -> list[str]:
    folded = {fold(name): name for name in known}
    problems = []
    for split, images in found.items():
        counts = Counter(images.classes)
        if split != "test" and counts[None]:
            problems.append(f"{split} has {_images(counts[None])} without a class")
        unknown = sorted(name for name in counts if name is not None and name not in known)
        if unknown:
            told = ", ".join(_describe_unknown(name, counts[name], folded) for name in unknown)
            problems.append(f"{split} has classes that train lacks: {told}")
    return problems


def _describe_twins(group: tuple[str, ...]) -> str:
    same = len({unicodedata.normalize("NFC", name) for name in group}) == 1
    how = "in how their accents are written" if same else "in case"
    shown = ", ".join(ascii(name) if same else quoted(name) for name in group)
    return f"classes {shown} differ only {how}; give them one name"


def _describe_unknown(name: str, count: int, folded: Mapping[str, str]) -> str:
    twin = folded.get(fold(name))
    there = f", in train {twin!a}" if twin else ""
    return f"{ascii(name) if twin else quoted(name)} ({_images(count)}{there})"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
