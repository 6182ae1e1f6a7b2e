"""The gates of highway networks: readable per unit and image, and skippable where they stay closed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import resnets
from resnets.analysis.transform_gates import gate_openness, skip_closed_units
from resnets.errors import UnsupportedError
from resnets.networks import current_gates


def test_openness_is_the_mean_of_each_gate() -> None:
    network: Any = resnets.create_model("highway-10-16").eval()
    images = torch.randn(3, 1, 28, 28)
    openness = gate_openness(network, images)
    assert len(openness) == 8  # nine convolutions, of which the first is plain
    assert all(values.shape == (3,) for values in openness.values())
    x = network.stages[0].units[0](images)
    unit: Any = network.stages[0].units[1]
    logits = torch.nn.functional.conv2d(
        x, unit.merge.gate.conv.weight, unit.merge.gate.conv.bias, padding=1
    )
    expected = torch.sigmoid(logits).mean(dim=(1, 2, 3))
    assert torch.allclose(openness["stages.0.units.1"], expected, atol=1e-6)


def test_gates_start_nearly_closed() -> None:
    network: Any = resnets.create_model("highway-10-16").eval()
    closed: Any = gate_openness(network, torch.zeros(1, 1, 28, 28))["stages.0.units.1"]
    assert float(closed) == pytest.approx(1 / (1 + 2.718281828**2), rel=0.3)


def test_closed_units_are_skipped_and_the_cost_is_told() -> None:
    torch.manual_seed(0)
    network: Any = resnets.create_model("highway-10-16").eval()
    images = torch.randn(5, 1, 28, 28)
    closed: Any = network.stages[1].units[1].merge.gate.conv
    with torch.no_grad():
        closed.weight.zero_()
        closed.bias.fill_(-12.0)
    before = network(images)
    skipped = skip_closed_units(network, images, threshold=0.001)
    assert skipped.names == ("stages.1.units.1",)
    assert current_gates(network).count(0.0) == 1
    assert skipped.agreement == 1.0
    with torch.no_grad():
        difference = float((network(images) - before).abs().max())
    assert skipped.largest_difference == pytest.approx(difference)
    assert 0 < skipped.largest_difference < 1e-3
    resnets.set_gates(network, None)
    assert torch.equal(network(images), before)


def test_other_networks_have_no_gates() -> None:
    with pytest.raises(UnsupportedError) as caught:
        gate_openness(resnets.create_model("resnet14"), torch.zeros(1, 3, 32, 32))
    assert str(caught.value) == "this network has no highway units, whose gates could be read"
