from __future__ import annotations

import re

import pytest
import torch

from .renaming import (
    TIMM_RESNET_V2,
    TORCHVISION_DENSENET,
    TORCHVISION_RESNET,
    Rule,
    rename,
    torchvision_vgg,
)

pytestmark = pytest.mark.parity

ZERO = torch.zeros(1)


def test_numbers_are_carried_over() -> None:
    rule = Rule("layer{stage+1}.{unit}.bn{i}", "stages.{stage}.units.{unit}.residual.norm{i}")
    assert rule.translate("layer4.10.bn2") == "stages.3.units.10.residual.norm2"
    assert rule.translate("layer4x10.bn2") is None
    assert rule.translate("layer4.10.bn2.weight") is None


def test_a_resnet_is_renamed() -> None:
    names = ["bn1.running_var", "layer2.0.downsample.1.bias", "fc.weight"]
    renamed = rename(dict.fromkeys(names, ZERO), TORCHVISION_RESNET)
    assert list(renamed) == [
        "stem.norm.running_var",
        "stages.1.units.0.shortcut.norm.bias",
        "classifier.weight",
    ]


def test_a_densenet_is_renamed() -> None:
    unit = "features.denseblock1.denselayer2"
    names = [f"{unit}.norm1.bias", f"{unit}.norm2.bias", "features.transition1.conv.weight"]
    assert list(rename(dict.fromkeys(names, ZERO), TORCHVISION_DENSENET)) == [
        "stages.0.units.1.preactivation.norm.bias",
        "stages.0.units.1.residual.norm1.bias",
        "stages.1.transition.conv.weight",
    ]


def test_a_vgg_is_renamed_by_counting_its_layers() -> None:
    renamed = rename({"features.8.weight": ZERO}, torchvision_vgg(11, batch_norm=True))
    assert list(renamed) == ["stages.2.units.0.residual.conv1.weight"]


def test_a_convolution_over_the_whole_map_becomes_a_linear_layer() -> None:
    renamed = rename({"head.fc.weight": torch.zeros(10, 8, 1, 1)}, TIMM_RESNET_V2)
    assert renamed["classifier.weight"].shape == (10, 8)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([], "0 rules fit 'a1.weight', expected one"),
        ([Rule("a1", "b"), Rule("a{i}", "c{i}")], "2 rules fit 'a1.weight', expected one"),
    ],
)
def test_one_rule_has_to_fit(rules: list[Rule], message: str) -> None:
    with pytest.raises(LookupError, match=re.escape(message)):
        rename({"a1.weight": ZERO}, rules)


def test_two_names_may_not_become_one() -> None:
    with pytest.raises(LookupError, match=re.escape("'a2.weight' is not the only one")):
        rename({"a1.weight": ZERO, "a2.weight": ZERO}, [Rule("a{i}", "b")])
