"""What follows the last step: the best weights, measured, in a model file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from resnets.data.dataset import Dataset
from resnets.data.findings import Finding
from resnets.errors import WeightsError
from resnets.evaluation.calibrating import calibrate
from resnets.evaluation.evaluating import evaluate
from resnets.evaluation.evaluation import Evaluation
from resnets.files import write_text
from resnets.quantities import memory
from resnets.recipes.settings import TrainingSettings
from resnets.reporting.facts import TrainingFacts
from resnets.reporting.model_card import model_card
from resnets.reporting.report import kept_epoch, write_report
from resnets.training.checkpoints import load_checkpoint
from resnets.training.data_manifest import recorded_fingerprint
from resnets.training.depth import fold_gates
from resnets.training.learner import part_of
from resnets.training.machine import Machine
from resnets.training.session import Session
from resnets.training.situation import Choice
from resnets.weights.classifier import Classifier
from resnets.weights.model_info import DataFingerprint

REPORT = "report.html"

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Background:
    """What a run knows besides its session, for the report.

    Attributes:
        dataset: that was learned.
        choices: what was decided by rule.
        findings: of the check of the data; None without one.
        machine: that it ran on.
    """

    dataset: Dataset
    choices: Sequence[Choice]
    findings: Sequence[Finding] | None
    machine: Machine


def _published(settings: TrainingSettings) -> dict[str, Any]:
    """Settings as whoever gets the model may see them: what follows '?' in an address may be a key."""
    told = settings.model_dump(mode="json", exclude_none=True)
    return told | {"data": settings.data.partition("?")[0] if "://" in settings.data else settings.data}


def conclude(session: Session, background: Background) -> Evaluation | None:
    """Measure the network that the run keeps; write its model file, the report and the model card.

    With a validation split the temperature of its probabilities is fitted; the figures are those of the
    test split, where there is one.

    Args:
        session: at its end.
        background: of the run.
    """
    dataset, run = background.dataset, session.run
    network = kept_network(session)
    classifier = Classifier.from_network(
        network.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        preprocessing=session.preprocessing,
        class_names=dataset.class_names,
        class_ids=dataset.class_ids,
        recipe=_published(session.settings),
        data=DataFingerprint(**asdict(recorded_fingerprint(run.manifest, dataset))),
    )
    evaluation = measure(classifier, dataset, session)
    if evaluation is not None:
        classifier.info = classifier.info.model_copy(update={"metrics": evaluation.metrics})
    facts = _facts(session, background, classifier, evaluation)
    classifier.info = classifier.info.model_copy(update={"card": model_card(facts)})
    network.cpu()
    classifier.save(run.model_path)
    write_text(run.path / "README.md", classifier.info.card)
    write_report(run.path / REPORT, facts)
    run.write_curves(kept=kept_epoch(facts))
    return evaluation


def _facts(
    session: Session, background: Background, classifier: Classifier, evaluation: Evaluation | None
) -> TrainingFacts:
    is_test = evaluation is not None and evaluation.split == "test"
    machine = background.machine
    return TrainingFacts(
        info=classifier.info,
        settings=session.settings,
        history=session.run.history(),
        dataset=background.dataset,
        evaluation=None if is_test else evaluation,
        test=evaluation if is_test else None,
        choices=[(choice.key, choice.value, choice.reason) for choice in background.choices],
        findings=background.findings,
        num_parameters=sum(p.numel() for p in classifier.network.parameters()),
        seconds=session.seconds(),
        machine={
            "device": machine.name,
            "cores": f"{machine.cores}, {torch.get_num_threads()} threads",
            "memory": memory(machine.memory_bytes),
        },
        command=f"resnets train --config {session.run.path / 'config.toml'}",
        model_file=session.run.model_path.name,
    )


def kept_network(session: Session) -> nn.Module:
    """The network of the best epoch, or of the last; its gates have become part of its weights."""
    learner = session.learner
    network = learner.evaluated
    step = session.selection.step
    if session.settings.select == "best" and step is not None:
        best = session.run.checkpoints / f"step-{step:08d}"
        try:
            tensors, _ = load_checkpoint(best)
        except WeightsError as error:
            log.warning("the best epoch's weights cannot be read, the last ones are kept: %s", error)
            tensors = learner.tensors()
        if learner.average:
            learner.average.load(part_of(tensors, "average"))
        else:
            network.load_state_dict(part_of(tensors, "network"))
    learner.begin_evaluation()
    fold_gates(network)
    return network


def measure(classifier: Classifier, dataset: Dataset, session: Session) -> Evaluation | None:
    """Evaluate on what was kept aside, where there is something."""

    def go_on(_done: int, _total: int) -> None:
        session.processes.interruption.check(session.farewell)

    if "val" in dataset.splits:
        return calibrate(classifier, dataset, on_batch=go_on)
    if "test" in dataset.splits and (dataset.splits["test"].labels >= 0).any():
        return evaluate(classifier, dataset, split="test", on_batch=go_on)
    return None
