"""A run, from top to bottom: epochs of steps, validation after each, and checkpoints in between.

What a run does next depends on its position and on nothing else, so that it can be resumed at any step,
bit for bit on a CPU with the same number of threads.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import torch

from resnets.data.batches import Batch
from resnets.errors import Interrupted, NonFiniteError
from resnets.training.events import EpochRecord, StepProgress
from resnets.training.session import Session
from resnets.training.validation import Validation, validate

if sys.platform != "win32":
    import resource


def fit(session: Session) -> None:
    """Train until the last epoch, or until there is nothing more to gain.

    Args:
        session: at the start, or restored from a checkpoint.

    Raises:
        Interrupted: if somebody asked the run to end; a checkpoint was written.
        NonFiniteError: if a loss or a gradient is not finite.
        DataError: if too many images cannot be used.
        OutputError: if a checkpoint cannot be written; the ones before are there.
    """
    stopping = session.settings.early_stopping
    try:
        while session.position.epoch < session.num_epochs and not session.selection.is_over(stopping):
            speed = train_epoch(session)
            show = partial(_show_validation, session, speed)
            found = validate(session, on_batch=show) if session.validation else None
            finish_epoch(session, found, speed)
    except Interrupted:
        session.processes.from_first(session.save)  # no process ends before all is saved
        raise
    session.save()


@dataclass
class Speed:
    """How fast the steps of an epoch are, since this process began them.

    Attributes:
        started: time of the clock.
        waited: seconds without images.
        num_images: so far.
        seconds: so far.
    """

    started: float = field(default_factory=time.monotonic)
    waited: float = 0.0
    num_images: int = 0
    seconds: float = 1e-9

    def batches(self, session: Session) -> Iterator[Batch]:
        """Read the rest of the epoch, and time how long that takes."""
        batches = session.loader.epoch(session.position.epoch, start_step=session.position.step)
        while True:
            asked = time.monotonic()
            batch = next(batches, None)
            self.waited += time.monotonic() - asked
            if batch is None:
                return
            yield batch

    def count(self, num_images: int) -> None:
        """Take note of a step."""
        self.num_images += num_images
        self.seconds = time.monotonic() - self.started


def train_epoch(session: Session) -> Speed:
    """Take the remaining steps of an epoch."""
    position, learner = session.position, session.learner
    learner.begin_epoch(position.epoch, at_start=position.step == 0)
    skipped_before = position.num_skipped
    speed = Speed()
    for batch in speed.batches(session):
        # What all processes see of this step, and have left out of the epoch.
        total, skipped = map(int, session.processes.sum(len(batch), len(session.loader.skipped)))
        if total:
            position.learning_rate = session.learning_rate()
            images, targets = session.prepare(batch)
            try:
                outcome = learner.step(
                    images,
                    targets,
                    learning_rate=position.learning_rate,
                    number=session.steps_done,
                    num_images=total,
                )
            except NonFiniteError as error:
                raise _located(error, session, batch) from None
            position.take(outcome, total)
            end_warmup(session)
        position.step += 1
        speed.count(total)
        position.num_skipped = skipped_before + skipped
        session.tell(_progress(session, speed))
        session.save_if_due()
        session.check_interruption()
    return speed


def finish_epoch(session: Session, found: Validation | None, speed: Speed) -> None:
    """Write down how an epoch went, and keep its weights if they are the best so far."""
    position, selection = session.position, session.selection
    record = _record(session, found, speed)
    is_best = False
    if found is not None:
        is_best = selection.take(
            found.hits(1),
            loss=found.loss,
            step=record.step,
            stopping=session.settings.early_stopping,
        )
    session.tell(record)
    position.next_epoch()
    if is_best and session.settings.select == "best":
        session.save()


def end_warmup(session: Session) -> None:
    """End a warm-up that waits for the training error once that is low enough (He et al. 2015, 4.2)."""
    target, position = session.settings.schedule.warmup_until_error, session.position
    if target is not None and position.warmup_end is None and position.recent_error < target:
        position.warmup_end = session.steps_done + 1


def peak_memory(device: torch.device) -> int:
    """The most memory that this process has had so far, in bytes; on a GPU, of the GPU's.

    Args:
        device: where the network is.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else 1024 * largest


def _show_validation(session: Session, speed: Speed, done: int, total: int) -> None:
    session.tell(_progress(session, speed, validated=(done, total)))


def _record(session: Session, found: Validation | None, speed: Speed) -> EpochRecord:
    position = session.position
    return EpochRecord(
        epoch=position.epoch + 1,
        step=session.steps_done,
        train_loss=position.loss_sum / max(1, position.num_images),
        train_top1=position.top1,
        val_loss=found.loss if found else None,
        val_top1=float(found.hits(1).mean()) if found else None,
        val_top5=float(found.hits(5).mean()) if found and session.num_classes > 5 else None,
        learning_rate=position.learning_rate,
        images_per_second=speed.num_images / speed.seconds,
        data_wait=speed.waited / speed.seconds,
        num_skipped=position.num_skipped,
        seconds=time.monotonic() - speed.started,
        memory_bytes=peak_memory(session.learner.device),
    )


def _progress(
    session: Session, speed: Speed, *, validated: tuple[int, int] | None = None
) -> StepProgress:
    position, steps = session.position, session.loader.num_steps
    elapsed = session.seconds()
    per_step = elapsed / max(1, session.steps_done)
    return StepProgress(
        epoch=position.epoch,
        num_epochs=session.num_epochs,
        step=validated[0] if validated else position.step,
        num_steps=validated[1] if validated else steps,
        loss=position.loss_sum / max(1, position.num_images),
        top1=position.top1,
        learning_rate=position.learning_rate,
        images_per_second=speed.num_images / speed.seconds,
        data_wait=speed.waited / speed.seconds,
        elapsed_seconds=elapsed,
        remaining_seconds=per_step * (session.num_epochs * steps - session.steps_done),
        memory_bytes=peak_memory(session.learner.device),
        phase="validation" if validated else "training",
    )


def _located(error: NonFiniteError, session: Session, batch: Batch) -> NonFiniteError:
    """Say in which batch it happened, and what is left."""
    position = session.position
    names = ", ".join(map(str, batch.indices[:8].tolist()))
    return NonFiniteError(
        f"{error} in step {position.step + 1} of epoch {position.epoch + 1}, at a learning rate of "
        f"{position.learning_rate:.4g}, with images {names}, ... of the training split. The weights "
        f"were not changed, and the last checkpoint is in {session.run.checkpoints}. Try a lower "
        "optimizer.learning_rate, a longer schedule.warmup_epochs or clip_norm = 1.0"
    )
