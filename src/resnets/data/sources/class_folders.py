"""One folder for each class, in one folder for each split or in no such folder.

A class is a folder; files beside the classes, hidden folders and what systems leave behind never
become one. What lies deeper belongs to the class above it.
"""

from __future__ import annotations

import os
from pathlib import Path

from resnets.data.dataset import Dataset
from resnets.data.sources import imagenet
from resnets.data.sources.binding import Found, bind
from resnets.data.sources.problems import listed, quoted
from resnets.data.sources.scanning import Listing, Scanner, visible

SPLIT_NAMES = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
"""What folders and manifests call the splits, in small letters."""

_ANNOTATIONS = {*imagenet.LABEL_FILES, "wnids.txt", "words.txt", "LOC_synset_mapping.txt"}


def read_class_folders(root: Path, *, follow_links: bool = False) -> Dataset:
    """Read a folder of class folders.

    Args:
        root: with or without folders for splits.
        follow_links: also those that lead outside.

    Raises:
        DataError: with all problems.
    """
    scanner = Scanner(root, follow_links)
    found: dict[str, Found] = {}
    where = imagenet.find_training(root)
    if has_splits(where):
        for split, folder in _split_folders(scanner, where).items():
            found[split] = _read_split(scanner, folder, split, found)
    else:
        found["train"] = _read_classes(scanner, scanner.read(root), "train")
    if not any(images.images for images in found.values()):
        scanner.tell_of_links()
    dataset = bind(
        root, "class folders", found, problems=scanner.problems, passed_over=scanner.passed_over
    )
    return imagenet.give_names(dataset)


def has_splits(root: Path) -> bool:
    """Whether folders are splits: a class, too, can be called 'train'."""
    listing = visible(root)
    named = [entry for entry in listing.folders if entry.name.lower() in SPLIT_NAMES]
    if any(visible(entry.path).folders for entry in named):
        return True
    splits = {SPLIT_NAMES[entry.name.lower()] for entry in named}
    return len(splits) > 1 or (bool(named) and len(listing.folders) == 1)


def _split_folders(scanner: Scanner, where: Path) -> dict[str, str]:
    """The folder of each split, the training split first."""
    listing = scanner.read(where)
    folders: dict[str, str] = {}
    for entry in listing.folders:
        split = SPLIT_NAMES.get(entry.name.lower())
        if split is None:
            scanner.pass_over(entry.path, "not a split")
        elif split in folders:
            both = f"{quoted(Path(folders[split]).name)} and {quoted(entry.name)}"
            scanner.problems.append(f"{both} are both the {split} split; keep one")
        else:
            folders[split] = entry.path
    _pass_over_strays(scanner, listing)
    return {split: folders[split] for split in ("train", "val", "test") if split in folders}


def _read_split(scanner: Scanner, folder: str, split: str, found: dict[str, Found]) -> Found:
    already = len(scanner.passed_over)
    listing = scanner.read(folder)
    if scanner.passed_over[already:] and scanner.passed_over[already].path == Path(folder):
        scanner.problems.append(f"{split} is a link to another split: it has the same images")
        return Found()
    names = {entry.name for entry in listing.folders}
    known = set(found["train"].classes) if "train" in found else set()
    if split == "train" or (names and not (names == {"images"} and "images" not in known)):
        return _read_classes(scanner, listing, split)
    return _read_flat(scanner, listing, folder, split, sorted(name for name in known if name))


def _read_classes(scanner: Scanner, listing: Listing, split: str) -> Found:
    found = Found()
    for entry in listing.folders:
        images = scanner.images(entry.path)
        found.add(images, entry.name)
        if not images and split == "train":
            found.empty.append(entry.name)
        elif not images:
            scanner.pass_over(entry.path, "a class without images")
    if not listing.folders:
        scanner.problems.append(f"{split} has no folder for each class")
    _pass_over_strays(scanner, listing)
    return found


def _read_flat(scanner: Scanner, listing: Listing, folder: str, split: str, classes: list[str]) -> Found:
    """Read a split whose images lie in one folder, with a file of labels or none."""
    files = [entry for entry in listing.files if entry.name not in _ANNOTATIONS]
    images = scanner.pick_images(files)
    for entry in listing.folders:
        images.extend(scanner.images(entry.path))
    labels = imagenet.read_labels(folder, scanner.root, classes) if split == "val" else None
    if labels is None:
        if split == "val":
            scanner.problems.append(
                f"{split} has no folder for each class, and no file of labels beside it "
                f"({', '.join(imagenet.LABEL_FILES)})"
            )
            return Found()
        return Found(images, [None] * len(images))
    found = Found()
    unlabelled = []
    for image in images:
        name = os.path.basename(image)  # noqa: PTH119 - there may be 50,000
        if name in labels:
            found.add([image], labels[name])
        else:
            unlabelled.append(name)
    if unlabelled:
        scanner.problems.append(f"the file of labels of {split} lacks {listed(unlabelled)}")
    return found


def _pass_over_strays(scanner: Scanner, listing: Listing) -> None:
    for entry in listing.files:
        scanner.pass_over(entry.path, "labels" if entry.name in _ANNOTATIONS else "stray file")
