"""Branches of any number of convolutions, and what is appended to them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import resnets
from resnets.units import (
    StochasticDepth,
    UnitShape,
    convolution_branch,
    extend_branch,
    max_pool,
    preactivation,
)
from resnets.units.branches import StrideOn, strided_convolution


def names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_children()]


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [m for m in module.modules() if isinstance(m, nn.Conv2d)]


DOWN = UnitShape(in_channels=4, width=6, out_channels=8, stride=2)


def test_layers_are_named_and_ordered() -> None:
    branch = convolution_branch(DOWN, kernel_sizes=(1, 3, 1))
    assert names(branch) == [
        *["conv1", "norm1", "act1"],
        *["conv2", "norm2", "act2"],
        *["conv3", "norm3"],
    ]
    assert names(convolution_branch(DOWN, kernel_sizes=(3,), last_norm=False)) == ["conv1"]


def test_channels() -> None:
    made = convolutions(convolution_branch(DOWN, kernel_sizes=(1, 3, 1)))
    assert [(c.in_channels, c.out_channels) for c in made] == [(4, 6), (6, 6), (6, 8)]
    (only,) = convolutions(convolution_branch(DOWN, kernel_sizes=(3,)))
    assert (only.in_channels, only.out_channels) == (4, 8)


@pytest.mark.parametrize(
    ("kernel_sizes", "stride_on", "place"),
    [
        ((3, 3), "first", 1),
        ((3, 3), "spatial", 1),
        ((1, 3, 1), "first", 1),
        ((1, 3, 1), "spatial", 2),
        ((1, 1, 5), "spatial", 3),
        ((1, 1), "spatial", 1),
    ],
)
def test_one_convolution_strides(kernel_sizes: tuple[int, ...], stride_on: StrideOn, place: int) -> None:
    assert strided_convolution(kernel_sizes, stride_on) == place
    made = convolutions(convolution_branch(DOWN, kernel_sizes=kernel_sizes, stride_on=stride_on))
    assert [i for i, c in enumerate(made, start=1) if c.stride == (2, 2)] == [place]


@given(
    st.lists(st.sampled_from([1, 3, 5, 7]), min_size=1, max_size=4),
    st.sampled_from(["first", "spatial"]),
    st.integers(1, 2),
    st.integers(1, 3),
    st.integers(1, 9),
)
@settings(deadline=None, max_examples=60)
def test_any_branch_keeps_or_halves_the_map(
    kernel_sizes: list[int], stride_on: StrideOn, stride: int, dilation: int, size: int
) -> None:
    shape = UnitShape(
        in_channels=2,
        width=2,
        out_channels=3,
        stride=stride,
        dilation=dilation,
        later_dilation=dilation,
    )
    with torch.device("meta"):
        branch = convolution_branch(shape, kernel_sizes=kernel_sizes, stride_on=stride_on).eval()
        side = -(-size // stride)
        assert branch(torch.empty(1, 2, size, size)).shape == (1, 3, side, side)


def test_groups_are_for_spatial_kernels() -> None:
    made = convolutions(convolution_branch(DOWN, kernel_sizes=(1, 3, 1), groups=3))
    assert [c.groups for c in made] == [1, 3, 1]


def test_dilation_is_for_spatial_kernels_and_changes_after_the_stride() -> None:
    shape = UnitShape(in_channels=4, width=4, out_channels=4, dilation=2, later_dilation=4)
    made = convolutions(convolution_branch(shape, kernel_sizes=(1, 3, 3, 1)))
    assert [c.dilation[0] for c in made] == [1, 2, 4, 1]
    assert [c.padding[0] for c in made] == [0, 2, 4, 0]


def test_biases_only_when_asked_for() -> None:
    assert all(c.bias is None for c in convolutions(convolution_branch(DOWN, kernel_sizes=(3, 3))))
    biased = convolution_branch(DOWN, kernel_sizes=(3, 3), bias=True)
    assert all(c.bias is not None for c in convolutions(biased))


def test_extensions_come_last_and_in_order() -> None:
    branch = convolution_branch(DOWN, kernel_sizes=(3, 3))
    extended = extend_branch(branch, DOWN, squeeze_channels=2, drop_path_rate=0.2)
    assert names(extended)[-3:] == ["norm2", "squeeze_excitation", "drop"]
    unchanged = extend_branch(convolution_branch(DOWN, kernel_sizes=(3,)), DOWN)
    assert names(unchanged) == ["conv1", "norm1"]


def test_small_layers() -> None:
    assert names(preactivation(4)) == ["norm", "act"]
    assert max_pool()(torch.zeros(1, 1, 5, 4)).shape == (1, 1, 2, 2)


def test_five_convolutions() -> None:
    branch = convolution_branch(DOWN, kernel_sizes=(1, 3, 3, 5, 1))
    expected = [f"{layer}{i}" for i in range(1, 6) for layer in ("conv", "norm", "act")]
    assert names(branch) == expected[:-1]
    made = convolutions(branch)
    assert [(c.in_channels, c.out_channels) for c in made] == [(4, 6), *[(6, 6)] * 3, (6, 8)]
    assert [c.kernel_size[0] for c in made] == [1, 3, 3, 5, 1]
    assert [c.stride[0] for c in made] == [1, 2, 1, 1, 1]


@pytest.mark.parametrize(
    ("stride_on", "dilations"), [("first", [1, 4, 4, 1]), ("spatial", [1, 2, 4, 1])]
)
def test_dilation_changes_behind_the_convolution_that_would_stride(
    stride_on: StrideOn, dilations: list[int]
) -> None:
    shape = UnitShape(in_channels=4, width=4, out_channels=4, dilation=2, later_dilation=4)
    made = convolutions(convolution_branch(shape, kernel_sizes=(1, 3, 3, 1), stride_on=stride_on))
    assert [c.dilation[0] for c in made] == dilations


@pytest.mark.parametrize(
    ("name", "num_units"),
    [("resnet18", 8), ("resnetv2_50", 16), ("seresnet18", 8), ("resnext29_2x64d", 9), ("resnet20", 9)],
)
def test_drop_probability_of_unit_l_is_l_of_all(name: str, num_units: int) -> None:
    with torch.device("meta"):
        network = resnets.create_model(name, drop_path_rate=0.5)
    drops = [m for m in network.modules() if isinstance(m, StochasticDepth)]
    expected = [0.5 * place / num_units for place in range(1, num_units + 1)]
    assert [drop.drop_probability for drop in drops] == pytest.approx(expected)
