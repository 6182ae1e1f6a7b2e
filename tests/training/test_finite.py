"""Lengths of gradients, and the place that is named where numbers stop being finite."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import resnets
from resnets.training.finite import clip_gradients, find_nonfinite, gradient_norm

IMAGES = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3])


def find(network: Any, images: Tensor = IMAGES) -> str:
    return find_nonfinite(network, images, LABELS, lambda x, y: functional.cross_entropy(network(x), y))


class Overflow(nn.Module):
    """Makes the second image infinite."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x[:1], torch.full_like(x[1:2], math.inf), x[2:]])


def test_norm_and_clipping_as_torch_has_them() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(2, 2))
    network[:2](torch.randn(5, 3)).square().sum().backward()
    twin = copy.deepcopy(network)
    for one, other in zip(network.parameters(), twin.parameters(), strict=True):
        other.grad = None if one.grad is None else one.grad.clone()
    expected = nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
    norm = gradient_norm(network.parameters())
    assert norm.item() == pytest.approx(expected.item())
    clip_gradients(network.parameters(), norm, 0.5)
    for one, other in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    assert gradient_norm(network.parameters()).item() == pytest.approx(0.5)
    before = [parameter.grad for parameter in network.parameters()]
    clip_gradients(network.parameters(), torch.tensor(0.5), 1.0)
    assert all(a is b for a, b in zip(before, [p.grad for p in network.parameters()], strict=True))


def test_the_norm_of_nothing_is_zero() -> None:
    assert gradient_norm([nn.Parameter(torch.ones(2))]).item() == 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_one_bad_gradient_is_seen_in_the_norm(value: float) -> None:
    parameters = [nn.Parameter(torch.ones(2)) for _ in range(3)]
    for parameter in parameters:
        parameter.grad = torch.ones(2)
    parameters[1].grad = torch.tensor([1.0, value])
    assert not gradient_norm(parameters).isfinite()


def test_images() -> None:
    images = IMAGES.clone()
    images[0, 0, 0, :2] = math.nan
    images[1, 0, 0, 0] = -math.inf
    network = resnets.create_model("resnet8")
    assert find(network, images) == "the images have 2 NaN and 1 infinite values of 3,072"


def test_weights() -> None:
    network = resnets.create_model("resnet8")
    with torch.no_grad():
        network.get_parameter("stages.0.units.0.residual.conv1.weight")[0, 0, 0, 0] = math.nan
    assert find(network) == (
        "the weights stages.0.units.0.residual.conv1.weight have 1 NaN values of 2,304"
    )


def test_the_first_module_and_nothing_changed() -> None:
    network: Any = resnets.create_model("resnet8", drop_path_rate=0.5).train()
    network.stages[1].units[0].residual.norm1 = Overflow()
    network(IMAGES)  # the step that failed: statistics behind the place are NaN from now on
    before = copy.deepcopy(network.state_dict())
    torch.manual_seed(3)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert find(network) == ("stages.1.units.0.residual.norm1 gives 2,048 infinite values of 8,192")
    assert torch.equal(torch.rand(1), drawn)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0, equal_nan=True, msg=name)
    assert not any(module._forward_hooks for module in network.modules())
    assert all(module.training for module in network.modules())


@pytest.mark.slow
def test_inside_a_compiled_network() -> None:
    network: Any = resnets.create_model("resnet8")
    compiled: Any = torch.compile(network, backend="eager")
    with torch.no_grad():
        network.stages[1].units[0].residual.norm1.weight.fill_(3e38)
    assert not compiled(IMAGES).isfinite().all()
    said = find_nonfinite(network, IMAGES, LABELS, lambda x, y: functional.cross_entropy(compiled(x), y))
    assert said.startswith("stages.1.units.0.residual.norm1 gives ")


def test_the_loss_function() -> None:
    network = resnets.create_model("resnet8")
    said = find_nonfinite(network, IMAGES, LABELS, lambda x, _: network(x).sum() * math.inf)
    assert said == "the loss function gives 1 infinite values of 1"


def test_gradients_from_the_scores_on() -> None:
    network = resnets.create_model("resnet8")
    functional.cross_entropy(network(IMAGES), LABELS).backward()
    assert find(network) == (
        "every number of the step is finite by itself, but not the norm of all gradients"
    )
    for name in ("stem.conv.weight", "stages.1.units.0.residual.conv2.weight"):
        gradient = network.get_parameter(name).grad
        assert gradient is not None
        gradient.fill_(math.nan)
    assert find(network) == (
        "the forward pass is finite, but the gradient of stages.1.units.0.residual.conv2.weight has "
        "9,216 NaN values of 9,216"
    )


def test_hooks_are_removed_when_the_network_fails() -> None:
    network = resnets.create_model("resnet8")

    def fail(_: Tensor, __: Tensor) -> Tensor:
        raise ValueError("out of luck")

    with pytest.raises(ValueError, match="out of luck"):
        find_nonfinite(network, IMAGES, LABELS, fail)
    assert not any(module._forward_hooks for module in network.modules())
