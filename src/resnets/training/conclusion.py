"""What follows the last step: the best weights, measured, in a model file."""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import nn

from resnets.data.dataset import Dataset
from resnets.data.fingerprint import fingerprint
from resnets.evaluation.calibrating import calibrate
from resnets.evaluation.evaluating import evaluate
from resnets.evaluation.evaluation import Evaluation
from resnets.training.checkpoints import Checkpoint, load_checkpoint
from resnets.training.depth import fold_gates
from resnets.training.learner import part_of
from resnets.training.session import Session
from resnets.weights.classifier import Classifier
from resnets.weights.model_info import DataFingerprint


def conclude(session: Session, dataset: Dataset) -> tuple[Classifier, Evaluation | None]:
    """Measure the network that the run keeps, and write its model file.

    With a validation split the temperature of its probabilities is fitted; the figures are those of the
    test split, where there is one.

    Args:
        session: at its end.
        dataset: that was learned.
    """
    network = kept_network(session).cpu()
    classifier = Classifier.from_network(
        network.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        preprocessing=session.preprocessing,
        class_names=dataset.class_names,
        class_ids=dataset.class_ids,
        recipe=session.settings.model_dump(mode="json", exclude_none=True),
        data=DataFingerprint(**asdict(fingerprint(dataset))),
    )
    evaluation = measure(classifier, dataset, session)
    if evaluation is not None:
        classifier.info = classifier.info.model_copy(update={"metrics": evaluation.metrics})
    classifier.save(session.run.model_path)
    return classifier, evaluation


def kept_network(session: Session) -> nn.Module:
    """The network of the best epoch, or of the last; its gates have become part of its weights."""
    learner = session.learner
    network = learner.evaluated
    if session.settings.select == "best" and session.selection.step is not None:
        step = session.selection.step
        best = Checkpoint(step, session.run.checkpoints / f"step-{step:08d}")
        tensors, _ = load_checkpoint(best.path)
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
        session.interruption.check()

    if "val" in dataset.splits:
        return calibrate(classifier, dataset, on_batch=go_on)
    if "test" in dataset.splits and (dataset.splits["test"].labels >= 0).any():
        return evaluate(classifier, dataset, split="test", on_batch=go_on)
    return None
