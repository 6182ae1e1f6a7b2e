"""Batches of a split, in an order that depends on the seed, the epoch and the step and nothing else.

Whatever holds the images (files, shards, a packed file, arrays) and however many processes read them,
the same (seed, epoch, step) gives the same bytes, so that a run resumes in the middle of an epoch as if
it had never stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Annotated, Self

import torch
from pydantic import Field

from resnets.config import Count, Settings, Switch
from resnets.data.batches import Batch
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.dataset import Split
from resnets.data.order import (
    Indices,
    balanced_order,
    batch_indices,
    epoch_order,
    image_seeds,
    num_steps,
    repeated,
    shard_order,
)
from resnets.data.packed import PackedSplit
from resnets.data.preprocessing_policy import Preprocessing
from resnets.data.reading import ImageReader, ReadImages, View, check_failures, make_reader
from resnets.data.reading_processes import Readers, usual_workers
from resnets.data.reading_threads import ReadingThreads
from resnets.data.shards.ahead import ShardsAhead
from resnets.data.shards.shard import ShardImages
from resnets.errors import ImageError


class LoadingOptions(Settings):
    """How a split is read.

    Attributes:
        batch_size: images of one step, over all processes of the training together.
        shuffle: another order in every epoch; else the split's own.
        balanced: every class equally often in every epoch, as often as the epoch is long.
        repeats: times that each image comes in a row, each time drawn anew; an epoch then shows the
            `repeats`-th part of the images.
        drop_last: leave out the last step if it is not full, unless it is the only one.
        crop: random boxes of the images, as for ImageNet; without, what evaluation shows.
        skip_unusable: leave out images that cannot be used, up to 1 % of an epoch; else the first one
            is an error. For training only.
        workers: processes that read, or threads where images are packed and random boxes are cut out of
            them; 0 for none. [one for each core, at most 8]
        prefetch: batches that each of them reads ahead.
    """

    batch_size: Count = 128
    shuffle: Switch = False
    balanced: Switch = False
    repeats: Count = 1
    drop_last: Switch = False
    crop: RandomResizedCrop | None = None
    skip_unusable: Switch = False
    workers: Annotated[int, Field(strict=True, ge=0)] | None = None
    prefetch: Count = 2


@dataclass(frozen=True)
class Skipped:
    """An image that was left out.

    Attributes:
        index: of the image in its split.
        error: why.
    """

    index: int
    error: ImageError


class Loader:
    """Reads a split in batches.

    Args:
        split: what to read.
        preprocessing: of the network.
        options: how to read.
        seed: of the run.
        rank: of this process among those that train together; each reads its share of every step.
        num_ranks: of those processes.

    Attributes:
        skipped: images left out of the epoch that is being read.

    Example:
        >>> import numpy as np
        >>> split = Split("train", np.zeros((10, 8, 8, 3), np.uint8), np.arange(10))
        >>> with Loader(split, Preprocessing(image_size=8), LoadingOptions(batch_size=4)) as loader:
        ...     [batch.indices.tolist() for batch in loader.epoch(0, start_step=1)]
        [[4, 5, 6, 7], [8, 9]]
    """

    def __init__(
        self,
        split: Split | PackedSplit,
        preprocessing: Preprocessing,
        options: LoadingOptions | None = None,
        *,
        seed: int = 0,
        rank: int = 0,
        num_ranks: int = 1,
    ) -> None:
        self.options = options or LoadingOptions()
        self.seed = seed
        self.skipped: list[Skipped] = []
        self._labels = torch.from_numpy(split.labels)
        self._shards = split.shards
        self._rank, self._num_ranks = rank, num_ranks
        images = split if isinstance(split, PackedSplit) else split.images
        self._fetched = images if isinstance(images, ShardImages) and images.are_remote else None
        reader = make_reader(images, View(preprocessing, self.options.crop))
        workers = usual_workers() if self.options.workers is None else self.options.workers
        read = partial(_read, reader, seed, len(split.labels))
        ahead = {
            "workers": 0 if reader.helpers == "none" else workers,
            "prefetch": self.options.prefetch,
        }
        self._readers: Readers[_Task, ReadImages] | ReadingThreads[_Task, ReadImages] = (
            ReadingThreads(read, **ahead) if reader.helpers == "threads" else Readers(read, **ahead)
        )

    @property
    def num_steps(self) -> int:
        """Steps of an epoch."""
        return num_steps(
            len(self._labels), batch_size=self.options.batch_size, drop_last=self.options.drop_last
        )

    def order(self, epoch: int) -> Indices:
        """The indices of an epoch's images, over all processes; larger by N for each repetition."""
        if self.options.balanced:
            order = balanced_order(self._labels.numpy(), seed=self.seed, epoch=epoch)
        else:
            count = len(self._labels)
            order = epoch_order(count, seed=self.seed, epoch=epoch, shuffle=self.options.shuffle)
        if self._shards is not None and (self.options.balanced or self.options.shuffle):
            order = order[shard_order(self._shards[order], seed=self.seed, epoch=epoch)]
        return repeated(order, self.options.repeats)

    def epoch(self, epoch: int, *, start_step: int = 0) -> Iterator[Batch]:
        """Read the batches of an epoch; one epoch at a time.

        Args:
            epoch: 0 or more.
            start_step: first step to read; those before are not read at all.

        Raises:
            ImageError: if an image cannot be used, where none may be skipped.
            DataError: if more than 1 % of the epoch's images had to be skipped.
            WorkerError: if a process that reads was killed.
            ResNetsError: if shards cannot be read.
        """
        order = self.order(epoch)
        self.skipped = []
        share = partial(batch_indices, order, rank=self._rank, num_ranks=self._num_ranks)
        tasks = [
            _Task(epoch, step, share(step, batch_size=self.options.batch_size))
            for step in range(start_step, self.num_steps)
        ]
        for task, read in zip(tasks, self._run(tasks), strict=True):
            indices = torch.from_numpy(task.indices)
            if read.failures:
                self._skip(task, read, num_images=-(-len(order) // self._num_ranks))
                used = [i for i in range(len(indices)) if i not in read.failures]
                indices = indices[used]
            images = read.images.permute(0, 3, 1, 2)  # (N, H, W, C) -> (N, C, H, W)
            labels = self._labels[indices % len(self._labels)]
            yield Batch(images, labels, indices, epoch, task.step)

    def _run(self, tasks: Sequence[_Task]) -> Iterator[ReadImages]:
        """Read tasks, and fetch the shards of those that follow meanwhile."""
        if self._fetched is None:
            yield from self._readers.run(tasks)
            return
        count, lead = len(self._labels), self._readers.lead
        with ShardsAhead(self._fetched, [task.indices % count for task in tasks], lead=lead) as ahead:
            # Processes that read are forked at the first task, before there are threads here.
            for number, read in enumerate(self._readers.run(tasks)):
                ahead.go_on(number)
                yield read

    def _skip(self, task: _Task, read: ReadImages, *, num_images: int) -> None:
        for position, error in read.failures.items():
            self.skipped.append(Skipped(int(task.indices[position]) % len(self._labels), error))
        errors = [skipped.error for skipped in self.skipped]
        check_failures(errors, num_images, training=self.options.skip_unusable)

    def close(self) -> None:
        """End the processes that read."""
        self._readers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True, eq=False)
class _Task:
    """The images of one step that this process is to see."""

    epoch: int
    step: int
    indices: Indices


def _read(reader: ImageReader, seed: int, num_images: int, task: _Task) -> ReadImages:
    seeds = partial(image_seeds, seed, task.epoch, task.indices)
    return reader.read(task.indices % num_images, seeds)
