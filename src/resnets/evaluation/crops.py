"""Five views of each image: the middle and the four corners, as in Krizhevsky et al. 2012, sec. 4.1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from resnets.data.batches import Batch
from resnets.data.dataset import Split
from resnets.data.decoding import Pixels
from resnets.data.order import num_steps
from resnets.data.packed import PackedSplit
from resnets.data.preprocessing import decode_for, fit
from resnets.data.preprocessing_policy import Preprocessing
from resnets.data.reading import ReadImages, attempt, to_luma
from resnets.data.reading_processes import Readers, usual_workers
from resnets.data.stored_images import ImageFile
from resnets.errors import DataError, ImageError

PLACES = ("middle", "top left", "top right", "bottom left", "bottom right")


class FiveCrops:
    """Reads a split in its own order, with five views of each image, one after the other.

    Args:
        split: what to read.
        preprocessing: of the network; its fit is 'crop'.
        batch_size: images of one step.
        workers: processes that read, 0 for none. [one for each core, at most 8]

    Raises:
        DataError: if a packed file holds nothing but the middle of its images.
    """

    def __init__(
        self,
        split: Split | PackedSplit,
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        workers: int | None = None,
    ) -> None:
        if isinstance(split, PackedSplit) and split.shown is not None:
            raise DataError(
                f"the packed data set {str(split.path)!r} holds the middle of each image: evaluate five "
                "crops on the data that it was packed from"
            )
        self._labels = torch.from_numpy(split.labels)
        self._batch_size = batch_size
        images = split if isinstance(split, PackedSplit) else split.images
        self._readers = Readers(
            partial(_read, images, preprocessing),
            workers=usual_workers() if workers is None else workers,
        )

    @property
    def num_steps(self) -> int:
        """Batches of an epoch."""
        return num_steps(len(self._labels), batch_size=self._batch_size)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Read the batches.

        Args:
            epoch: that they are said to belong to; all are alike.

        Raises:
            ImageError: if an image cannot be used.
        """
        places = np.arange(len(self._labels))
        size = self._batch_size
        tasks = [places[step * size : (step + 1) * size] for step in range(self.num_steps)]
        for step, read in enumerate(self._readers.run(tasks)):
            if read.failures:
                raise next(iter(read.failures.values()))
            indices = torch.from_numpy(tasks[step])
            images = read.images.permute(0, 3, 1, 2)  # (5N, H, W, C) -> (5N, C, H, W)
            yield Batch(images, self._labels[indices], indices, epoch, step)

    def close(self) -> None:
        """End the processes that read."""
        self._readers.close()


def _read(
    images: Sequence[ImageFile] | Pixels | PackedSplit,
    preprocessing: Preprocessing,
    indices: NDArray[np.int64],
) -> ReadImages:
    size, failures = preprocessing.image_size, {}
    pixels = np.empty((len(indices), len(PLACES), size, size, 3), np.uint8)
    for position, index in enumerate(indices.tolist()):
        try:
            decoded = attempt(partial(decode_for, images[index], preprocessing))
        except ImageError as error:
            failures[position] = error
            continue
        for view, place in enumerate(PLACES):
            pixels[position, view] = fit(decoded, preprocessing, place=place)
    seen = pixels.reshape(-1, size, size, 3)
    if preprocessing.channels == "L":
        seen = to_luma(seen)
    return ReadImages(torch.from_numpy(seen), failures)
