"""What the choices for a training need to know of its data: counts, sizes, colours, and whose it is.

Sizes and colours are read from the headers of a sample, so that a data set of any size is looked at in
a second or two, and the same data set always gives the same answers.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from resnets.data.dataset import Dataset
from resnets.data.decoding import Pixels
from resnets.data.image_formats import SUPPORTED
from resnets.data.labels import label_set, label_sets
from resnets.data.stored_images import ImageFile, evenly, openable, spread_places

_SAMPLE = 500
# Images; the median and the 5th percentile of 500 are known well enough to choose between steps of 32.
_GREY_MODES = ("1", "L", "LA", "I", "I;16", "F")
_SIDES = {"cifar10": 32, "cifar100": 32, "fashion_mnist": 28, "mnist": 28, "tiny_imagenet": 64}
# Pixels, of data sets that are known by their classes and this.


@dataclass(frozen=True)
class DataFacts:
    """A data set in figures.

    Attributes:
        name: of the data set.
        known_as: the published data set that it is, by classes and size, such as 'cifar10'; else ''.
        class_names: in the order of their labels.
        class_counts: training images of each class.
        num_val: labelled images of validation.
        num_sampled: training images whose size was read.
        median_side: of their shorter sides, in pixels; 0 if none could be read.
        low_side: 5th percentile of the same.
        same_size: all of them are squares of one size.
        grey_share: of them without colour, as their headers say it.
        mean: of an array's channels, 0 to 1; empty for files, which are not decoded for it.
        std: likewise the standard deviation.
    """

    name: str
    known_as: str
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    num_val: int
    num_sampled: int
    median_side: int
    low_side: int
    same_size: bool
    grey_share: float
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def num_classes(self) -> int:
        """Of the data set, with those that have no training image."""
        return len(self.class_names)

    @property
    def num_train(self) -> int:
        """Labelled training images."""
        return sum(self.class_counts)

    @property
    def has_val(self) -> bool:
        """There is something to validate on."""
        return self.num_val > 0


def data_facts(dataset: Dataset) -> DataFacts:
    """Look at a data set.

    Args:
        dataset: from `open_dataset`; its training split is what is looked at.

    Example:
        >>> from resnets.data.sources.arrays import from_arrays
        >>> pixels = np.zeros((4, 28, 28), np.uint8)
        >>> data_facts(from_arrays({"train": (pixels, np.array([0, 1, 0, 1]))})).median_side
        28
    """
    train = dataset.splits["train"]
    val = dataset.splits.get("val")
    labels = train.labels[train.labels >= 0]
    seen = (
        _look_at_pixels(train.images)
        if isinstance(train.images, np.ndarray)
        else _look_at_files(train.images)
    )
    shorter = [min(size) for size in seen.sizes]
    median, low = (int(x) for x in np.percentile(shorter, (50, 5))) if shorter else (0, 0)
    same_size = len(set(seen.sizes)) == 1 and len(set(seen.sizes[0])) == 1
    return DataFacts(
        name=dataset.name,
        known_as=_known_as(dataset, side=median if same_size else 0),
        class_names=dataset.class_names,
        class_counts=tuple(np.bincount(labels, minlength=len(dataset.class_names)).tolist()),
        num_val=0 if val is None else int((val.labels >= 0).sum()),
        num_sampled=len(seen.sizes),
        median_side=median,
        low_side=low,
        same_size=same_size,
        grey_share=seen.num_grey / max(len(seen.sizes), 1),
        mean=seen.mean,
        std=seen.std,
    )


@dataclass(frozen=True)
class _Seen:
    """Of a sample: width and height of each image, and how many are grey."""

    sizes: Sequence[tuple[int, int]]
    num_grey: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


def _look_at_pixels(images: Pixels) -> _Seen:
    places = evenly(np.arange(len(images)), _SAMPLE)
    _, height, width = images.shape[:3]
    values = images[places].reshape(-1, 1 if images.ndim == 3 else images.shape[3]) / 255.0
    mean, std = (tuple(round(float(x), 4) for x in f(0)) for f in (values.mean, values.std))
    grey = len(places) if values.shape[1] == 1 else 0
    return _Seen([(width, height)] * len(places), grey, mean, std)


def _look_at_files(files: Sequence[ImageFile]) -> _Seen:
    sizes: list[tuple[int, int]] = []
    num_grey = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about large images: they are not decoded here
        for place in spread_places(files, _SAMPLE):
            try:
                with Image.open(openable(files[place]), formats=SUPPORTED) as image:
                    sizes.append(image.size)
                    num_grey += image.mode in _GREY_MODES
            except Exception:  # noqa: S112 - decoding it says what is wrong
                continue
    return _Seen(sizes, num_grey)


def _known_as(dataset: Dataset, *, side: int) -> str:
    """Recognise a data set by its classes and its size, however it is stored."""
    for name in label_sets():
        labels = label_set(name)
        classes = {*dataset.class_names}, {*dataset.class_ids}
        if side == _SIDES.get(name) and (
            {*labels.names} in classes or {*(labels.ids or "-")} in classes
        ):
            return name
    return ""
