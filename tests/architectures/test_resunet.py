"""Residual U-Net: every member as encoder, every image size, clear errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import resnets
from resnets.errors import ConfigError, UnknownNameError

ENCODERS = [
    "resnet18",
    "resnet20",
    "resnetv2_50",
    "vgg11_bn",
    "seresnet20",
    "wrn-16-1",
    "densenet-bc-16-6",
]


@pytest.mark.parametrize(
    "encoder", [*ENCODERS, "plain20", "resnext29_2x4d", "densenet121", "highway-11"]
)
def test_scores_every_pixel(encoder: str) -> None:
    network: Any = resnets.resunet(encoder, num_classes=3, in_channels=2).train()
    scores = network(torch.randn(2, 2, 64, 48))
    assert scores.shape == (2, 3, 64, 48)
    scores.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name


@pytest.mark.parametrize("size", [(33, 47), (65, 32), (100, 100)])
def test_any_size(size: tuple[int, int]) -> None:
    network: Any = resnets.resunet("resnet18", num_classes=2).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, *size)).shape == (1, 2, *size)


def test_the_encoder_has_the_classifiers_names() -> None:
    classifier = resnets.create_model("resnet18").state_dict()
    encoder: Any = resnets.resunet("resnet18", num_classes=2).encoder
    names = set(encoder.state_dict())
    assert names == {name for name in classifier if not name.startswith("classifier")}


def test_shortcuts_can_be_left_out() -> None:
    with_shortcuts: Any = resnets.resunet("resnet20", num_classes=2)
    without: Any = resnets.resunet("plain20", num_classes=2, residual=False)
    assert any("shortcut" in name for name, _ in with_shortcuts.decoder.named_parameters())
    assert not any("shortcut" in name for name, _ in without.named_parameters())


def test_decoder_channels() -> None:
    network: Any = resnets.resunet("resnet20", num_classes=2, decoder_channels=(24, 12))
    assert isinstance(network.classifier, nn.Conv2d)
    assert network.classifier.in_channels == 12
    with pytest.raises(ConfigError) as caught:
        resnets.resunet("resnet20", num_classes=2, decoder_channels=(24,))
    assert str(caught.value) == (
        "1 problem in the U-Net: decoder_channels must be 2 numbers of at least 1, got (24,)"
    )


def test_errors() -> None:
    with pytest.raises(ConfigError) as classes:
        resnets.resunet("resnet20", num_classes=0)
    assert str(classes.value) == "1 problem in the U-Net: num_classes must be at least 1, got 0"
    with pytest.raises(UnknownNameError):
        resnets.resunet("resnet5O", num_classes=2)
    with pytest.raises(ConfigError) as option:
        resnets.resunet("resnet20", num_classes=2, depht=3)
    assert str(option.value).startswith("1 problem in the options of resnet20: depht is unknown")
