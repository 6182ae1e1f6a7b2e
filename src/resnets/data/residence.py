"""Small data sets live in memory: decoded once, as evaluation shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from resnets.data.dataset import Split
from resnets.data.loading import Loader, LoadingOptions, Skipped
from resnets.data.preprocessing_policy import Preprocessing

_CHANNELS = 3
# Pixels are kept as RGB; a network of one channel gets them as luma from its loader.


def size_in_memory(num_images: int, preprocessing: Preprocessing) -> int:
    """Bytes that decoded images take.

    Args:
        num_images: to keep.
        preprocessing: of the network.
    """
    return num_images * preprocessing.image_size**2 * _CHANNELS


def as_shown(preprocessing: Preprocessing) -> Preprocessing:
    """What is left to do to images that `read_into_memory` gave: nothing but the colours.

    Args:
        preprocessing: of the network.
    """
    return preprocessing.model_copy(update={"fit": "crop", "resize_size": None})


def read_into_memory(
    split: Split,
    preprocessing: Preprocessing,
    *,
    skip_unusable: bool,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Split, Sequence[Skipped]]:
    """Decode the images of a split, once and for all.

    Args:
        split: of files.
        preprocessing: of the network; each image becomes what evaluation shows of it.
        skip_unusable: leave out images that cannot be used, up to 1 %; else the first one is an error.
        workers: processes that decode. [one for each core, at most 8]
        on_progress: called with the images that are done and their number.

    Returns:
        The split with its pixels, and what was left out of it.

    Raises:
        ImageError: if an image cannot be used, where none may be skipped.
        DataError: if more than 1 % had to be skipped.
    """
    options = LoadingOptions(batch_size=256, workers=workers, skip_unusable=skip_unusable)
    colour = preprocessing.model_copy(
        update={"channels": "RGB", "mean": (0.0,) * _CHANNELS, "std": (1.0,) * _CHANNELS}
    )
    side = preprocessing.image_size
    pixels = np.empty((len(split), side, side, _CHANNELS), np.uint8)
    labels = np.empty(len(split), np.int64)
    shards = None if split.shards is None else np.empty(len(split), np.int64)
    count = 0
    with Loader(split, colour, options) as loader:
        for batch in loader.epoch(0):
            place = slice(count, count + len(batch))
            pixels[place] = batch.images.permute(0, 2, 3, 1).numpy()
            labels[place] = batch.labels.numpy()
            if shards is not None and split.shards is not None:
                shards[place] = split.shards[batch.indices.numpy()]
            count += len(batch)
            if on_progress:
                on_progress(count, len(split))
        skipped = tuple(loader.skipped)
    kept = None if shards is None else shards[:count]
    return Split(split.name, pixels[:count], labels[:count], kept), skipped
