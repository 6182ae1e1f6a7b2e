"""Options read off shapes; whole networks are in test_identify."""

from __future__ import annotations

import re

import pytest

from resnets.weights.structure import read_structure

Shapes = dict[str, tuple[int, ...]]
STEM: Shapes = {"stem.conv.weight": (8, 3, 3, 3)}


def unit(place: str, *convolutions: tuple[int, ...]) -> Shapes:
    return {f"stages.{place}.residual.conv{i + 1}.weight": shape for i, shape in enumerate(convolutions)}


BASIC = unit("0.units.0", (8, 8, 3, 3), (8, 8, 3, 3))


def test_a_network_of_one_unit() -> None:
    found = read_structure(STEM | BASIC | {"classifier.weight": (5, 8)})
    assert (found.family, found.stem) == ("resnet", "cifar")
    assert dict(found.options) == {
        "num_classes": 5,
        "in_channels": 3,
        "depths": (1,),
        "stem": "cifar",
        "kernel_sizes": (3, 3),
        "expansion": 1,
        "widths": (8,),
    }


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (STEM, "it has no units"),
        (BASIC, "it has no first convolution"),
        ({"stem.conv.weight": (8, 3, 5, 5)} | BASIC, "its first convolution is 5x5, not 3x3 or 7x7"),
        (STEM | unit("0.units.1", (8, 8, 3, 3)), "unit 1 of stage 0 has no unit before it"),
        (STEM | {"stages.0.units.0.residual.norm1.weight": (8,)}, "a unit has no convolution"),
        (
            STEM | unit("0.units.0", (12, 8, 3, 3)),
            "output of the first stage / stem: 12 is not a multiple of 8",
        ),
        (
            STEM | BASIC | {"stages.0.units.0.residual.squeeze_excitation.reduce.weight": (3, 8, 1, 1)},
            "its squeezed widths are [3], which no rule gives",
        ),
        (
            STEM
            | {"final.norm.weight": (9,), "stages.1.transition.conv.weight": (8, 12, 1, 1)}
            | {"stages.2.transition.conv.weight": (3, 12, 1, 1)}
            | unit("0.units.0", (4, 8, 3, 3))
            | unit("1.units.0", (4, 8, 3, 3))
            | unit("2.units.0", (4, 3, 3, 3)),
            "its transitions keep [(8, 12), (3, 12)] channels, which is no common share",
        ),
    ],
)
def test_shapes_of_no_network(shapes: Shapes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read_structure(shapes)
