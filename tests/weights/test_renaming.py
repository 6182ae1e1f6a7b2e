from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
import torch

import resnets
from resnets.weights.from_torchvision import DENSENET, RESNET, modern_name, vgg_rules
from resnets.weights.identify import TABLES
from resnets.weights.layout import Table
from resnets.weights.renaming import Rule, rename, rename_back

ZERO = torch.zeros(1)


def test_numbers_are_carried_over() -> None:
    rule = Rule("layer{stage+1}.{unit}.bn{i}", "stages.{stage}.units.{unit}.residual.norm{i}")
    assert rule.translate("layer4.10.bn2") == "stages.3.units.10.residual.norm2"
    assert rule.translate_back("stages.3.units.10.residual.norm2") == "layer4.10.bn2"
    assert rule.translate("layer4x10.bn2") is None
    assert rule.translate("layer4.10.bn2.weight") is None
    assert rule.translate("layer0.10.bn2") is None  # counted from one


def test_places_in_a_list() -> None:
    rule = Rule("f.{i*3-3}", "conv{i}")
    assert [rule.translate(f"f.{place}") for place in range(7)] == [
        "conv1", None, None, "conv2", None, None, "conv3",
    ]  # fmt: skip
    assert [rule.translate_back(f"conv{i}") for i in (1, 2, 3)] == ["f.0", "f.3", "f.6"]


def test_a_number_that_is_there_twice_is_the_same() -> None:
    rule = Rule("stage{stage+1}.trans{stage+1}", "stages.{stage}.transition")
    assert rule.translate("stage2.trans2") == "stages.1.transition"
    assert rule.translate("stage2.trans3") is None
    assert rule.translate_back("stages.1.transition") == "stage2.trans2"


def test_a_resnet_is_renamed() -> None:
    names = ["bn1.running_var", "layer2.0.downsample.1.bias", "fc.weight"]
    renamed = rename(dict.fromkeys(names, ZERO), RESNET)
    assert list(renamed) == [
        "stem.norm.running_var",
        "stages.1.units.0.shortcut.norm.bias",
        "classifier.weight",
    ]
    assert list(rename_back(renamed, RESNET)) == names


def test_a_densenet_is_renamed() -> None:
    unit = "features.denseblock1.denselayer2"
    names = [f"{unit}.norm1.bias", f"{unit}.norm2.bias", "features.transition1.conv.weight"]
    assert list(rename(dict.fromkeys(names, ZERO), DENSENET)) == [
        "stages.0.units.1.preactivation.norm.bias",
        "stages.0.units.1.residual.norm1.bias",
        "stages.1.transition.conv.weight",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("features.denseblock1.denselayer2.norm.1.bias", "features.denseblock1.denselayer2.norm1.bias"),
        (
            "features.denseblock1.denselayer2.conv.2.weight",
            "features.denseblock1.denselayer2.conv2.weight",
        ),
        ("features.transition1.norm.weight", "features.transition1.norm.weight"),
        ("features.norm0.weight", "features.norm0.weight"),
    ],
)
def test_densenet_files_of_2017(old: str, new: str) -> None:
    assert modern_name(old) == new


def test_a_vgg_is_renamed_by_counting_its_layers() -> None:
    # vgg11 with norms: torchvision's configuration A, a pool behind layers 1, 2, 4, 6 and 8.
    kernel, vector = torch.zeros(1, 1, 3, 3), torch.zeros(1)
    places = (0, 4, 8, 11, 15, 18, 22, 25)
    theirs = {f"features.{place}.weight": kernel for place in places}
    theirs |= {f"features.{place + 1}.running_mean": vector for place in places}
    ours = rename(theirs, vgg_rules(theirs))
    assert [name.removesuffix(".residual.conv1.weight") for name in ours if "conv" in name] == [
        f"stages.{stage}.units.{unit}"
        for stage, unit in ((0, 0), (1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 1))
    ]
    assert rename_back(ours, vgg_rules(ours)).keys() == theirs.keys()


def test_a_convolution_over_the_whole_map_becomes_a_linear_layer() -> None:
    rules = [Rule("fc", "linear", window=2)]
    theirs = {"fc.weight": torch.arange(48.0).reshape(2, 6, 2, 2), "fc.bias": ZERO}
    ours = rename(theirs, rules)
    assert ours["linear.weight"].shape == (2, 24)
    back = rename_back(ours, rules)
    assert torch.equal(back["fc.weight"], theirs["fc.weight"])
    assert back["fc.bias"].shape == (1,)


@pytest.mark.parametrize("direction", [rename, rename_back])
@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([], "0 rules fit 'a1.weight', expected one"),
        ([Rule("a1", "a1"), Rule("a{i}", "a{i}")], "2 rules fit 'a1.weight', expected one"),
    ],
)
def test_one_rule_has_to_fit(rules: list[Rule], message: str, direction: Callable[..., object]) -> None:
    with pytest.raises(LookupError, match=f"^{re.escape(message)}$"):
        direction({"a1.weight": ZERO}, rules)


def test_two_names_may_not_become_one() -> None:
    message = re.escape("'a2.weight' is not the only one that becomes 'b.weight'")
    with pytest.raises(LookupError, match=f"^{message}$"):
        rename({"a1.weight": ZERO, "a2.weight": ZERO}, [Rule("a{i}", "b")])


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.layout} {table.form}")
def test_rules_of_a_table_do_not_overlap(table: Table) -> None:
    rules: Sequence[Rule] = table.rules
    names = [_instance(rule.theirs) for rule in rules]
    assert [sum(rule.translate(name) is not None for rule in rules) for name in names] == [1] * len(
        rules
    )


def _instance(name: str) -> str:
    return re.sub(r"\{\w+(?:\*\d+)?([+-]\d+)?\}", lambda match: str(3 + int(match[1] or 0)), name)


def test_the_whole_of_a_network_goes_back_and_forth() -> None:
    with torch.device("meta"):
        weights = resnets.create_model("resnext50_32x4d").state_dict()
    theirs = rename_back(weights, RESNET)
    assert len(theirs) == 320  # resnext50_32x4d has resnet50's layers: 320 entries in torchvision
    assert rename(theirs, RESNET).keys() == weights.keys()
