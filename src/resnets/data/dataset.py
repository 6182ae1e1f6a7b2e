"""A data set: splits of images with labels, and the names that bind all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from resnets.data.decoding import Pixels
from resnets.data.stored_images import ImageFile
from resnets.errors import DataError

Labels: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Images with labels.

    Attributes:
        name: 'train', 'val' or 'test'.
        images: files or what is read like them, or pixels (N, H, W) or (N, H, W, 3), uint8.
        labels: (N,), indices of `Dataset.class_names`; -1 where a label is not known.
        shards: (N,), the number of the shard that each image comes from, which the order of an epoch
            depends on, wherever the images are kept; None if they come from none.
    """

    name: str
    images: Sequence[ImageFile] | Pixels
    labels: Labels
    shards: NDArray[np.int64] | None = None

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
            'cifar10', 'cifar100', 'idx', 'shards', 'hugging face' or 'arrays'.
        root: the folder or file that it came from.
        class_names: those of the training split, in the order of their labels.
        class_ids: what the data set itself calls them where that is not readable (WordNet ids); else
            empty.
        splits: by name; 'train' is always there.
        passed_over: what was found and not taken.
        split_origin: who divided it: 'given', or how it was done here, with the seed.
        groups: of images that were kept together there (`resnets.data.splitting.Groups`).
        problems: why it cannot be used as it is, a sentence each; only in an `UnfitDataError`.
    """

    name: str
    kind: str
    root: Path
    class_names: tuple[str, ...]
    splits: Mapping[str, Split]
    class_ids: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    split_origin: str = "given"
    groups: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class UnfitDataError(DataError):
    """A data set that cannot be used as it is, though most of it may be fine.

    Args:
        message: with all problems.
        dataset: what there is of it, for a check to look at; classes may have no images there, and
            images of classes that training lacks have no label.
    """

    def __init__(self, message: str, dataset: Dataset) -> None:
        self.dataset = dataset
        super().__init__(message)


def too_many_unusable(num_unusable: int, num_images: int) -> bool:
    """Whether a training stops because of its images that cannot be used: above 1 % of them.

    Args:
        num_unusable: images of them that cannot be used.
        num_images: of training.
    """
    return num_unusable * 100 > num_images
