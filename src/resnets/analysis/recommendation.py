"""What a recommendation holds: ranked trainings with their reasons, and what was left out and why."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from resnets.analysis.expected_accuracy import ExpectedAccuracy
from resnets.recipes.settings import TrainingSettings
from resnets.training.situation import Choice

Target: TypeAlias = Literal["quality", "speed", "size"]


@dataclass(frozen=True)
class Limits:
    """What a recommended network must keep.

    Attributes:
        latency_ms: for one image, the network alone, in float32; None for any.
        max_mb: of the model file, in 10^6 bytes; None for any.
        minutes: that its training may take.
    """

    latency_ms: float | None
    max_mb: float | None
    minutes: float


@dataclass(frozen=True)
class Trial:
    """A short real training.

    Attributes:
        model: that was trained.
        image_size: in pixels.
        rung: from 1; each has the same time for all of its trials together.
        epochs: of the training.
        planned_seconds: that it was given.
        seconds: that it took, by the clock.
        cpu_seconds: likewise, of the processor.
        top1: of the validation images.
        low: of the 95 % interval.
        high: likewise.
        num_images: of validation.
        command: that repeats it, in words.
    """

    model: str
    image_size: int
    rung: int
    epochs: int
    planned_seconds: float
    seconds: float
    cpu_seconds: float
    top1: float
    low: float
    high: float
    num_images: int
    command: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {**vars(self), "command": shlex.join(self.command)}


@dataclass(frozen=True, eq=False)
class Recommended:
    """One training that is recommended.

    Attributes:
        model: as in `TrainingSettings.model`.
        kind: of its weights: 'random', 'shipped', 'downloaded' or 'published'.
        settings: complete, as the command gives them.
        choices: what was decided by rule, and why.
        command: that trains exactly this, in words.
        wanted_epochs: that would be trained if there were time.
        expected: top-1, as a range.
        training_seconds: here, if nothing else runs.
        latency_ms: for one image here; None if it was not measured.
        file_bytes: of the model file.
        download_mib: that the training would download first; None for nothing.
        multiply_adds: of an image.
        reason: in a sentence.
        is_plan: it is what `resnets train` would take by itself.
        trial: the last of its short trainings; None without.
    """

    model: str
    kind: str
    settings: TrainingSettings
    choices: tuple[Choice, ...]
    command: tuple[str, ...]
    wanted_epochs: int
    expected: ExpectedAccuracy
    training_seconds: float
    latency_ms: float | None
    file_bytes: int
    download_mib: float | None
    reason: str
    is_plan: bool
    trial: Trial | None = None

    @property
    def image_size(self) -> int:
        """In pixels."""
        assert self.settings.preprocessing is not None
        return self.settings.preprocessing.image_size

    @property
    def epochs(self) -> int:
        """Of the training."""
        assert self.settings.epochs is not None
        return self.settings.epochs

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "model": self.model,
            "weights": self.kind,
            "image_size": self.image_size,
            "epochs": self.epochs,
            "wanted_epochs": self.wanted_epochs,
            "batch_size": self.settings.batch_size,
            "expected_top1": {
                "low": round(self.expected.low, 4),
                "high": round(self.expected.high, 4),
                "basis": self.expected.basis,
            },
            "training_seconds": round(self.training_seconds, 1),
            "latency_ms": self.latency_ms,
            "file_bytes": self.file_bytes,
            "download_mib": self.download_mib,
            "reason": self.reason,
            "is_plan": self.is_plan,
            "trial": self.trial.to_dict() if self.trial else None,
            "command": shlex.join(self.command),
            "settings": self.settings.model_dump(mode="json", exclude_none=True),
            "choices": [vars(choice) for choice in self.choices],
        }


@dataclass(frozen=True)
class LeftOut:
    """A network that was looked at and is not recommended.

    Attributes:
        model: as in `TrainingSettings.model`.
        image_size: in pixels.
        why: in a sentence, without the name.
    """

    model: str
    image_size: int
    why: str


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What `recommend` found.

    Attributes:
        data: as it was given.
        num_images: of each split.
        num_classes: of the data.
        target: what counts.
        limits: that were kept.
        ranked: the best first.
        left_out: with the reasons.
        notes: what the user should know, a sentence each.
        machine: that was measured on.
        trials: all of them, in order.
        interrupted: number of the signal that ended the trials early; None if none did.
    """

    data: str
    num_images: dict[str, int]
    num_classes: int
    target: Target
    limits: Limits
    ranked: tuple[Recommended, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    machine: dict[str, Any]
    trials: tuple[Trial, ...] = ()
    interrupted: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "data": self.data,
            "num_images": self.num_images,
            "num_classes": self.num_classes,
            "target": self.target,
            "limits": vars(self.limits),
            "recommended": [each.to_dict() for each in self.ranked],
            "left_out": [vars(each) for each in self.left_out],
            "notes": list(self.notes),
            "machine": self.machine,
            "trials": [trial.to_dict() for trial in self.trials],
            "interrupted": self.interrupted is not None,
        }
