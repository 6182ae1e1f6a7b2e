"""A data set: splits of images with labels, and the names that bind all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from resnets.data.decoding import Pixels

Labels: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Images with labels.

    Attributes:
        name: 'train', 'val' or 'test'.
        images: paths of files, or pixels (N, H, W) or (N, H, W, 3), uint8.
        labels: (N,), indices of `Dataset.class_names`; -1 where a label is not known.
    """

    name: str
    images: Sequence[Path] | Pixels
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class PassedOver:
    """Something in a folder of data that is no part of the data set.

    Attributes:
        path: of the file or folder.
        reason: in a few words that a count can use: 'hidden', 'not an image', 'stray file'.
    """

    path: Path
    reason: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set.

    Attributes:
        name: of the folder, file or published set.
        kind: what it was taken for: 'class folders', 'manifest', 'tiny_imagenet', 'imagenet',
            'cifar10', 'cifar100', 'idx' or 'arrays'.
        root: the folder or file that it came from.
        class_names: those of the training split, in the order of their labels.
        class_ids: what the data set itself calls them where that is not readable (WordNet ids); else
            empty.
        splits: by name; 'train' is always there.
        passed_over: what was found and not taken.
        split_origin: who divided it: 'given', or how it was done here, with the seed.
    """

    name: str
    kind: str
    root: Path
    class_names: tuple[str, ...]
    splits: Mapping[str, Split]
    class_ids: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    split_origin: str = "given"
