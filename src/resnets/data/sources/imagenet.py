"""ImageNet and Tiny-ImageNet: folders named by WordNet ids, and validation images in one folder.

Their labels stand in a file beside them: `val_annotations.txt` (Tiny-ImageNet), `LOC_val_solution.csv`
(Kaggle's ImageNet), `imagenet_2012_validation_synset_labels.txt` (TensorFlow's, one id for each image
in order), or `val.txt` (Caffe's, the index among the sorted ids).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from resnets.data.dataset import Dataset
from resnets.data.labels import label_set

LABEL_FILES = (
    "val_annotations.txt",
    "LOC_val_solution.csv",
    "imagenet_2012_validation_synset_labels.txt",
    "val.txt",
)

_LARGEST = 2**26
# Bytes; the 50,000 lines of ImageNet have 3 million.


def find_training(root: Path) -> Path:
    """Where train/ and val/ are: in the folder itself or, as Kaggle packs them, three levels down."""
    for below in ("ILSVRC/Data/CLS-LOC", "Data/CLS-LOC"):
        if (root / below / "train").is_dir():
            return root / below
    return root


def read_labels(folder: str, root: Path, classes: Sequence[str]) -> Mapping[str, str] | None:
    """Read the labels of images that lie in one folder.

    Args:
        folder: of the images' split.
        root: of the data set.
        classes: of the training split, sorted.

    Returns:
        The class of each file name; None if there is no file of labels.
    """
    for place in dict.fromkeys((Path(folder), Path(folder).parent, root)):
        for name in LABEL_FILES:
            file = place / name
            if file.is_file() and file.stat().st_size <= _LARGEST:
                return _READERS[name](file.read_text("utf-8", "replace"), classes)
    return None


def give_names(dataset: Dataset) -> Dataset:
    """Give classes that are called by WordNet ids their readable names, where all are known."""
    ids = dataset.class_names
    if not all(re.fullmatch(r"n\d{8}", name) for name in ids):
        return dataset
    for name in ("tiny_imagenet", "imagenet"):
        labels = label_set(name)
        readable = dict(zip(labels.ids or (), labels.names, strict=True))
        is_whole_tiny = name == "tiny_imagenet" and set(ids) == set(readable)
        if is_whole_tiny or (name == "imagenet" and set(ids) <= set(readable)):
            names = tuple(readable[each] for each in ids)
            return replace(dataset, kind=name, class_names=names, class_ids=ids)
    return dataset


def _tiny(text: str, classes: Sequence[str]) -> dict[str, str]:
    rows = (line.split("\t") for line in text.splitlines())
    return {row[0]: row[1].strip() for row in rows if len(row) > 1}


def _kaggle(text: str, classes: Sequence[str]) -> dict[str, str]:
    rows = (line.split(",") for line in text.splitlines()[1:])
    return {f"{row[0]}.JPEG": row[1].split()[0] for row in rows if len(row) > 1 and row[1].strip()}


def _tensorflow(text: str, classes: Sequence[str]) -> dict[str, str]:
    ids = text.split()
    return {f"ILSVRC2012_val_{i:08d}.JPEG": name for i, name in enumerate(ids, start=1)}


def _caffe(text: str, classes: Sequence[str]) -> dict[str, str]:
    rows = (line.split() for line in text.splitlines())
    return {
        os.path.basename(row[0]): classes[int(row[1])]  # noqa: PTH119 - a text, not a file
        for row in rows
        if len(row) == 2 and row[1].isdecimal() and int(row[1]) < len(classes)
    }


_READERS: Mapping[str, Callable[[str, Sequence[str]], Mapping[str, str]]] = dict(
    zip(LABEL_FILES, (_tiny, _kaggle, _tensorflow, _caffe), strict=True)
)
