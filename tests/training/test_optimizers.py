"""Groups of parameters, their decay and rates, and that a resumed optimizer goes on bit for bit."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

import resnets
from resnets.errors import UnsupportedError
from resnets.networks import network_units, set_gates
from resnets.recipes.settings import TrainingSettings
from resnets.training.freezing import set_training_mode
from resnets.training.optimizers import make_optimizer, set_learning_rate

IMAGES = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def settings(**options: Any) -> TrainingSettings:
    return TrainingSettings.model_validate(options)


def step(network: Any, optimizer: torch.optim.Optimizer, seed: int) -> None:
    torch.manual_seed(seed)
    optimizer.zero_grad()
    network(IMAGES * torch.rand(1)).square().mean().backward()
    optimizer.step()


def test_fused_sgd_as_torch_has_it() -> None:
    network: Any = resnets.create_model("resnet8")
    plain = copy.deepcopy(network)
    ours = make_optimizer(network, settings(optimizer={"weight_decay": 5e-4}), learning_rate=0.1)
    assert ours.defaults["fused"] is True
    theirs = torch.optim.SGD(
        plain.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, foreach=False
    )
    for seed in range(3):
        step(network, ours, seed)
        step(plain, theirs, seed)
    torch.testing.assert_close(network.state_dict(), plain.state_dict())


def test_adamw_as_torch_has_it() -> None:
    network: Any = resnets.create_model("resnet8")
    plain = copy.deepcopy(network)
    chosen = {"name": "adamw", "betas": [0.8, 0.95], "epsilon": 1e-6, "weight_decay": 0.05}
    ours = make_optimizer(network, settings(optimizer=chosen), learning_rate=0.01)
    assert ours.defaults["fused"] is True
    theirs = torch.optim.AdamW(
        plain.parameters(), lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.05, foreach=False
    )
    for seed in range(3):
        step(network, ours, seed)
        step(plain, theirs, seed)
    torch.testing.assert_close(network.state_dict(), plain.state_dict(), rtol=1e-4, atol=1e-5)


def test_sgd_without_momentum() -> None:
    network: Any = resnets.create_model("resnet8")
    optimizer = make_optimizer(network, settings(optimizer={"momentum": 0.0}), learning_rate=0.1)
    step(network, optimizer, 0)
    assert not optimizer.state_dict()["state"]


@pytest.mark.parametrize("name", ["sgd", "adamw", "lamb"])
def test_units_may_get_their_first_gradient_late(name: str) -> None:
    """PyTorch's fused SGD fails there: 'expected Tensor as element 3 in argument 2, but got NoneType'."""
    network: Any = resnets.create_model("resnet14")
    optimizer = make_optimizer(network, settings(optimizer={"name": name}), learning_rate=1e-3)
    late = "stages.0.units.1.residual.conv1.weight"
    set_gates(network, [1, 0, 1, 0, 1, 0])
    before = network.get_parameter(late).clone()
    step(network, optimizer, 0)
    assert torch.equal(network.get_parameter(late), before)
    set_gates(network, None)
    step(network, optimizer, 1)
    assert not torch.equal(network.get_parameter(late), before)


def test_decay_of_all_or_of_weights() -> None:
    network = resnets.create_model("seresnet14")
    (group,) = make_optimizer(network, settings(), learning_rate=0.1).param_groups
    assert (group["name"], group["weight_decay"]) == ("network", 1e-4)
    assert len(group["params"]) == len(list(network.parameters()))

    chosen = settings(optimizer={"decay": "weights"})
    groups = make_optimizer(network, chosen, learning_rate=0.1).param_groups
    assert [(group["name"], group["weight_decay"]) for group in groups] == [
        ("network", 1e-4),
        ("network, biases and norms", 0.0),
    ]
    decayed = {id(parameter) for parameter in groups[0]["params"]}
    for module_name, module in network.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            is_weight = isinstance(module, nn.Conv2d | nn.Linear) and name == "weight"
            assert (id(parameter) in decayed) == is_weight, f"{module_name}.{name}"


def test_early_parts_learn_less() -> None:
    network = resnets.create_model("resnetv2_20")
    chosen = settings(fine_tuning={"stage_decay": 0.5}, freeze=["stem"])
    optimizer = make_optimizer(network, chosen, learning_rate=0.8)
    rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
    assert rates == {
        "stages.0": 0.1,
        "stages.1": 0.2,
        "stages.2": 0.4,
        "final": 0.4,
        "classifier": 0.8,
    }
    set_learning_rate(optimizer, 0.08)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(
        [0.01, 0.02, 0.04, 0.04, 0.08]
    )
    assert not any(parameter.requires_grad for parameter in network.get_submodule("stem").parameters())


def test_the_order_is_that_of_the_network() -> None:
    network = resnets.create_model("resnet8")
    for chosen in (settings(), settings(fine_tuning={})):
        groups = make_optimizer(network, chosen, learning_rate=0.1).param_groups
        order = [id(parameter) for group in groups for parameter in group["params"]]
        assert order == [id(parameter) for parameter in network.parameters()]


def test_parts_are_needed_for_fine_tuning_only() -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    assert len(make_optimizer(network, settings(), learning_rate=0.1).param_groups) == 1
    with pytest.raises(UnsupportedError, match="this network cannot be trained part by part"):
        make_optimizer(network, settings(fine_tuning={}), learning_rate=0.1)


@pytest.mark.parametrize("name", ["sgd", "adamw", "lamb"])
def test_goes_on_bit_for_bit(name: str) -> None:
    """From tensors alone, as a checkpoint has them, and in the middle of a head phase."""
    chosen = settings(optimizer={"name": name, "decay": "weights"}, fine_tuning={})
    network: Any = resnets.create_model("resnet8")
    optimizer = make_optimizer(network, chosen, learning_rate=0.01)
    set_training_mode(network, [], head_only=True)
    step(network, optimizer, 0)

    resumed = copy.deepcopy(network)
    again = make_optimizer(resumed.requires_grad_(), chosen, learning_rate=0.01)
    state = copy.deepcopy(optimizer.state_dict()["state"])
    assert all(isinstance(value, torch.Tensor) for values in state.values() for value in values.values())
    again.load_state_dict({"state": state, "param_groups": again.state_dict()["param_groups"]})

    for seed, head_only in enumerate((True, False, False), start=1):
        for one, one_optimizer in ((network, optimizer), (resumed, again)):
            set_training_mode(one, [], head_only=head_only)
            step(one, one_optimizer, seed)
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[key]), key


def test_every_parameter_has_its_state_at_once() -> None:
    network = resnets.create_model("resnet14")
    optimizer = make_optimizer(network, settings(), learning_rate=0.1)
    assert len(optimizer.state_dict()["state"]) == len(list(network.parameters()))
    assert len(network_units(network)) == 6
