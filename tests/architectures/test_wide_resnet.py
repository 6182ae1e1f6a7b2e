"""Wide ResNet: names, block types, depth as the paper counts it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import resnets
from resnets.architectures.creation import resolve
from resnets.errors import DepthError, UnknownNameError
from resnets.registry import find_architecture


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("wrn-28-10", "wrn-28-10"),
        ("WRN-28-10", "wrn-28-10"),
        ("wrn_28_10", "wrn-28-10"),
        ("wrn28-10", "wrn-28-10"),
        ("WRN-40-2-B(1,3,1)", "wrn-40-2-b131"),
        ("wrn-22-2-b313", "wrn-22-2-b313"),
        ("wrn-16-8-b(3,3)", "wrn-16-8"),
        ("wrn-28-10-dropout0.3", "wrn-28-10-dropout0.3"),
        ("WRN-16-4-B(3,1)-dropout(0.4)", "wrn-16-4-b31-dropout0.4"),
        ("wrn-16-4-b33333", "wrn-16-4-b33333"),
    ],
)
def test_names(written: str, name: str) -> None:
    assert find_architecture(written).name == name


def test_names_that_mean_nothing() -> None:
    with pytest.raises(DepthError) as caught:
        find_architecture("wrn-30-10")
    assert str(caught.value) == (
        "Wide ResNet depth must be 6n+4 (10, 16, 22, 28, ...); got 30, nearest are 28 and 34"
    )
    for name in ("wrn-28", "wrn-28-0", "wrn-28-10-b22", "wrn-28-10-dropout1.5"):
        with pytest.raises(UnknownNameError):
            find_architecture(name)


# arXiv:1605.07146, table 2: k = 2, parameters as printed; "depth" is 6N+4 for every block type
@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("wrn-40-2-b131", 1.4),
        ("wrn-40-2-b31", 1.2),
        ("wrn-40-2-b13", 1.3),
        ("wrn-40-2-b311", 1.3),
        ("wrn-28-2", 1.5),
        ("wrn-22-2-b313", 1.1),
    ],
)
def test_block_types_have_the_printed_parameters(name: str, millions: float) -> None:
    assert round(resnets.describe(name).parameters / 1e6, 1) == millions


# table 3: WRN-40-2 with l 3x3 convolutions per unit, twelve per stage in every case
@pytest.mark.parametrize(("convolutions", "num_units"), [(1, 12), (2, 6), (3, 4), (4, 3)])
def test_units_of_any_number_of_convolutions(convolutions: int, num_units: int) -> None:
    depth = 6 * num_units + 4
    name = f"wrn-{depth}-2-b{'3' * convolutions}"
    assert resnets.describe(name).parameters == 2_243_546


def test_dropout_stands_between_the_convolutions() -> None:
    network: Any = resnets.create_model("wrn-16-1-b313-dropout0.3")
    names = [name for name, _ in network.stages[1].units[0].residual.named_children()]
    assert names == [
        *("conv1", "norm1", "act1", "dropout1"),
        *("conv2", "norm2", "act2", "dropout2", "conv3"),
    ]
    assert {m.p for m in network.modules() if isinstance(m, nn.Dropout)} == {0.3}
    assert not any(isinstance(m, nn.Dropout) for m in resnets.create_model("wrn-16-1").modules())


def test_an_identity_shortcut_reads_the_input_itself() -> None:
    # k = 1 leaves the first stage's channels as they are: the authors' code has an identity there
    same: Any = resnets.create_model("wrn-16-1")
    assert not same.stages[0].units[0].share_preactivation
    wide: Any = resnets.create_model("wrn-16-2")
    assert wide.stages[0].units[0].share_preactivation


def test_imagenet_networks_are_wide_inside_only() -> None:
    network: Any = resnets.create_model("wide_resnet50_2", num_classes=2)
    branch = network.stages[0].units[0].residual
    assert branch.conv2.weight.shape == (128, 128, 3, 3)
    assert branch.conv3.weight.shape == (256, 128, 1, 1)
    with torch.no_grad():
        assert network.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 2)


def test_options_of_the_row_are_kept() -> None:
    _, options = resolve("wrn-28-10-dropout0.3", {"num_classes": 100})
    assert options.model_dump()["dropout"] == 0.3
