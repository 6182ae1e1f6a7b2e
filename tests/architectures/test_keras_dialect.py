"""What distinguishes Keras' networks; their outputs are compared in parity/test_keras.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import resnets
from resnets.networks import set_norm_epsilon
from resnets.registry import find_architecture

# keras 3.15.1: trainable parameters, and the output channels of all convolutions in front of norms.
KERAS_RESNETS = {50: (25_583_592, 26_560), 101: (44_601_832, 52_672), 152: (60_268_520, 75_712)}


def meta(name: str, **options: object) -> Any:
    with torch.device("meta"):
        return resnets.create_model(name, **options)


@pytest.mark.parametrize("depth", KERAS_RESNETS)
def test_parameters_are_keras_less_the_folded_biases(depth: int) -> None:
    trainable, biases = KERAS_RESNETS[depth]
    network = meta(f"resnet{depth}_keras")
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert sum(convolution.out_channels for convolution in convolutions) == biases
    assert all(convolution.bias is None for convolution in convolutions)
    assert find_architecture(f"resnet{depth}_keras").parameters == trainable - biases


@pytest.mark.parametrize("name", ["resnet50_keras", "resnetv2_50_keras", "densenet121_keras"])
def test_norm_epsilon(name: str) -> None:
    epsilons = {m.eps for m in meta(name).modules() if isinstance(m, nn.BatchNorm2d)}
    assert epsilons == {1.001e-5}
    epsilons = {m.eps for m in meta(name, norm_epsilon=1e-3).modules() if isinstance(m, nn.BatchNorm2d)}
    assert epsilons == {1e-3}


def test_set_norm_epsilon_leaves_other_layers() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3), nn.LayerNorm(3))
    set_norm_epsilon(network, 0.5)
    assert [layer.eps for layer in network] == [0.5, 1e-5]


def test_last_units_of_resnet_v2_stride() -> None:
    network = meta("resnetv2_50_keras")
    for s, stage in enumerate(network.stages):
        units: list[Any] = list(stage.units)
        strides = [unit.residual.conv2.stride[0] for unit in units]
        assert strides == [1] * (len(units) - 1) + [2 if s < 3 else 1]
        assert [unit.share_preactivation for unit in units] == [True] + [False] * (len(units) - 1)
        kinds = [type(unit.shortcut) for unit in units]
        last = nn.MaxPool2d if s < 3 else nn.Identity
        assert kinds == [nn.Sequential, *[nn.Identity] * (len(units) - 2), last]
    assert [info.stride for info in network.feature_info] == [4, 8, 16, 32, 32, 32]


def test_biases_stand_where_no_norm_follows() -> None:
    network = meta("resnetv2_50_keras")
    biased = {
        name for name, m in network.named_modules() if isinstance(m, nn.Conv2d) and m.bias is not None
    }
    expected = {"stem.conv"}
    for s, depth in enumerate((3, 4, 6, 3)):
        expected |= {f"stages.{s}.units.{u}.residual.conv3" for u in range(depth)}
        expected.add(f"stages.{s}.units.0.shortcut.conv")
    assert biased == expected


def test_the_stems_pool_pads_with_zeros() -> None:
    network = resnets.create_model("resnetv2_50_keras", widths=(4, 4, 4, 4), features_only=True)
    stem: Any = network.stem
    with torch.no_grad():
        for parameter in stem.parameters():
            parameter.zero_()
        stem.conv.bias.fill_(-1.0)
        pooled = stem(torch.zeros(1, 3, 64, 64))
    assert pooled[0, 0, 0].eq(0).all()
    assert pooled[0, 0, 1:, 1:].eq(-1).all()


def test_dilation_keeps_the_parameters() -> None:
    network = meta("resnetv2_50_keras", output_stride=8)
    assert [info.stride for info in network.feature_info] == [4, 8, 8, 8, 8, 8]
    usual = {name: tensor.shape for name, tensor in meta("resnetv2_50_keras").state_dict().items()}
    assert {name: tensor.shape for name, tensor in network.state_dict().items()} == usual
    dilations = [[unit.residual.conv2.dilation[0] for unit in stage.units] for stage in network.stages]
    assert dilations == [[1] * 3, [1] * 4, [2] * 6, [4] * 3]


def test_dilation_computes_the_same_at_the_pixels_that_are_left() -> None:
    options = {"widths": (4, 4, 4, 4), "include_top": False, "pooling": "none"}
    strided = resnets.create_model("resnetv2_50_keras", **options).eval()
    dilated = resnets.create_model("resnetv2_50_keras", output_stride=8, **options).eval()
    dilated.load_state_dict(strided.state_dict())
    images = torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        torch.testing.assert_close(dilated(images)[:, :, ::4, ::4], strided(images))
