"""One step: what it changes, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import resnets
from resnets.config import validate
from resnets.errors import NonFiniteError
from resnets.recipes.settings import TrainingSettings
from resnets.training.learner import Learner


def make(**changed: Any) -> Learner:
    values = {"complete": True, "optimizer": {"learning_rate": 0.1}, **changed}
    settings = validate(TrainingSettings, values, source="the test")
    torch.manual_seed(0)
    network = resnets.create_model("resnet8", num_classes=4)
    return Learner(network, settings, class_counts=[8, 8, 8, 8])


IMAGES, LABELS = torch.randn(16, 3, 8, 8), torch.arange(16) % 4


def weights(learner: Learner) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}


def test_accumulation_gives_the_same_step_where_statistics_are_fixed() -> None:
    """Batch norms see each part by itself; frozen ones do not look."""
    frozen = ["stem", "stages.0.units.0", "stages.1", "stages.2"]
    ends = []
    for accumulation in (1, 3):
        learner = make(accumulation=accumulation, freeze=frozen)
        learner.begin_epoch(0, at_start=True)
        outcome = learner.step(IMAGES, LABELS, learning_rate=0.1, number=0)
        ends.append((weights(learner), outcome))
    (whole, one), (divided, other) = ends
    assert one.loss == pytest.approx(other.loss, rel=1e-6)
    assert one.num_correct == other.num_correct
    for name, tensor in whole.items():
        assert torch.allclose(tensor, divided[name], rtol=1e-5, atol=1e-7), name


def test_a_step_is_that_of_plain_torch() -> None:
    learner = make(optimizer={"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 1e-3})
    torch.manual_seed(0)
    network = resnets.create_model("resnet8", num_classes=4).train()
    optimizer = torch.optim.SGD(
        network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3
    )
    learner.begin_epoch(0, at_start=True)
    for number in range(3):
        outcome = learner.step(IMAGES, LABELS, learning_rate=0.1, number=number)
        loss = torch.nn.functional.cross_entropy(network(IMAGES), LABELS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert outcome.loss == pytest.approx(loss.item(), rel=1e-5)
    for name, tensor in network.state_dict().items():
        assert torch.allclose(learner.network.state_dict()[name], tensor, rtol=1e-4, atol=1e-6), name


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nothing_changes_if_a_number_is_none(value: float) -> None:
    learner = make(averaging={"decay": 0.9})
    learner.begin_epoch(0, at_start=True)
    images = IMAGES.clone()
    images[3, 0, 0, 0] = value
    before = {name: p.detach().clone() for name, p in learner.network.named_parameters()}
    with pytest.raises(NonFiniteError, match="the images have 1 "):
        learner.step(images, LABELS, learning_rate=0.1, number=0)
    assert all(torch.equal(p, before[name]) for name, p in learner.network.named_parameters())


def test_what_is_drawn_belongs_to_the_step() -> None:
    """Dropped paths depend on the number of the step, not on what was drawn before it."""
    settings = validate(
        TrainingSettings, {"complete": True, "optimizer": {"learning_rate": 0.1}}, source="the test"
    )
    losses = []
    for first in (0, 5):
        torch.manual_seed(0)
        network = resnets.create_model("resnet14", num_classes=4, drop_path_rate=0.5)
        learner = Learner(network, settings, class_counts=[8, 8, 8, 8])
        learner.begin_epoch(0, at_start=True)
        torch.rand(first)
        losses.append(learner.step(IMAGES, LABELS, learning_rate=0.1, number=7).loss)
    assert losses[0] == losses[1]
