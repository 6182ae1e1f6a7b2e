"""What a rule sees when it chooses a setting, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from resnets.recipes.settings import TrainingSettings
from resnets.training.data_facts import DataFacts
from resnets.training.machine import Machine
from resnets.training.model_facts import ModelFacts


@dataclass(frozen=True)
class Choice:
    """A setting that was chosen by rule.

    Attributes:
        key: of the setting, such as 'optimizer.learning_rate'.
        value: what was chosen, as text.
        reason: in one sentence.
    """

    key: str
    value: str
    reason: str


@dataclass(frozen=True)
class Answer:
    """What a rule chooses.

    Attributes:
        value: of the field.
        choices: what to tell about it.
    """

    value: object
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Situation:
    """What a rule sees.

    Attributes:
        settings: with what was chosen before.
        facts: of the data.
        machine: what the training runs on.
        model: what it starts from; None until it is chosen.
    """

    settings: TrainingSettings
    facts: DataFacts
    machine: Machine
    model: ModelFacts | None

    @property
    def fine_tunes(self) -> bool:
        """The model has weights."""
        return bool(self.model and self.model.has_weights)

    @property
    def image_size(self) -> int:
        """Of what the network sees."""
        assert self.settings.preprocessing is not None
        return self.settings.preprocessing.image_size

    @property
    def said_channels(self) -> int | None:
        """What the user's options of the model say about channels."""
        return self.model.said.get("in_channels") if self.model else None

    @property
    def steps_per_epoch(self) -> int:
        """Of the optimizer; the last step may be left out if it is not full."""
        assert self.settings.batch_size is not None
        return max(1, self.facts.num_train * self.settings.repeats // self.settings.batch_size)
