"""What a training tells those who watch it, and what it writes down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True)
class StepProgress:
    """Where a run is.

    Attributes:
        epoch: from 0.
        num_epochs: of the run.
        step: of the epoch, from 1 for the first that is done.
        num_steps: of the epoch.
        loss: mean of the epoch so far.
        top1: share of the epoch's training images so far that were recognised, as augmented; None with
            mixed labels.
        learning_rate: of the last step.
        images_per_second: of the epoch so far.
        data_wait: share of the epoch's time so far in which the network waited for images.
        elapsed_seconds: of the run, over all its resumptions.
        remaining_seconds: of the run, at the speed so far, validation included.
        memory_bytes: largest of this process so far; on a GPU, of its memory.
        phase: 'training' or 'validation'.
    """

    epoch: int
    num_epochs: int
    step: int
    num_steps: int
    loss: float
    top1: float | None
    learning_rate: float
    images_per_second: float
    data_wait: float
    elapsed_seconds: float
    remaining_seconds: float
    memory_bytes: int
    phase: str = "training"


@dataclass(frozen=True)
class EpochRecord:
    """One row of `results.csv`.

    Attributes:
        epoch: from 1.
        step: of the run, after the epoch.
        train_loss: mean of the epoch.
        train_top1: share of the training images that were recognised, as augmented; None with mixed
            labels.
        val_loss: cross-entropy of validation; None without.
        val_top1: of validation.
        val_top5: of validation; None with five classes or fewer.
        learning_rate: of the last step.
        images_per_second: of training.
        data_wait: share of the time of training in which the network waited for images.
        num_skipped: images that could not be used.
        seconds: of the epoch, validation included.
        memory_bytes: largest of this process so far; on a GPU, of its memory.
    """

    epoch: int
    step: int
    train_loss: float
    train_top1: float | None
    val_loss: float | None
    val_top1: float | None
    val_top5: float | None
    learning_rate: float
    images_per_second: float
    data_wait: float
    num_skipped: int
    seconds: float
    memory_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, in the order of the columns."""
        return asdict(self)


@dataclass(frozen=True)
class Checking:
    """How far the images have come before the first step.

    Attributes:
        what: is done: 'decoding' and 'comparing' to check them, 'loading train' and 'loading val' into
            memory.
        done: images.
        total: images.
    """

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class RunStarted:
    """What is about to happen, before the first step.

    Attributes:
        folder: of the run.
        model: name of the architecture, or of what is fine-tuned.
        device: such as 'cpu'.
        num_parameters: of the network.
        num_images: of each split.
        num_classes: of the data.
        choices: key, value and reason of everything that was decided by rule.
        notes: what the user should know, a sentence each.
        resumed_epoch: in which the run goes on, from 0; None for a new run.
        resumed_step: of that epoch, done already.
    """

    folder: Path
    model: str
    device: str
    num_parameters: int
    num_images: Mapping[str, int]
    num_classes: int
    choices: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]
    resumed_epoch: int | None = None
    resumed_step: int = 0


Event: TypeAlias = Checking | RunStarted | StepProgress | EpochRecord
Watcher: TypeAlias = Callable[[Event], None]
"""Is told during the check of the data and while it is read into memory, before the first step, after
every step and every epoch, and during validation."""
