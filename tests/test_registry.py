"""Adding architectures of one's own, and finding them."""

from __future__ import annotations

import importlib.metadata
import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import resnets
from resnets import architectures
from resnets.architectures.creation import select_architectures
from resnets.config import Count, Settings
from resnets.errors import ConfigError, RegistrationError, UnknownNameError
from resnets.registry import (
    Architecture,
    Family,
    NameRule,
    Paper,
    find_architecture,
    normalize,
    register_architecture,
    register_name_rule,
    registered_architectures,
    registered_name_rules,
)

PAPER = Paper("Doe et al.", 2026, "Tiny Networks")


class TinyOptions(Settings):
    num_classes: Count = 4
    width: Count = 2


def build(options: TinyOptions) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, options.width), nn.Linear(2, 4))


def initialize(network: nn.Module, options: TinyOptions) -> None:
    for parameter in network.parameters():
        nn.init.constant_(parameter, float(options.num_classes))


TINY = Family("tiny", "Tiny", PAPER, TinyOptions, build, initialize)
OWN = Family("own", "Own", PAPER, TinyOptions, build)


pytestmark = pytest.mark.usefixtures("restored_registry")


def test_own_family_with_initialize() -> None:
    register_architecture(Architecture("tiny-net", TINY, {"num_classes": 5}))
    network = resnets.create_model("Tiny_Net")
    assert all(torch.equal(p, torch.full_like(p, 5.0)) for p in network.parameters())
    assert network(torch.zeros(2, 3, 2, 2)).shape == (2, 4)
    assert resnets.list_models("tiny*") == resnets.list_models(family="tiny") == ["tiny-net"]
    assert resnets.list_models()[-1] == "tiny-net"


def test_own_family_that_initializes_itself() -> None:
    register_architecture(Architecture("own", OWN))
    torch.manual_seed(2)
    network = resnets.create_model("own")
    torch.manual_seed(2)
    expected = build(TinyOptions())
    for one, two in zip(network.parameters(), expected.parameters(), strict=True):
        assert one.device.type == "cpu"
        assert torch.equal(one, two)
    assert network.spec.name == "own"  # type: ignore[union-attr]


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("family", [TINY, OWN], ids=["initialize", "itself"])
def test_own_family_follows_the_default_device(family: Family, device: str) -> None:
    register_architecture(Architecture("own", family))
    with torch.device(device):
        network = resnets.create_model("own")
    assert {p.device.type for p in network.parameters()} == {device}


def test_own_options_are_checked() -> None:
    register_architecture(Architecture("own", OWN))
    with pytest.raises(ConfigError) as caught:
        resnets.create_model("own", widths=3)
    assert str(caught.value) == (
        "1 problem in the options of own: widths is unknown, did you mean width?"
    )


@pytest.mark.parametrize("name", ["resnet50", "ResNet-50", "resnet_50", "RESNET50"])
def test_taken_name(name: str) -> None:
    with pytest.raises(RegistrationError) as caught:
        register_architecture(Architecture(name, TINY))
    assert str(caught.value) == (
        f"the name {name!r} is taken by 'resnet50' of the family 'resnet'; choose another"
    )
    assert find_architecture("resnet50").family.name == "resnet"


@pytest.mark.parametrize("name", ["", "my net", "-net", "_net", "net:v1", "a/b", "näme", "a\n", "$x"])
def test_bad_name(name: str) -> None:
    with pytest.raises(RegistrationError) as caught:
        register_architecture(Architecture(name, TINY))
    assert str(caught.value) == (
        f"an architecture's name has letters, digits, '_', '-' and '.' only; got {name!r}"
    )
    assert name not in resnets.list_models()


@pytest.mark.parametrize("name", ["MyNet", "mynet.v2", "My-Net_2"])
def test_names_with_capitals_are_found_and_listed(name: str) -> None:
    register_architecture(Architecture(name, TINY))
    assert find_architecture(name).name == name
    assert resnets.list_models(family="tiny") == [name]
    assert resnets.list_models(name) == [name]
    assert resnets.list_models(name.lower()) == [name]


def test_rules_come_after_rows_and_in_order() -> None:
    def make(match: re.Match[str]) -> Architecture:
        return Architecture(f"tiny{match[1]}", TINY, {"width": 2, "num_classes": int(match[1])})

    rule = NameRule("tiny<n>", re.compile(r"tiny(\d+)"), make)
    register_name_rule(rule)
    assert registered_name_rules()[-1] is rule
    assert find_architecture("Tiny-7").settings["num_classes"] == 7
    row = Architecture("tiny8", OWN)
    register_architecture(row)
    assert find_architecture("tiny8") is row


def test_a_rule_gives_the_row_of_the_name_it_makes() -> None:
    assert find_architecture("resnet20_cifar") is find_architecture("resnet20")


def test_rows_keep_their_order() -> None:
    names = [row.name for row in registered_architectures()]
    assert names == resnets.list_models() == [row.name for row in select_architectures()]
    assert names.index("resnet18") < names.index("resnet34") < names.index("resnet50")


