"""One candidate after the other: what it costs here, how long it can learn, and what that gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from resnets.analysis.candidates import Candidate
from resnets.analysis.expected_accuracy import ExpectedAccuracy, Learning, expected_accuracy
from resnets.analysis.latency import Timing, measure_speed
from resnets.analysis.training_cost import TrainingCost, measure_training
from resnets.config import validate
from resnets.data.dataset import Dataset
from resnets.recipes.settings import TrainingSettings
from resnets.training.choices import Choice, choose
from resnets.training.data_facts import DataFacts
from resnets.training.interruption import Interruption
from resnets.training.machine import Machine
from resnets.training.model_facts import model_facts
from resnets.training.model_rules import hours_per_epoch, images_per_epoch, wanted_epochs
from resnets.training.situation import Situation
from resnets.weights.classifier import Classifier

_NUMBER_BYTES = 4
# Of the float32 numbers in a model file.
_SECONDS_PER_WEIGHT = 1.5e-8
# That a step takes for each weight, whatever the batch: gradients, optimizer and average. A guess that
# only decides which candidates are timed.


@dataclass(frozen=True, eq=False)
class Setting:
    """Where candidates are weighed.

    Attributes:
        given: what is said about every training: data, seed.
        dataset: to learn.
        facts: of it.
        machine: to run on.
        device: likewise.
        minutes: that a training may take.
        interruption: is looked at in between.
        said_device: by the user; None where it was found.
    """

    given: TrainingSettings
    dataset: Dataset
    facts: DataFacts
    machine: Machine
    device: torch.device
    minutes: float
    interruption: Interruption
    said_device: str | None = None


@dataclass(frozen=True, eq=False)
class Weighed:
    """A candidate, and what is known of it so far.

    Attributes:
        candidate: see there.
        settings: complete.
        choices: what was decided by rule.
        situation: of the rules.
        epochs: of the training.
        file_bytes: of the model file.
        expected: top-1.
        guessed_seconds: of an epoch, by the network's work.
        cost: measured; None before.
        latency_ms: likewise.
    """

    candidate: Candidate
    settings: TrainingSettings
    choices: tuple[Choice, ...]
    situation: Situation
    epochs: int
    file_bytes: int
    expected: ExpectedAccuracy
    guessed_seconds: float
    cost: TrainingCost | None = None
    latency_ms: float | None = None

    @property
    def image_size(self) -> int:
        """In pixels."""
        return self.situation.image_size

    @property
    def wanted_epochs(self) -> int:
        """That would be trained if there were time."""
        return wanted_epochs(self.situation)

    def seconds(self, epochs: int) -> float:
        """Of a training here; measured, or else guessed.

        Args:
            epochs: of it.
        """
        if self.cost is None:
            return epochs * self.guessed_seconds
        facts = self.situation.facts
        return self.cost.seconds(
            epochs,
            images_per_epoch=images_per_epoch(self.situation),
            num_images=facts.num_train + facts.num_val,
        )

    def epochs_in(self, seconds: float) -> int:
        """Most epochs that there is time for; 0 if there is none for a single one.

        Args:
            seconds: of the training.
        """
        each = self.seconds(2) - self.seconds(1)
        once = self.seconds(1) - each
        return max(0, int((seconds - once) / max(each, 1e-9)))


def weigh(candidate: Candidate, where: Setting) -> Weighed:
    """Look at a candidate without measuring anything.

    Args:
        candidate: see there.
        where: see there.
    """
    settings, choices = _settings(candidate, where, epochs=1, accumulation=1)
    model = model_facts(settings.model)
    situation = Situation(settings, where.facts, where.machine, model)
    assert settings.preprocessing is not None
    assert settings.batch_size is not None
    network = model.blank_network(settings.preprocessing, max(2, where.facts.num_classes))
    numbers = sum(t.numel() for t in [*network.parameters(), *network.buffers()])
    guessed = candidate.slowness * 3600 * hours_per_epoch(situation, model)
    steps = images_per_epoch(situation) / settings.batch_size
    made = Weighed(
        candidate=candidate,
        settings=settings,
        choices=choices,
        situation=situation,
        epochs=0,
        file_bytes=_NUMBER_BYTES * numbers,
        expected=expected_accuracy(where.facts, Learning(candidate.weakness, 1.0)),
        guessed_seconds=guessed + steps * numbers * _SECONDS_PER_WEIGHT,
    )
    return with_epochs(made, where)


def with_epochs(weighed: Weighed, where: Setting, *, seconds: float | None = None) -> Weighed:
    """Give a candidate the epochs that there is time for, and say what to expect then.

    Args:
        weighed: see there.
        where: see there.
        seconds: of the training. [those of `where`]
    """
    seconds = 60 * where.minutes if seconds is None else seconds
    epochs = min(weighed.wanted_epochs, weighed.epochs_in(seconds))
    candidate = weighed.candidate
    learning = Learning(candidate.weakness, max(epochs, 0.1), candidate.head_start)
    return replace(weighed, epochs=epochs, expected=expected_accuracy(where.facts, learning))


def with_settings(weighed: Weighed, where: Setting) -> Weighed:
    """Let the rules choose all that depends on the epochs.

    Args:
        weighed: with its epochs.
        where: see there.
    """
    settings, choices = _settings(weighed.candidate, where, epochs=max(1, weighed.epochs))
    return replace(weighed, settings=settings, choices=choices)


def measure(weighed: Weighed, where: Setting) -> Weighed:
    """Take a few steps of a candidate's training, and correct its epochs.

    Args:
        weighed: see there.
        where: see there.
    """
    each = weighed.guessed_seconds / max(1.0, images_per_epoch(weighed.situation))
    cost = measure_training(
        weighed.settings,
        where.dataset,
        where.machine,
        device=where.device,
        expected_seconds_per_image=each,
        interruption=where.interruption,
    )
    return with_epochs(replace(weighed, cost=cost), where)


def with_latency(those: Sequence[Weighed], where: Setting) -> list[Weighed]:
    """Measure how long networks take for one image, in turn.

    Args:
        those: see there.
        where: see there.
    """
    missing = [each for each in those if each.latency_ms is None]
    if not missing:
        return list(those)
    models = [_classifier(each, where) for each in missing]
    names = [each.candidate.model for each in missing]
    speeds = measure_speed(models, names, Timing(), memory=False)
    found = dict(zip(map(id, missing), speeds, strict=True))
    return [
        replace(each, latency_ms=found[id(each)].latency_ms) if id(each) in found else each
        for each in those
    ]


def command(weighed: Weighed, where: Setting) -> tuple[str, ...]:
    """The words that train exactly what was weighed.

    Args:
        weighed: with its epochs.
        where: see there.
    """
    said = ["resnets", "train", where.given.data, "--model", weighed.candidate.model]
    said += ["--epochs", str(max(1, weighed.epochs))]
    if where.given.seed:
        said += ["--seed", str(where.given.seed)]
    if weighed.candidate.image_size is not None:
        said += ["--set", f"preprocessing.image_size={weighed.candidate.image_size}"]
    if where.said_device is not None:
        said += ["--device", where.said_device]
    return tuple(said)


def _settings(
    candidate: Candidate, where: Setting, **said: int
) -> tuple[TrainingSettings, tuple[Choice, ...]]:
    """What `train` makes of the command: the same rules, with the same things said."""
    given = where.given.model_dump(exclude_unset=True) | said | {"model": candidate.model}
    if candidate.image_size is not None:
        given["preprocessing"] = {"image_size": candidate.image_size}
    settings = validate(TrainingSettings, given, source="a recommendation")
    settings, choices = choose(settings, where.facts, where.machine)
    return settings.model_copy(update={"complete": True}), choices


def _classifier(weighed: Weighed, where: Setting) -> Classifier:
    shown = weighed.settings.preprocessing
    assert shown is not None
    model = model_facts(weighed.settings.model)
    network = model.random_network(shown, len(where.dataset.class_names)).to(where.device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Classifier.from_network(network, class_names=where.dataset.class_names, preprocessing=shown)
