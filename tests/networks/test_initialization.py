"""Starting values follow the papers' rules, and nothing is forgotten."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import resnets
from resnets.networks import initialize
from resnets.units import ResidualUnit, SqueezeExcitation


@pytest.mark.parametrize("name", ["resnet18", "resnetv2_50", "resnext50_32x4d", "seresnet18", "plain20"])
def test_convolutions_have_fan_out_variance(name: str) -> None:
    """arXiv:1502.01852, eq. 14: variance 2 / (k^2 C_out), in groups C_out / groups."""
    network = resnets.create_model(name)
    checked = 0
    for module in network.modules():
        if not isinstance(module, nn.Conv2d) or module.weight.numel() < 2000:
            continue
        weight = module.weight
        fan_out = module.kernel_size[0] ** 2 * module.out_channels
        # torch counts the fan of the whole tensor: in groups the same as without.
        expected = math.sqrt(2 / fan_out)
        tolerance = 5 / math.sqrt(2 * weight.numel())
        assert weight.std().item() == pytest.approx(expected, rel=tolerance)
        assert abs(weight.mean().item()) < 5 * expected / math.sqrt(weight.numel())
        checked += 1
    assert checked > 5


@pytest.mark.parametrize("name", ["wrn-16-4", "resnet32", "resnetv2_29", "resnext29_2x64d"])
def test_convolutions_can_have_fan_in_variance(name: str) -> None:
    """arXiv:1502.01852, eq. 10: variance 2 / (k^2 C_in), in groups C_in / groups."""
    network = resnets.create_model(name, init="fan_in")
    checked = 0
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() >= 2000:
            fan_in = module.kernel_size[0] ** 2 * module.in_channels // module.groups
            tolerance = 5 / math.sqrt(2 * module.weight.numel())
            assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=tolerance)
            checked += module.in_channels != module.out_channels
    assert checked > 1


@pytest.mark.parametrize("name", ["resnet20", "resnetv2_29", "vgg11_bn", "seresnet20"])
def test_norms_and_biases_start_neutral(name: str) -> None:
    more = {"hidden_features": 4} if name.startswith("vgg") else {}
    network = resnets.create_model(name, **more)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert torch.equal(module.weight, torch.ones_like(module.weight))
            assert not module.bias.any()
            assert not module.get_buffer("running_mean").any()
            assert torch.equal(module.get_buffer("running_var"), torch.ones_like(module.weight))
            assert module.num_batches_tracked == 0
        elif isinstance(module, nn.Conv2d) and module.bias is not None:
            assert not module.bias.any()


def test_linear_layers_are_uniform_in_the_fan_in() -> None:
    network = resnets.create_model("resnet18")
    layer = network.get_submodule("classifier")
    assert isinstance(layer, nn.Linear)
    bound = 1 / math.sqrt(512)
    assert layer.weight.abs().max() <= bound
    assert layer.weight.abs().max() > 0.99 * bound
    assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.01)
    assert layer.bias.abs().max() <= bound


class Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (Odd(), "Odd"),
        (nn.LayerNorm(3), "LayerNorm"),
        (nn.BatchNorm1d(3), "BatchNorm1d"),
        (nn.PReLU(), "PReLU"),
        (nn.Conv1d(1, 1, 1), "Conv1d"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_unknown_modules_are_refused(module: nn.Module, kind: str) -> None:
    with pytest.raises(AssertionError) as caught:
        initialize(nn.Sequential(nn.ReLU(), module))
    assert str(caught.value).splitlines()[0] == f"no starting values for 1: {kind}"


def test_initialize_starts_a_trained_network_afresh() -> None:
    network = resnets.create_model("resnet20")
    network(torch.randn(4, 3, 16, 16))
    for parameter in network.parameters():
        nn.init.constant_(parameter, 9.0)
    torch.manual_seed(7)
    initialize(network)
    torch.manual_seed(7)
    fresh = resnets.create_model("resnet20")
    for (name, one), two in zip(network.state_dict().items(), fresh.state_dict().values(), strict=True):
        assert torch.equal(one, two), name


def test_squeeze_excitation_keeps_its_biases() -> None:
    network = resnets.create_model("seresnet20")
    gates = [m for m in network.modules() if isinstance(m, SqueezeExcitation)]
    assert len(gates) == len([m for m in network.modules() if isinstance(m, ResidualUnit)]) == 9
    assert all(gate.reduce.bias is not None and gate.expand.bias is not None for gate in gates)


def test_a_seed_is_enough_and_the_generator_moves_on() -> None:
    torch.manual_seed(3)
    one, two = resnets.create_model("resnet20"), resnets.create_model("resnet20")
    torch.manual_seed(3)
    again = resnets.create_model("resnet20")
    assert torch.equal(one.get_parameter("stem.conv.weight"), again.get_parameter("stem.conv.weight"))
    assert not torch.equal(one.get_parameter("stem.conv.weight"), two.get_parameter("stem.conv.weight"))
