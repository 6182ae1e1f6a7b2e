"""Highway networks: the gate's formula, the paper's counts, a thousand layers."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import resnets
from resnets.errors import ConfigError, DepthError
from resnets.registry import find_architecture


def test_a_unit_is_the_formula() -> None:
    # arXiv:1507.06228, eq. 3: y = H(x) T(x) + x (1 - T(x))
    network: Any = resnets.create_model("highway-10-16")
    unit = network.stages[0].units[1]
    x = torch.randn(2, 16, 9, 9)
    h, t = unit.residual.conv1, unit.merge.gate.conv
    with torch.no_grad():
        transformed = torch.relu(functional.conv2d(x, h.weight, h.bias, padding=1))
        gate = torch.sigmoid(functional.conv2d(x, t.weight, t.bias, padding=1))
        assert torch.allclose(unit(x), transformed * gate + x * (1 - gate), atol=1e-6)


# table 1 prints 39K and 151K for the MNIST networks
@pytest.mark.parametrize(("width", "printed"), [(16, 39), (32, 151)])
def test_mnist_networks_have_the_printed_parameters(width: int, printed: int) -> None:
    described = resnets.describe(f"highway-10-{width}")
    assert round(described.parameters / 1000) == printed
    layers = 2 * (9 * width * width + width)  # of a convolutional highway layer
    first, last = 9 * width + width, 10 * 9 * width + 10
    assert described.parameters == 8 * layers + first + last


# table 2 prints ~236K, ~2.3M and ~1.25M, and no widths: ours come within two percent
@pytest.mark.parametrize(("depth", "printed"), [(11, 236e3), (19, 2.3e6), (32, 1.25e6)])
def test_cifar_networks_are_near_the_printed_parameters(depth: int, printed: float) -> None:
    assert resnets.describe(f"highway-{depth}").parameters == pytest.approx(printed, rel=0.02)


@pytest.mark.parametrize("name", ["highway-10-16", "highway-11", "highway-19", "highway-32"])
def test_depth_counts_convolutions_and_classifier(name: str) -> None:
    network: Any = resnets.create_model(name)
    layers = sum(len(stage.units) for stage in network.stages)
    assert layers + 1 == int(name.split("-")[1])


def test_the_32_layers_alternate() -> None:
    network: Any = resnets.create_model("highway-32")
    sizes = [u.residual.conv1.kernel_size[0] for stage in network.stages for u in stage.units]
    assert sizes == [3, 1] * 15 + [3]


def test_a_plain_layer_stands_where_the_width_changes() -> None:
    network: Any = resnets.create_model("highway-11")
    kinds = [type(unit.merge).__name__ for stage in network.stages for unit in stage.units]
    assert (
        kinds == ["ResidualOnly", "GatedMerge", "GatedMerge"] * 2 + ["ResidualOnly"] + ["GatedMerge"] * 3
    )


@pytest.mark.parametrize(("name", "bias"), [("highway-10-16", -2.0), ("highway-100-16", -4.0)])
def test_gates_start_negative(name: str, bias: float) -> None:
    network: Any = resnets.create_model(name)
    assert torch.all(network.stages[0].units[1].merge.gate.conv.bias == bias)
    other: Any = resnets.create_model(name, gate_bias=-7.0)
    assert torch.all(other.stages[2].units[1].merge.gate.conv.bias == -7.0)


def test_a_thousand_layers_build_and_train_a_step() -> None:
    start = time.perf_counter()
    network: Any = resnets.create_model("highway-1000-8").train()
    assert time.perf_counter() - start < 60
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    images, labels = torch.randn(4, 1, 28, 28), torch.arange(4)
    loss = nn.functional.cross_entropy(network(images), labels)
    loss.backward()
    first: Any = network.stages[0].units[0].residual.conv1.weight
    assert first.grad is not None
    assert first.grad.abs().max() > 1e-6  # the gradient has come through all of them
    optimizer.step()
    assert torch.isfinite(nn.functional.cross_entropy(network(images), labels))


def test_errors() -> None:
    with pytest.raises(DepthError) as shallow:
        find_architecture("highway-3-16")
    assert str(shallow.value) == (
        "Highway network depth must be 1n+3 (4, 5, 6, 7, ...); got 3, nearest is 4"
    )
    with pytest.raises(ConfigError) as bias:
        resnets.create_model("highway-11", gate_bias=1.0)
    assert str(bias.value) == (
        "1 problem in the options of highway-11: gate_bias must be less than 0, got 1.0"
    )
