"""Depth that varies: which units run, what that saves, and that expanding changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import resnets
from resnets.errors import ConfigError, GateError, UnsupportedError
from resnets.networks import current_gates, network_units
from resnets.training.depth import (
    draw_gates,
    every_kth_unit,
    expand,
    fold_gates,
    survival_probabilities,
)

ADDING = ["resnet14", "resnetv2_20", "resnetv2_20_basic", "resnext29_2x4d", "seresnet14", "wrn-16-1"]


def multiply_adds(network: Any) -> int:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(torch.zeros(1, network.in_channels, 32, 32))
    return int(counter.get_total_flops() // 2)


def test_survival_falls_linearly_to_the_last_unit() -> None:
    # arXiv:1603.09382: L = 54 for ResNet-110, p_l = 1 - l/L (1 - p_L)
    probabilities = survival_probabilities(resnets.create_model("resnet110"))
    assert len(probabilities) == 54
    assert probabilities[-1] == 0.5
    assert probabilities[0] == pytest.approx(1 - 1 / 108)
    assert sum(probabilities) / 54 == pytest.approx(0.745, abs=0.001)  # "about 40 of 54 blocks"


def test_gates_are_drawn_with_their_probabilities() -> None:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.tensor([draw_gates((0.9, 0.5, 0.1), generator=generator) for _ in range(4000)])
    assert drawn.mean(dim=0).tolist() == pytest.approx([0.9, 0.5, 0.1], abs=0.03)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}


def test_processes_with_one_seed_draw_the_same_gates() -> None:
    draws = [
        [draw_gates((0.5,) * 54, generator=generator) for _ in range(3)]
        for generator in (torch.Generator().manual_seed(7), torch.Generator().manual_seed(7))
    ]
    assert draws[0] == draws[1]
    assert draws[0][0] != draws[0][1]


@pytest.mark.parametrize("name", ADDING)
def test_a_unit_that_is_switched_off_does_not_run(name: str) -> None:
    network: Any = resnets.create_model(name).eval()
    units = network_units(network)
    calls: list[str] = []
    for unit_name, unit in units.items():
        unit.residual.register_forward_hook(lambda *_, unit_name=unit_name: calls.append(unit_name))
    gates = [float(i % 2) for i in range(len(units))]
    resnets.set_gates(network, gates)
    network(torch.zeros(2, 3, 32, 32))
    assert calls == [unit for unit, gate in zip(units, gates, strict=True) if gate]


def test_the_work_saved_is_that_of_the_residuals() -> None:
    network: Any = resnets.create_model("resnet14").eval()
    whole: Any = multiply_adds(network)
    resnets.set_gates(network, [1, 0] * 3)
    # the second unit of each stage: two 3x3 convolutions of 16, 32 and 64 channels
    saved = sum(2 * 9 * c * c * size**2 for c, size in ((16, 32), (32, 16), (64, 8)))
    assert multiply_adds(network) == whole - saved


@pytest.mark.parametrize("name", ADDING)
def test_a_gate_scales_the_residual(name: str) -> None:
    network: Any = resnets.create_model(name).eval()
    unit: Any = list(network_units(network).values())[-1]
    captured: list[torch.Tensor] = []
    handle = unit.register_forward_pre_hook(lambda _, inputs: captured.append(inputs[0]))
    network(torch.randn(2, 3, 32, 32))
    handle.remove()
    (x,) = captured
    with torch.no_grad():
        a = unit.preactivation(x)
        shortcut = unit.shortcut(a if unit.share_preactivation else x)
        expected = unit.activation(shortcut + 0.25 * unit.residual(a))
        unit.gate = 0.25
        assert torch.equal(unit(x), expected)
        unit.gate = 0.0
        assert torch.equal(unit(x), unit.activation(shortcut))


def test_gates_that_do_not_fit_are_refused_and_change_nothing() -> None:
    network: Any = resnets.create_model("resnet14")
    with pytest.raises(GateError) as count:
        resnets.set_gates(network, [1.0])
    assert str(count.value) == "expected one gate for each of the 6 units; got 1"
    plain: Any = resnets.create_model("plain14")
    with pytest.raises(GateError) as kind:
        resnets.set_gates(plain, [1, 0, 1, 1, 1, 1])
    assert str(kind.value) == (
        "stages.0.units.1 cannot be gated: it has no shortcut that would be left without its residual"
    )
    assert current_gates(plain) == (1.0,) * 6
    with pytest.raises(GateError):
        resnets.set_gates(resnets.create_model("densenet-bc-16-4"), [0.0] * 6)


@pytest.mark.parametrize("name", ["plain14", "vgg11", "densenet-bc-16-4"])
def test_networks_without_shortcuts_have_no_variable_depth(name: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        survival_probabilities(resnets.create_model(name))
    assert str(caught.value) == (
        "the depth of this network cannot vary: stages.0.units.0 has no shortcut to fall back on"
    )


def test_wrong_numbers_are_refused() -> None:
    network: Any = resnets.create_model("resnet14")
    with pytest.raises(ConfigError) as last:
        survival_probabilities(network, last=0.0)
    assert str(last.value) == (
        "1 problem in stochastic depth: last must be above 0 and at most 1, got 0.0"
    )
    with pytest.raises(ConfigError) as k:
        every_kth_unit(network, 0)
    assert str(k.value) == "1 problem in progressive depth: k must be at least 1, got 0"


@pytest.mark.parametrize("name", ADDING)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_expansion_changes_no_output(name: str, mode: str) -> None:
    torch.manual_seed(3)
    network: Any = resnets.create_model(name).train()
    images = torch.randn(4, 3, 32, 32)
    resnets.set_gates(network, every_kth_unit(network, 2) if name != "resnetv2_20" else [1, 0] * 3)
    network(images)  # running statistics of the units that run
    network.train(mode == "train")
    before = network(images)
    opened = expand(network)
    assert opened
    assert current_gates(network) == (1.0,) * len(network_units(network))
    assert torch.allclose(network(images), before, rtol=0, atol=1e-6)


def test_expanded_units_learn() -> None:
    network: Any = resnets.create_model("resnet26").train()
    resnets.set_gates(network, every_kth_unit(network, 2))
    opened = expand(network)
    network(torch.randn(4, 3, 32, 32)).square().sum().backward()
    for name in opened:
        norm: Any = network.get_submodule(f"{name}.residual.norm2")
        assert norm.weight.grad is not None
        assert norm.weight.grad.abs().sum() > 0


def test_a_step_leaves_dropped_units_alone() -> None:
    network: Any = resnets.create_model("resnet14").train()
    resnets.set_gates(network, [1, 0, 1, 1, 1, 1])
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    dropped = network.get_submodule("stages.0.units.1")
    assert all(parameter.grad is None for parameter in dropped.parameters())


def test_an_exported_network_leaves_out_what_is_switched_off() -> None:
    network: Any = resnets.create_model("resnet14").eval()
    whole: Any = torch.export.export(network, (torch.zeros(2, 3, 32, 32),))
    resnets.set_gates(network, [1, 0, 1, 0, 1, 0])
    part: Any = torch.export.export(network, (torch.zeros(2, 3, 32, 32),))

    def convolutions(program: torch.export.ExportedProgram) -> int:
        return sum("conv2d" in str(node.target) for node in program.graph.nodes)

    assert convolutions(whole) - convolutions(part) == 6


@pytest.mark.parametrize("name", [name for name in ADDING if not name.startswith("se")])
def test_folded_gates_change_nothing(name: str) -> None:
    network = resnets.create_model(name).eval()
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
            torch.nn.init.normal_(norm.bias)
    images = torch.randn(2, 3, 32, 32)
    resnets.set_gates(network, survival_probabilities(network, last=0.5))
    expected = network(images)
    fold_gates(network)
    assert set(current_gates(network)) == {1.0}
    assert torch.allclose(network(images), expected, rtol=1e-4, atol=1e-4)


def test_a_gate_before_attention_cannot_be_folded() -> None:
    network = resnets.create_model("seresnet20")
    resnets.set_gates(network, [0.5] * 9)
    with pytest.raises(UnsupportedError) as caught:
        fold_gates(network)
    assert str(caught.value) == (
        "the gate of stages.0.units.0 cannot become part of its weights: only a unit that adds can take it, "
        "and whose residual ends in a norm or a convolution. Use drop_path_rate, which needs none"
    )


def test_depth_grows_in_steps() -> None:
    network = resnets.create_model("resnet26").eval()
    images = torch.randn(2, 3, 32, 32)
    resnets.set_gates(network, every_kth_unit(network, 4))
    before = network(images)
    opened = expand(network, every_kth_unit(network, 2))
    assert len(opened) == 3
    assert current_gates(network) == every_kth_unit(network, 2)
    assert torch.equal(network(images), before)
