"""What a report and a model card are made of: all that a training knows at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from resnets.data.dataset import Dataset
from resnets.data.findings import Finding
from resnets.evaluation.evaluation import Evaluation
from resnets.recipes.settings import TrainingSettings
from resnets.weights.model_info import ModelInfo


class Epoch(Protocol):
    """What is read of an epoch; `resnets.training.events.EpochRecord` has it."""

    @property
    def epoch(self) -> int:
        """From 1."""

    @property
    def train_loss(self) -> float:
        """Mean of the epoch."""

    @property
    def train_top1(self) -> float | None:
        """Share of the training images that were recognised; None with mixed labels."""

    @property
    def val_loss(self) -> float | None:
        """Cross-entropy of validation; None without."""

    @property
    def val_top1(self) -> float | None:
        """Of validation."""

    @property
    def learning_rate(self) -> float:
        """Of the last step."""

    @property
    def images_per_second(self) -> float:
        """Of training."""

    @property
    def data_wait(self) -> float:
        """Share of the time of training in which the network waited for images."""

    @property
    def seconds(self) -> float:
        """Of the epoch, validation included."""

    @property
    def memory_bytes(self) -> int:
        """Largest so far."""


@dataclass(frozen=True, eq=False)
class TrainingFacts:
    """All that a training knows at its end.

    Attributes:
        info: the description that the model file gets.
        settings: complete, as `config.toml` has them.
        history: one record per epoch.
        dataset: that was trained on; its pictures are shown.
        evaluation: of the validation images; None if nothing was kept aside.
        test: of the test images, where there are labelled ones.
        choices: key, value and reason of what was decided by rule.
        findings: of the check of the data, the gravest first; None without a check.
        num_parameters: of the network.
        seconds: of the run, over all its resumptions.
        machine: what it ran on, in words: 'processor', 'GPU', 'memory', ...
        command: that trains it again; '' where there is none.
        model_file: name of the file in the run folder, or what `resnets.load` takes instead.
        made_by: command line for the card, which anyone can repeat; '' for the settings alone.
        measured_by: command line for the card that gives its figures again; '' for none.
        notes: what else should be known of the data or the figures, in sentences for the card.
    """

    info: ModelInfo
    settings: TrainingSettings
    history: Sequence[Epoch]
    dataset: Dataset
    evaluation: Evaluation | None = None
    test: Evaluation | None = None
    choices: Sequence[tuple[str, str, str]] = ()
    findings: Sequence[Finding] | None = None
    num_parameters: int = 0
    seconds: float = 0.0
    machine: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    model_file: str = "model.safetensors"
    made_by: str = ""
    measured_by: str = ""
    notes: Sequence[str] = ()

    @property
    def judged(self) -> Evaluation | None:
        """What the network is judged by: images that had no part in its making, if there are any."""
        return self.test or self.evaluation

    @property
    def chosen_by_judged(self) -> bool:
        """Whether the kept epoch was chosen by the very images that the network is judged by."""
        return self.test is None and self.evaluation is not None and self.settings.select != "last"
