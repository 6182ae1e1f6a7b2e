"""Drawings: valid SVG that shows the network it is asked for."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import resnets
from resnets.analysis.network_drawing import SHORTCUTS, draw_networks
from resnets.analysis.unit_drawing import draw_units
from resnets.errors import ConfigError, OutputError, UnsupportedError

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def lines(svg: str, stroke: str) -> int:
    """Shortcuts drawn in a colour; the legend's line is not counted."""
    paths = ET.fromstring(svg).iter(f"{SVG}path")
    return sum(path.get("stroke") == stroke and " C" in path.get("d", "") for path in paths)


def test_every_layer_and_shortcut_is_drawn() -> None:
    svg = draw_networks([resnets.describe("resnet34", shortcut="A")])
    convolutions = [text for text in texts(svg) if "conv" in text]
    assert len(convolutions) == 33
    assert convolutions.count("3×3 conv, 256") == 11
    assert lines(svg, SHORTCUTS["identity"][0]) == 13
    assert lines(svg, SHORTCUTS["zero padding"][0]) == 3


def test_a_plain_network_has_no_shortcut() -> None:
    svg = draw_networks([resnets.describe("plain34")])
    assert not any(lines(svg, stroke) for stroke, _ in SHORTCUTS.values())
    assert not any("shortcut" in text for text in texts(svg))


def test_projections_are_drawn() -> None:
    svg = draw_networks([resnets.describe("resnet18", shortcut="C")])
    assert lines(svg, SHORTCUTS["projection"][0]) == 8


def test_bands_name_every_resolution() -> None:
    svg = draw_networks([resnets.describe("vgg19"), resnets.describe("resnet34")])
    sizes = [text for text in texts(svg) if text and text[0].isdigit() and "conv" not in text]
    assert [size for size in sizes if "pool" not in size and " " not in size] == [
        "224×224",
        "112×112",
        "56×56",
        "28×28",
        "14×14",
        "7×7",
        "1×1",
    ]


def test_long_runs_are_cut_and_say_so() -> None:
    svg = draw_networks([resnets.describe("resnet1202")])
    assert [text for text in texts(svg) if "more" in text] == [
        "197 more such units",
        "196 more such units",
        "196 more such units",
    ]


def test_forms_look_different() -> None:
    drawn = {
        form: draw_units([resnets.describe("resnext29_4x64d", form=form), resnets.describe("plain20")])
        for form in "abc"
    }
    assert "Σ" in texts(drawn["a"])
    assert "concatenate" in texts(drawn["b"])
    assert "3×3 conv, 256, 4 groups" in texts(drawn["c"])


def test_one_network_shows_each_form_of_its_unit() -> None:
    svg = draw_units([resnets.describe("resnetv2_50")])
    assert [text for text in texts(svg) if "F(" in text] == ["h(x) + F(x)", "x + F(a)", "h(a) + F(a)"]


def test_stochastic_depth_does_not_make_units_different() -> None:
    svg = draw_units([resnets.describe("resnet110", drop_path_rate=0.5)])
    assert len([text for text in texts(svg) if "F(" in text]) == 2


def test_own_merges_are_named_and_markup_is_text() -> None:
    network: Any = resnets.create_model("resnet20")
    name = "<script>alert(1)</script>"
    merge = type(name, (resnets.ResidualUnit.__mro__[1],), {"forward": lambda _, h, f: h + f})
    for stage in network.stages:
        for unit in stage.units:
            unit.merge = merge()
    svg = draw_units([resnets.describe(network, image_size=32)])
    assert name in texts(svg)
    assert "<script" not in svg


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = resnets.draw(["resnet20"], tmp_path / "net.svg")
    assert target.read_text("utf-8").startswith("<svg")
    assert resnets.draw([resnets.describe("plain20")], target) == target
    assert [path.name for path in tmp_path.iterdir()] == ["net.svg"]


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as wrong_name:
        resnets.draw(["resnet20"], "net.png")
    assert str(wrong_name.value) == (
        "1 problem in the drawing: drawings are SVG files; name it *.svg, got 'net.png'"
    )
    with pytest.raises(ConfigError) as nothing:
        resnets.draw([], "net.svg")
    assert str(nothing.value) == "1 problem in the drawing: models must name at least one network"
    with pytest.raises(OutputError) as missing:
        resnets.draw(["resnet20"], tmp_path / "missing" / "net.svg")
    assert str(missing.value) == (
        f"cannot write '{tmp_path}/missing/net.svg': No such file or directory"
    )
    with pytest.raises(UnsupportedError) as no_units:
        network = nn.Sequential(nn.Conv2d(3, 3, 1))
        resnets.draw([network], tmp_path / "net.svg", subject="unit", image_size=8)
    assert str(no_units.value) == "Sequential has no residual units to draw"
    assert list(tmp_path.iterdir()) == []


def test_a_memory_saving_network_is_drawn_like_the_other() -> None:
    drawn = [
        texts(draw_networks([resnets.describe("densenet-bc-16-4", memory_saving=saving)]))
        for saving in (False, True)
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0].count("3×3 conv, 4") == 6


def test_a_highway_network_shows_a_highway_unit() -> None:
    svg = draw_units([resnets.describe("highway-10-16"), resnets.describe("densenet121")])
    assert "gate" in texts(svg)
    assert "concatenate" in texts(svg)
