"""Events as a small training would tell them."""

from __future__ import annotations

from dataclasses import replace

from resnets.training.events import EpochRecord, StepProgress

STEPS = 100
"""Of an epoch."""


def epoch_record(epoch: int, *, seconds: float = 3.5) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        step=STEPS * epoch,
        train_loss=2.0 / (3 * epoch),
        train_top1=None,
        val_loss=0.1 + 1e-17 * epoch,
        val_top1=1 - 1 / (7 * epoch),
        val_top5=0.9,
        learning_rate=0.1 / epoch,
        images_per_second=1000 / seconds,
        data_wait=0.04,
        num_skipped=epoch % 2,
        seconds=seconds,
        memory_bytes=2**30,
    )


def step_progress(epoch: int, step: int, *, seconds: float = 3.5) -> StepProgress:
    return StepProgress(
        epoch=epoch,
        num_epochs=30,
        step=step,
        num_steps=STEPS,
        loss=1.2044,
        top1=0.631,
        learning_rate=0.05,
        images_per_second=1842.4,
        data_wait=0.041,
        elapsed_seconds=372.0 * seconds / 3.5,
        remaining_seconds=41.0,
        memory_bytes=9_771_050_598,
    )


def validation_progress(epoch: int, done: int) -> StepProgress:
    return replace(step_progress(epoch, done), num_steps=10_000, phase="validation")
