"""Every variant of tables 1 and 2 is the unit that the paper writes down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import resnets
from resnets.analysis.anatomy import unit_anatomy
from resnets.errors import DepthError, UnknownNameError
from resnets.experiments.identity_mappings import VARIANTS, build_variant
from resnets.networks import network_units

FORMULAS = {
    "original": "f(x + F(x))",
    "scaling-0-1": "f(ScaledAdd(x, F(x)))",
    "scaling-0.5-1": "f(ScaledAdd(x, F(x)))",
    "scaling-0.5-0.5": "f(ScaledAdd(x, F(x)))",
    "exclusive-gating-0": "f(T F(x) + (1 - T) x)",
    "exclusive-gating-6": "f(T F(x) + (1 - T) x)",
    "exclusive-gating-7": "f(T F(x) + (1 - T) x)",
    "shortcut-gating-0": "f(ShortcutGate(x, F(x)))",
    "shortcut-gating-6": "f(ShortcutGate(x, F(x)))",
    "projection": "f(h(x) + F(x))",
    "dropout": "f(h(x) + F(x))",
    "norm-after-addition": "f(x + F(x))",
    "relu-before-addition": "x + F(x)",
    "relu-only-preactivation": "x + F(a)",
    "full-preactivation": "x + F(a)",
}


@pytest.mark.parametrize("name", list(VARIANTS))
def test_a_variant_trains(name: str) -> None:
    network: Any = build_variant(name, depth=14).train()
    scores = network(torch.randn(2, 3, 32, 32))
    scores.square().sum().backward()
    assert scores.shape == (2, 10)
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("name", list(VARIANTS))
def test_units_have_the_form_of_the_paper(name: str) -> None:
    unit: Any = network_units(build_variant(name, depth=14))["stages.0.units.1"]
    assert unit_anatomy(unit).formula() == FORMULAS[name]


def run(name: str, x: torch.Tensor, **values: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A unit's output and F(x), norms in evaluation mode."""
    unit: Any = network_units(build_variant(name, depth=14).eval())["stages.0.units.1"]
    with torch.no_grad():
        return unit(x), unit.residual(unit.preactivation(x))


def test_formulas_in_numbers() -> None:
    x = torch.randn(2, 16, 8, 8)
    relu = torch.relu
    cases: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "original": lambda f: relu(x + f),
        "scaling-0-1": lambda f: relu(f),
        "scaling-0.5-1": lambda f: relu(0.5 * x + f),
        "scaling-0.5-0.5": lambda f: relu(0.5 * x + 0.5 * f),
        "relu-before-addition": lambda f: x + f,
        "full-preactivation": lambda f: x + f,
        "relu-only-preactivation": lambda f: x + f,
    }
    for name, expected in cases.items():
        output, residual = run(name, x)
        assert torch.allclose(output, expected(residual)), name


@pytest.mark.parametrize(
    ("name", "exclusive"), [("exclusive-gating-6", True), ("shortcut-gating-6", False)]
)
def test_gates(name: str, exclusive: bool) -> None:
    x = torch.randn(2, 16, 8, 8)
    unit: Any = network_units(build_variant(name, depth=14).eval())["stages.0.units.1"]
    with torch.no_grad():
        conv = unit.merge.gate.conv
        g = torch.sigmoid(
            torch.einsum("oi,nihw->nohw", conv.weight[:, :, 0, 0], x) + conv.bias.view(-1, 1, 1)
        )
        residual = unit.residual(x)
        expected = torch.relu((1 - g) * x + (g * residual if exclusive else residual))
        assert torch.allclose(unit(x), expected, atol=1e-6)
        assert torch.all(conv.bias == -6.0)


def test_dropout_acts_on_the_shortcut_only() -> None:
    unit: Any = network_units(build_variant("dropout", depth=14))["stages.0.units.1"].train()
    dropped = unit.shortcut(torch.ones(1, 16, 64, 64))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}


def test_all_have_the_parameters_of_resnet_110_but_for_gates_and_projections() -> None:
    plain: Any = sum(p.numel() for p in build_variant("original").parameters())
    assert plain == 1_727_962  # He et al. 2015: 1.7M
    for name in ("scaling-0.5-0.5", "norm-after-addition", "relu-before-addition", "dropout"):
        assert sum(p.numel() for p in build_variant(name).parameters()) == plain
    gates = 18 * sum(c * c + c for c in (16, 32, 64))
    gated = sum(p.numel() for p in build_variant("exclusive-gating-6").parameters())
    assert gated == plain + gates


def test_original_and_full_preactivation_are_members_of_the_family() -> None:
    images = torch.randn(2, 3, 32, 32)
    torch.manual_seed(0)
    variant: Any = build_variant("original", depth=20).eval()
    network: Any = resnets.create_model("resnet20").eval()
    network.load_state_dict(variant.state_dict())
    assert torch.equal(network(images), variant(images))


def test_errors() -> None:
    with pytest.raises(UnknownNameError) as name:
        build_variant("original1")
    assert str(name.value).startswith(
        "no variant of the unit named 'original1'. Did you mean 'original'? All names: original, "
    )
    with pytest.raises(DepthError):
        build_variant("original", depth=21)
