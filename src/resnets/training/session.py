"""Everything that a run works with, and how it is saved and restored."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from resnets.data.augmentation.pipeline import augment
from resnets.data.augmentation.settings import Augmentation
from resnets.data.batches import Batch, normalize_batch
from resnets.data.loading import Loader
from resnets.data.preprocessing_policy import Preprocessing
from resnets.launch import launch
from resnets.recipes.settings import TrainingSettings
from resnets.training.checkpoints import prune, save_checkpoint
from resnets.training.events import Event, Watcher
from resnets.training.learner import Learner
from resnets.training.position import Position
from resnets.training.processes import Processes
from resnets.training.run_folder import RunFolder
from resnets.training.schedules import learning_rate_factor
from resnets.training.selection import Selection


@dataclass(eq=False)
class Session:
    """Everything that a run works with.

    Attributes:
        settings: complete.
        preprocessing: of the images.
        learner: network and optimizer.
        loader: of the training images.
        validation: loader of the images that it is measured on; None without.
        run: where everything is written.
        watchers: are told what happens.
        num_classes: of the data.
        processes: that train together; the first of them writes, and tells.
        position: where it is.
        selection: the best epoch so far.
    """

    settings: TrainingSettings
    preprocessing: Preprocessing
    learner: Learner
    loader: Loader
    validation: Loader | None
    run: RunFolder
    watchers: list[Watcher]
    num_classes: int
    processes: Processes
    position: Position = field(default_factory=Position)
    selection: Selection = field(default_factory=Selection)
    _clock: float = field(default_factory=time.monotonic)
    _saved_at: float = field(default_factory=time.monotonic)
    _pixels: Tensor | None = None

    @property
    def num_epochs(self) -> int:
        """Of the run."""
        assert self.settings.epochs is not None
        return self.settings.epochs

    @property
    def steps_done(self) -> int:
        """Of the run."""
        return self.position.epoch * self.loader.num_steps + self.position.step

    @property
    def farewell(self) -> str:
        """What to tell who ends the run early."""
        return farewell(self.run)

    def check_interruption(self) -> None:
        """Obey a wish to end, if one came and all processes know of it.

        Raises:
            Interrupted: if so.
        """
        self.processes.check(self.farewell)

    def seconds(self) -> float:
        """That the run has taken so far, over all its resumptions."""
        now = time.monotonic()
        self.position.seconds += now - self._clock
        self._clock = now
        return self.position.seconds

    def learning_rate(self) -> float:
        """Of the next step."""
        tuning, steps = self.settings.fine_tuning, self.loader.num_steps
        highest = self.settings.optimizer.learning_rate
        assert highest is not None
        head_epochs = tuning.head_epochs if tuning else 0
        if tuning and self.position.epoch < head_epochs:
            return tuning.head_learning_rate or highest
        return highest * learning_rate_factor(
            self.settings.schedule,
            self.steps_done - head_epochs * steps,
            num_steps=(self.num_epochs - head_epochs) * steps,
            steps_per_epoch=steps,
            warmup_end=self.position.warmup_end,
        )

    def prepare(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Bring a batch to the device, augment and normalise it."""
        device = self.learner.device
        images, labels = batch.images.to(device), batch.labels.to(device)
        images, targets = augment(
            images,
            labels,
            self.settings.augmentation or Augmentation(),
            seed=self.settings.seed,
            epoch=batch.epoch,
            indices=batch.indices,
            preprocessing=self.preprocessing,
            num_classes=self.num_classes,
        )
        self._pixels = normalize_batch(images, self.preprocessing, out=self._pixels)
        if self.settings.channels_last:
            return self._pixels, targets
        return self._pixels.contiguous(), targets

    def tell(self, event: Event) -> None:
        """Write down what happened, and tell whoever watches."""
        if not self.processes.is_first:
            return
        self.run.record(event)
        for watch in self.watchers:
            watch(event)

    def save(self) -> None:
        """Write a checkpoint, then let go of those that are no longer needed."""
        self.seconds()
        if not self.processes.is_first:
            return
        tensors = self.learner.tensors()
        if self.selection.reference is not None:
            tensors["selection.reference"] = torch.from_numpy(self.selection.reference)
        selection = {k: v for k, v in vars(self.selection).items() if k != "reference"}
        if self.selection.step is None:
            selection["loss"] = None  # infinity is no JSON
        state = {
            "position": self.position.to_dict(),
            "selection": selection,
            "learner": self.learner.numbers(),
        }
        save_checkpoint(self.run.checkpoints, self.steps_done, tensors=tensors, state=state)
        prune(self.run.checkpoints, keep=self.settings.checkpoints.keep, best_step=self.selection.step)
        self._saved_at = time.monotonic()

    def save_if_due(self) -> None:
        """Write a checkpoint if the last one is old enough."""
        every = self.settings.checkpoints
        if every.every_steps is not None:
            if self.steps_done % every.every_steps == 0:
                self.save()
        elif time.monotonic() - self._saved_at >= 60 * every.every_minutes:
            self.save()

    def restore(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Go on where a checkpoint was written.

        Args:
            tensors: of the checkpoint.
            state: likewise.
        """
        self.learner.load(tensors, state["learner"])
        self.position = Position.from_dict(state["position"])
        selection = dict(state["selection"])
        if selection["loss"] is None:
            selection["loss"] = float("inf")
        reference = tensors.get("selection.reference")
        self.selection = Selection(
            **selection, reference=None if reference is None else reference.numpy()
        )


def farewell(run: RunFolder) -> str:
    """What to tell who ends a run early."""
    if launch().count > 1:
        return "every step so far is saved; the same command goes on"
    return f"every step so far is saved; go on with: resnets train --output {run.path} --resume"
