"""Parts that do not learn keep every number, and parts are found in every kind of network."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import resnets
from resnets.architectures import creation
from resnets.errors import ConfigError, UnsupportedError
from resnets.registry import registered_architectures
from resnets.training.freezing import freeze, parts, set_training_mode

IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
STAGES = ["stages.0", "stages.1", "stages.2"]


def trained(network: Any, optimizer: torch.optim.Optimizer) -> set[str]:
    """Names of the tensors that a step changes."""
    before = copy.deepcopy(network.state_dict())
    network(IMAGES).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
    after: dict[str, Tensor] = network.state_dict()
    return {name for name in after if not torch.equal(before[name], after[name])}


def sgd(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("resnet8", {}, ["stem", *STAGES, "classifier"]),
        ("resnetv2_20", {}, ["stem", *STAGES, "final", "classifier"]),
        ("densenet-40-12", {}, ["stem", *STAGES, "final", "classifier"]),
        ("wrn-10-1", {}, ["stem", *STAGES, "final", "classifier"]),
        ("plain20", {}, ["stem", *STAGES, "classifier"]),
        ("vgg11", {"hidden_features": 8}, [*(f"stages.{i}" for i in range(5)), "classifier"]),
    ],
)
def test_parts_from_the_images_to_the_scores(
    name: str, options: dict[str, Any], expected: list[str]
) -> None:
    network = resnets.create_model(name, **options)
    found = parts(network)
    assert list(found) == expected
    in_parts = [id(parameter) for part in found.values() for parameter in part.parameters()]
    assert in_parts == [id(parameter) for parameter in network.parameters()]


def test_no_part_of_any_family_is_forgotten() -> None:
    rows = sorted(registered_architectures(), key=lambda row: -(row.parameters or 0))
    smallest = {row.family.name: row.name for row in rows}
    assert len(smallest) >= 10
    with torch.device("meta"):
        made = [creation.create_model(name) for name in smallest.values()] + [resnets.residual_rnn()]
    for network in made:
        count = sum(len(list(part.parameters())) for part in parts(network).values())
        assert count == len(list(network.parameters()))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: nn.Sequential(nn.Linear(2, 2)),
            "this network cannot be trained part by part: it must be a chain of stem, stages and "
            "classifier, got Sequential",
        ),
        (
            lambda: resnets.resunet("resnet8", num_classes=2),
            "this network cannot be trained part by part: it must be a chain of stem, stages and "
            "classifier, got ResidualUNet",
        ),
        (
            lambda: resnets.create_model("resnet8", include_top=False),
            "this network cannot be trained part by part: it has no classifier. Make it with "
            "include_top=True and num_classes",
        ),
    ],
    ids=["foreign", "u", "no classifier"],
)
def test_networks_without_parts(make: Any, text: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        parts(make())
    assert str(raised.value) == text


def test_frozen_parts_keep_weights_and_statistics() -> None:
    network = resnets.create_model("resnet8")
    set_training_mode(network, ["stem", "stages.1.units.0.residual"])
    changed = trained(network, sgd(network))
    kept = network.state_dict().keys() - changed
    assert kept == {
        name for name in network.state_dict() if name.startswith(("stem.", "stages.1.units.0.residual."))
    }
    assert network.get_submodule("stages.0").training
    assert not network.get_submodule("stem").training


def test_only_the_head_learns_and_then_everything() -> None:
    network = resnets.create_model("resnet8")
    set_training_mode(network, [])
    optimizer = sgd(network)
    assert trained(network, optimizer) == set(network.state_dict())  # momentum that must not go on
    network(IMAGES).mean().backward()  # gradients that must not be used
    set_training_mode(network, [], head_only=True)
    head = {"classifier.weight", "classifier.bias"}
    assert trained(network, optimizer) == head
    assert trained(network, optimizer) == head
    set_training_mode(network, ["stem"])
    changed = trained(network, optimizer)
    assert changed == {name for name in network.state_dict() if not name.startswith("stem.")}


def test_a_frozen_classifier_is_not_the_head_that_learns() -> None:
    network = resnets.create_model("resnet8")
    with pytest.raises(ConfigError) as raised:
        set_training_mode(network, ["classifier"], head_only=True)
    assert str(raised.value) == "1 problem in freeze: classifier: nothing is left to learn"


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (
            ["stage.0"],
            "1 problem in freeze: 'stage.0' is no part of this network, did you mean 'stages.0'?",
        ),
        (
            ["stem", "xyz", ""],
            "2 problems in freeze: 'xyz' is no part of this network, known are stem, stages, final, "
            "pool, classifier and what is in them; '' is no part of this network, known are stem, "
            "stages, final, pool, classifier and what is in them",
        ),
        (
            ["stem", "stages", "classifier"],
            "1 problem in freeze: stem, stages, classifier: nothing is left to learn",
        ),
    ],
    ids=["typo", "unknown", "everything"],
)
def test_names_that_cannot_be_frozen(names: list[str], text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        freeze(resnets.create_model("resnet8"), names)
    assert str(raised.value) == text