def test_unknown_family() -> None:
    with pytest.raises(UnknownNameError) as caught:
        resnets.list_models(family="resnets")
    text = "no family named 'resnets'. Did you mean 'resnet', 'resnext', 'se_resnet'?"
    assert str(caught.value) == f"{text} All names: resnets list"


def test_no_match_is_an_empty_list() -> None:
    assert resnets.list_models("nothing*") == []
    assert resnets.list_models("VGG1?") == ["vgg11", "vgg13", "vgg16", "vgg19"]


class BrokenEntry:
    value = "broken_package.nets"

    def load(self) -> None:
        raise ImportError("no module named broken_package")


class WorkingEntry:
    value = "working_package.nets"

    def load(self) -> None:
        register_architecture(Architecture("from_elsewhere", TINY))


def test_a_broken_entry_point_only_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry_points(*, group: str) -> list[Any]:
        assert group == "resnets.architectures"
        return [BrokenEntry(), WorkingEntry()]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    with pytest.warns(UserWarning, match="could not be loaded") as caught:
        architectures._load_entry_points()
    text = (
        "the architectures of 'broken_package.nets' could not be loaded: "
        "ImportError('no module named broken_package'). "
        "Update or uninstall the package that offers them"
    )
    assert [str(warning.message) for warning in caught] == [text]
    assert "from_elsewhere" in resnets.list_models()


def test_paper_in_a_sentence() -> None:
    assert str(PAPER) == "Doe et al. 2026"
    assert str(Paper("Doe", 2026, "T", "2601.00001")) == "Doe 2026, arXiv:2601.00001"
    own = Paper("Roe", 2027, "U")
    assert Architecture("a", TINY).published_in is PAPER
    assert Architecture("a", TINY, paper=own).published_in is own


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("ResNet-50", "resnet50"),
        (" resnet50 ", "resnet50"),
        ("ResNeXt-50 (32x4d)", "resnext50_32x4d"),
        ("VGG-16-BN", "vgg16_bn"),
        ("ResNetV2-50", normalize("resnetv2_50")),
    ],
)
def test_normalize(written: str, folded: str) -> None:
    assert normalize(written) == folded
    assert normalize(folded) == folded


def test_all_names_fold_to_different_keys() -> None:
    names = resnets.list_models()
    assert len({normalize(name) for name in names}) == len(names)


def test_own_family_is_described() -> None:
    register_architecture(Architecture("own", OWN, {"num_classes": 6}, image_size=2))
    described = resnets.describe("own")
    assert (described.name, described.family, described.paper) == ("own", "Own", "Doe et al. 2026")
    assert described.parameters == (12 * 2 + 2) + (2 * 4 + 4)
    assert described.options == {"num_classes": 6, "width": 2}


def test_own_name_is_taken_in_every_spelling() -> None:
    register_architecture(Architecture("tiny-net_2", TINY))
    for name in ("tiny-net_2", "Tiny_Net-2", "tiny_net__2", "TINY-NET-2-"):
        with pytest.raises(RegistrationError) as caught:
            register_architecture(Architecture(name, OWN))
        assert str(caught.value) == (
            f"the name {name!r} is taken by 'tiny-net_2' of the family 'tiny'; choose another"
        )
    assert resnets.list_models(family="tiny") == ["tiny-net_2"]


def test_every_row_is_found_in_every_spelling() -> None:
    for row in registered_architectures():
        spaced = row.name.replace("_", " ")
        for name in (row.name, row.name.upper(), row.name.replace("_", "-"), spaced, f" {row.name}\n"):
            assert find_architecture(name) is row


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ResNet-50", "resnet50"),
        ("resnet 50 (v1)", "resnet50_v1"),
        ("ResNeXt-50 (32x4d)", "resnext50_32x4d"),
        ("ResNetV2-50", "resnetv2_50"),
        ("resnetv250", "resnetv2_50"),
        ("VGG-16-BN", "vgg16_bn"),
        ("SE-ResNet", None),
        ("", None),
        ("resnet", None),
        ("resnet50x", None),
    ],
)
def test_spellings(name: str, found: str | None) -> None:
    if found:
        assert find_architecture(name).name == found
        return
    with pytest.raises(UnknownNameError) as caught:
        find_architecture(name)
    assert str(caught.value).startswith(f"no architecture named {name!r}.")
    assert str(caught.value).endswith(" All names: resnets list")


def test_full_text_for_an_unknown_name() -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_architecture("resnet5O")
    text = "no architecture named 'resnet5O'. Did you mean 'resnet50', 'seresnet50', 'resnet56'?"
    assert str(caught.value) == f"{text} All names: resnets list"


def test_the_first_of_two_rules_decides() -> None:
    for width in (1, 2):
        register_name_rule(
            NameRule(
                "tiny<n>",
                re.compile(r"tiny\d+"),
                lambda match, width=width: Architecture(match[0], TINY, {"width": width}),  # type: ignore[misc]
            )
        )
    assert find_architecture("tiny3").settings == {"width": 1}


def test_what_a_rule_makes_is_not_listed() -> None:
    before = resnets.list_models()
    find_architecture("resnet26")
    assert resnets.list_models() == before


@given(st.text(max_size=20))
def test_folding_twice_changes_nothing(name: str) -> None:
    assert normalize(normalize(name)) == normalize(name)
