"""What stands in the slots, in words and formulas."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

import resnets
from resnets.analysis.anatomy import Paths
from resnets.analysis.description_text import heading, slots
from resnets.quantities import memory


@pytest.mark.parametrize(
    ("name", "options", "formulas"),
    [
        ("plain20", {}, ["f(F(x))"]),
        ("vgg11", {}, ["f(F(x))"]),
        ("resnet18", {}, ["f(x + F(x))", "f(h(x) + F(x))"]),
        ("resnet18", {"shortcut": "C"}, ["f(h(x) + F(x))"]),
        ("resnetv2_50", {}, ["h(x) + F(x)", "x + F(a)", "h(a) + F(a)"]),
        ("resnetv2_164", {}, ["h(a) + F(a)", "x + F(a)"]),
        ("resnetv2_110", {}, ["a + F(a)", "x + F(a)", "h(a) + F(a)"]),
        ("resnetv2_18_timm", {}, ["x + F(a)", "h(a) + F(a)"]),
    ],
)
def test_formulas(name: str, options: dict[str, Any], formulas: list[str]) -> None:
    units = resnets.describe(name, **options).units.values()
    assert list(dict.fromkeys(unit.formula() for unit in units)) == formulas


def test_slots_in_words() -> None:
    described = resnets.describe("seresnet50_v1", drop_path_rate=0.16)
    assert slots(described.units["stages.1.units.0"]) == {
        "F": "1×1 conv, 128, /2 → norm → ReLU → 3×3 conv, 128 → norm → ReLU → 1×1 conv, 512 → norm "
        "→ squeeze-excite, 32 → drop, 0.04",
        "h": "1×1 conv, 512, /2 → norm",
        "f": "ReLU",
    }


@pytest.mark.parametrize(("form", "joined"), [("a", False), ("b", True)])
def test_paths(form: str, joined: bool) -> None:
    unit = resnets.describe("resnext29_4x64d", form=form).units["stages.0.units.1"]
    paths = unit.residual[0]
    assert isinstance(paths, Paths)
    assert (paths.count, paths.concatenated) == (4, joined)
    assert [layer.label for layer in paths.layers if layer.kind == "conv"] == [
        "1x1 conv, 64",
        "3x3 conv, 64",
        *([] if joined else ["1x1 conv, 256"]),
    ]


def test_option_a_and_dilation_are_named() -> None:
    unit = resnets.describe("resnet18", shortcut="A", output_stride=16).units["stages.3.units.0"]
    assert slots(unit) == {
        "F": "3×3 conv, 512 → norm → ReLU → 3×3 conv, 512, dilation 2 → norm",
        "h": "zero pad, +256",
        "f": "ReLU",
    }


def test_a_changed_unit_is_described_as_it_is() -> None:
    network: Any = resnets.create_model("resnet20")
    for stage in network.stages:
        for unit in stage.units:
            unit.activation = nn.Identity()
    described = resnets.describe(network, image_size=32)
    assert described.units["stages.0.units.0"].formula() == "x + F(x)"


def test_heading() -> None:
    described = resnets.describe("resnet50_v1", batch_size=2)
    assert heading(described)[:3] == [
        "resnet50_v1  | ResNet  | He et al. 2015, arXiv:1512.03385  | Table 1",
        "parameters 25,557,032   multiply-adds 3.86 G (FLOPs 7.72 G: two each)   one image of 224×224",
        f"activations kept for training {memory(described.activation_bytes)} at batch 2, float32",
    ]
