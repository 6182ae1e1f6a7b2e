"""The course of a run for TensorBoard, for those who ask for it: the extra `train`."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from resnets.errors import MissingDependencyError
from resnets.training.events import EpochRecord, Event, StepProgress
from resnets.training.run_log import due_step

_OF_EPOCHS = {
    "loss/train": "train_loss",
    "loss/val": "val_loss",
    "top1/train": "train_top1",
    "top1/val": "val_top1",
    "top5/val": "val_top5",
    "speed/images_per_second": "images_per_second",
    "speed/data_wait": "data_wait",
}


class TensorBoardLog:
    """A watcher that writes TensorBoard's files; a context manager.

    Args:
        folder: of the run.
        first_step: of the run, where it is resumed; what earlier starts wrote after it is hidden.
    """

    def __init__(self, folder: Path, *, first_step: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingDependencyError(
                "writing TensorBoard's files", "tensorboard", extra="train"
            ) from None
        self._writer = SummaryWriter(str(folder), purge_step=first_step + 1)

    def __call__(self, event: Event) -> None:
        """Write an epoch, or every 50th step of training."""
        if isinstance(event, EpochRecord):
            for tag, field in _OF_EPOCHS.items():
                if (value := getattr(event, field)) is not None:
                    self._writer.add_scalar(tag, value, event.step)
            self._writer.flush()
        elif isinstance(event, StepProgress) and (step := due_step(event)) is not None:
            self._writer.add_scalar("steps/loss", event.loss, step)
            self._writer.add_scalar("steps/learning_rate", event.learning_rate, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
