"""How long a training takes on this machine, from a few of its own steps.

The steps are the training's own: its images, augmentation, precision and optimizer; only the weights are
random, so that nothing has to be downloaded. On a processor its time counts, not that of the clock, so
that other programs hardly matter.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from statistics import median

import numpy as np
import torch

from resnets.data.batches import Batch
from resnets.data.dataset import Dataset, Split
from resnets.data.decoding import decode
from resnets.data.stored_images import evenly, spread_places
from resnets.errors import DataError, ImageError, NonFiniteError, printable
from resnets.recipes.settings import TrainingSettings
from resnets.training.interruption import Interruption
from resnets.training.machine import Machine
from resnets.training.model_facts import model_facts
from resnets.training.preparation import build_session, fits_in_memory, labelled, make_loaders
from resnets.training.processes import Processes
from resnets.training.run_folder import RunFolder
from resnets.training.session import Session

_STEPS = 3
# Timed steps, after one that is not timed; fewer where they have taken this long:
_ENOUGH_SECONDS = 1.5
_STEP_SECONDS = 0.5
# That a timed step should take at most, by the network's work: then batches are smaller.
_LEAST_BATCH = 8
_BESIDES = 1.1
# Times that a training takes longer than its steps: validation, checkpoints and the log. Ten epochs of
# 1,477 images with ResNet-20 took 1.2 times as long, with 3 seconds of them before the first step.
_RATE = 1e-4
# Of the timed steps: so small that no loss grows.


@dataclass(frozen=True)
class TrainingCost:
    """What a training takes on this machine, if nothing else runs on it.

    Attributes:
        seconds_per_image: to learn from one, read in time for it.
        reading_seconds: for one image, once, where decoded images are kept in memory; else 0, and
            reading is part of the above.
        cpu_seconds_per_image: processor time of the first.
        num_steps: that were timed.
        batch_size: images of each.
    """

    seconds_per_image: float
    reading_seconds: float
    cpu_seconds_per_image: float
    num_steps: int
    batch_size: int

    def seconds(self, epochs: int, *, images_per_epoch: float, num_images: int) -> float:
        """Of a whole training.

        Args:
            epochs: of it.
            images_per_epoch: as `resnets.training.model_rules` counts them.
            num_images: of training and validation.
        """
        steps = epochs * images_per_epoch * self.seconds_per_image
        return _BESIDES * steps + num_images * self.reading_seconds


def measure_training(
    settings: TrainingSettings,
    dataset: Dataset,
    machine: Machine,
    *,
    device: torch.device,
    expected_seconds_per_image: float,
    interruption: Interruption,
) -> TrainingCost:
    """Take a few steps of a training, and throw the network away.

    Args:
        settings: complete.
        dataset: to learn.
        machine: to run on.
        device: likewise.
        expected_seconds_per_image: a guess, by which the size of timed batches is chosen.
        interruption: is looked at in between.

    Raises:
        DataError: if no image of a sample can be read.
    """
    assert settings.batch_size is not None
    assert settings.preprocessing is not None
    batch = -(-settings.batch_size // settings.accumulation)
    if device.type == "cpu":
        batch = min(batch, max(_LEAST_BATCH, int(_STEP_SECONDS / max(expected_seconds_per_image, 1e-9))))
    batch = max(1, batch // settings.repeats) * settings.repeats
    changed = {"batch_size": batch, "accumulation": 1, "workers": 0, "compile": False, "select": "last"}
    timed = settings.model_copy(update=changed)
    facts = model_facts(settings.model)
    network = facts.random_network(settings.preprocessing, len(dataset.class_names)).to(device)
    if settings.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    sample = _sample(dataset, 2 * batch // settings.repeats)
    kept = fits_in_memory(settings, sum(map(len, dataset.splits.values())), machine)
    started = time.process_time()
    with (
        closing(make_loaders(timed, sample, machine)) as loaders,
        tempfile.TemporaryDirectory(prefix="resnets-") as folder,
        RunFolder.create(Path(folder) / "run", name="") as run,
    ):
        reading = (time.process_time() - started) / len(sample.splits["train"])
        session = build_session(
            timed,
            sample,
            loaders,
            network=network,
            run=run,
            processes=Processes(interruption),
            watchers=[],
        )
        steps = _timed_steps(session)
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    each = [step.seconds(threads) / batch for step in steps]
    cpu = median(step.reading + step.learning_cpu for step in steps) / batch
    has_files = not isinstance(sample.splits["train"].images, np.ndarray)
    decoded_before = has_files and settings.crop is None and settings.train_image_size is None
    reading = reading / threads if decoded_before else 0.0
    return TrainingCost(
        seconds_per_image=median(each) + (0.0 if kept else reading),
        reading_seconds=reading if kept else 0.0,
        cpu_seconds_per_image=cpu,
        num_steps=len(steps),
        batch_size=batch,
    )


@dataclass(frozen=True)
class _Step:
    """Seconds of a step: the processor's for reading, the clock's and the processor's for the rest."""

    reading: float
    learning: float
    learning_cpu: float
    on_cpu: bool

    def seconds(self, threads: int) -> float:
        """On a quiet machine. A GPU learns while processes read."""
        if self.on_cpu:
            return (self.reading + self.learning_cpu) / threads
        return max(self.learning, self.reading)


def _timed_steps(session: Session) -> list[_Step]:
    tuning = session.settings.fine_tuning
    session.learner.begin_epoch(tuning.head_epochs if tuning else 0, at_start=False)
    device = session.learner.device
    steps: list[_Step] = []
    batches = _batches(session)
    for number in range(_STEPS + 1):
        session.processes.check("nothing was written")
        asked = time.process_time()
        batch = next(batches)
        begun, clock = time.process_time(), time.perf_counter()
        images, targets = session.prepare(batch)
        with suppress(NonFiniteError):  # the time of random weights matters, not their numbers
            session.learner.step(images, targets, learning_rate=_RATE, number=number)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        ended, cpu = time.perf_counter() - clock, time.process_time() - begun
        if number:
            steps.append(_Step(begun - asked, ended, cpu, device.type == "cpu"))
        if sum(step.learning_cpu for step in steps) > _ENOUGH_SECONDS:
            break
    return steps


def _batches(session: Session) -> Iterator[Batch]:
    """Whole batches without end."""
    for epoch in count():
        session.position.epoch = epoch
        for batch in session.loader.epoch(epoch):
            if len(batch) == session.settings.batch_size:
                yield batch


def _sample(dataset: Dataset, number: int) -> Dataset:
    """Training images at equal distances, which can be read."""
    train = labelled(dataset.splits["train"])
    images = train.images
    if isinstance(images, np.ndarray):
        places = evenly(np.arange(len(train)), number)
        pixels = images[places]
        repeats = -(-number // len(places))
        split = Split(
            "train",
            np.tile(pixels, (repeats,) + (1,) * (pixels.ndim - 1)),
            np.tile(train.labels[places], repeats),
        )
        return replace(dataset, splits={"train": split})
    places, readable = spread_places(images, number), []
    for place in places:
        try:
            decode(images[place])
        except ImageError:
            continue
        readable.append(place)
    if not readable:
        raise DataError(
            f"none of {len(places)} training images of {printable(dataset.name)} can be read; "
            "see why with: resnets data check"
        )
    chosen = [readable[i % len(readable)] for i in range(number)]
    split = Split("train", [images[i] for i in chosen], train.labels[chosen])
    return replace(dataset, splits={"train": split})
