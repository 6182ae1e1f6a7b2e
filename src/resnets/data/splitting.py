"""Taking a validation split out of the training images: stratified, repeatable, groups kept together.

Each image draws its place from the seed and its own name, so that a new file moves few others, and the
split is the same on every machine. Of each class, the images with the smallest numbers go to val.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from resnets.data.dataset import Dataset, Labels, Split
from resnets.data.decoding import Pixels
from resnets.data.sources.scanning import is_folder
from resnets.data.stored_images import ImageFile, StoredImages
from resnets.errors import ConfigError, DataError, printable

Groups: TypeAlias = Mapping[str, int]
"""Which images of the training split belong together: by their names (`names_of`) the numbers of their
groups, or `STAYS`. What is not there is alone."""

STAYS = -1
"""Instead of the number of a group: never for validation, such as an image that cannot be used."""


@dataclass(frozen=True)
class _Unit:
    """Images that stay together."""

    place: bytes
    members: tuple[int, ...]
    classes: Mapping[int, int]


def ensure_validation(
    dataset: Dataset,
    *,
    share: float,
    seed: int = 0,
    needs_val: bool = False,
    groups: Groups | None = None,
) -> Dataset:
    """Give a data set a validation split, if nothing but training images is given.

    Args:
        dataset: as it was found.
        share: of each class that goes to val, 0 to 1; 0 makes none.
        seed: another seed gives another split.
        needs_val: make one also where there is a test split, but none for validation.
        groups: of near-duplicates.

    Raises:
        ConfigError: if `share` is no such number.
        DataError: if no class has images for both.
    """
    given = [name for name, split in dataset.splits.items() if (split.labels >= 0).any()]
    if share and (len(given) == 1 or (needs_val and "val" not in given)):
        return with_validation(dataset, share=share, seed=seed, groups=groups)
    return dataset


def with_validation(
    dataset: Dataset, *, share: float = 0.2, seed: int = 0, groups: Groups | None = None
) -> Dataset:
    """Divide the training split of a data set into train and val.

    Args:
        dataset: without a validation split.
        share: of each class that goes to val, 0 to 1.
        seed: another seed gives another split.
        groups: of near-duplicates.

    Raises:
        ConfigError: if `share` is not between 0 and 1.
        DataError: if no class has images for both.
    """
    if not 0 < share < 1:
        raise ConfigError("the split", [f"val_share must be between 0 and 1, got {share!r}"])
    train, groups = dataset.splits["train"], groups or {}
    chosen = choose_validation(dataset, share=share, seed=seed, groups=groups)
    if not chosen.any():
        raise DataError(
            f"{printable(dataset.name)} cannot be divided into train and val: "
            "no class has two images that may be apart"
        )
    splits = dict(dataset.splits)
    splits["train"] = part_of(train, "train", ~chosen)
    splits["val"] = part_of(train, "val", chosen)
    together = "; groups kept together" if set(groups.values()) - {STAYS} else ""
    origin = f"val is {100 * share:g} % of each class, drawn here by seed {seed}{together}"
    in_order = sorted(splits.items(), key=lambda item: ("train", "val", "test").index(item[0]))
    return replace(dataset, splits=dict(in_order), split_origin=origin, groups=dict(groups))


def choose_validation(
    dataset: Dataset, *, share: float, seed: int, groups: Groups | None = None
) -> NDArray[np.bool_]:
    """Choose the training images that `with_validation` takes out, (N,).

    Args:
        dataset: without a validation split.
        share: as there.
        seed: as there.
        groups: as there.
    """
    names = names_of(dataset)
    belongs = [groups.get(name) for name in names] if groups else None
    return divide(names, dataset.splits["train"].labels, share=share, seed=seed, groups=belongs)


def divide(
    names: Sequence[str],
    labels: Labels,
    *,
    share: float,
    seed: int,
    groups: Sequence[Hashable | None] | None = None,
) -> NDArray[np.bool_]:
    """Choose the images of the validation split.

    Of a class with n images, share * n are chosen, to the nearest image, but at least one, and at
    least one is left; where groups are larger than that, as near as they allow.

    Args:
        names: of the images; they decide, with the seed.
        labels: their classes.
        share: to choose, 0 to 1.
        seed: another seed chooses others.
        groups: of each image; None where it is alone, `STAYS` where it may not be chosen.

    Shape:
        labels (N,) -> (N,)
    """
    units = _units(names, labels, seed, groups)
    classes = labels.tolist()
    sizes = Counter(classes[i] for unit in units for i in unit.members)
    room = {c: min(max(1, int(share * n + 0.5)), n - 1) for c, n in sizes.items()}
    spare = {c: n - 1 for c, n in sizes.items()}  # one stays in train
    chosen = np.zeros(len(names), np.bool_)
    filled: set[int] = set()

    def choose(unit: _Unit) -> None:
        chosen[list(unit.members)] = True
        filled.update(unit.classes)
        for label, count in unit.classes.items():
            room[label] -= count
            spare[label] -= count

    for unit in units:
        if all(room[label] >= count for label, count in unit.classes.items()):
            choose(unit)
    for label in sorted(set(sizes) - filled):
        # Every group of the class is larger than its share: the smallest that leaves one behind.
        fitting = [
            unit
            for unit in units
            if label in unit.classes and all(spare[c] >= n for c, n in unit.classes.items())
        ]
        if fitting and label not in filled:
            choose(min(fitting, key=lambda unit: len(unit.members)))
    return chosen


def _units(
    names: Sequence[str], labels: Labels, seed: int, groups: Sequence[Hashable | None] | None
) -> list[_Unit]:
    """Images and groups in the order of their draws."""
    together: dict[Hashable, list[int]] = {}
    for index in range(len(names)):
        group = None if groups is None else groups[index]
        if group == STAYS:
            continue
        together.setdefault(("alone", index) if group is None else ("group", group), []).append(index)
    places = [_draw(name, seed) for name in names]
    classes = labels.tolist()
    units = [
        _Unit(places[members[0]], (members[0],), {classes[members[0]]: 1})
        if len(members) == 1
        else _Unit(min(places[i] for i in members), tuple(members), Counter(classes[i] for i in members))
        for members in together.values()
    ]
    return sorted(units, key=lambda unit: unit.place)


def _draw(name: str, seed: int) -> bytes:
    text = f"{seed}\0{name}"
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def names_of(dataset: Dataset) -> list[str]:
    """What training images are called on every machine: their paths from the root, or their indices.

    Args:
        dataset: without a validation split that was drawn here.
    """
    images = dataset.splits["train"].images
    if isinstance(images, np.ndarray):
        return [str(index) for index in range(len(images))]
    return relative_names(images, dataset.root)


def relative_names(paths: Sequence[ImageFile], root: Path) -> list[str]:
    """Name images by their paths in the data set, with '/' between folders.

    Args:
        paths: of the images.
        root: of the data set, a folder or a file in it.
    """
    folder = root if is_folder(root) else root.parent
    start = f"{folder.as_posix().rstrip('/')}/" if str(folder) != "." else ""
    return [path.as_posix().removeprefix(start) for path in paths]


def part_of(split: Split, name: str, mask: NDArray[np.bool_]) -> Split:
    """Some of the images of a split.

    Args:
        split: to choose from.
        name: of the result.
        mask: (N,), which.
    """
    images: Sequence[ImageFile] | Pixels
    if isinstance(split.images, np.ndarray):
        images = split.images[mask]
    elif isinstance(split.images, StoredImages):
        images = split.images.take(mask)
    else:
        images = [split.images[i] for i in np.flatnonzero(mask).tolist()]
    shards = None if split.shards is None else split.shards[mask]
    return Split(name, images, split.labels[mask], shards)
