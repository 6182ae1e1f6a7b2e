"""From the names and shapes of a network's tensors to the family and options that build it.

Whatever the layout of origin, the names here are ours; so depths, widths, kernels and shortcuts are
counted in one place for all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]

_UNIT = re.compile(r"stages\.(\d+)\.units\.(\d+)\.(.+)")


@dataclass(frozen=True)
class Structure:
    """What shapes tell.

    Attributes:
        family: of the architecture.
        options: that the shapes decide.
        stem: 'imagenet', 'deep', 'cifar' (or 'small', which has the same shapes) or 'none'.
    """

    family: str
    options: Mapping[str, Any]
    stem: str


class _Unit:
    """The tensors of one unit, by their names in it."""

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}

    @property
    def convolutions(self) -> list[tuple[int, ...]]:
        places = range(1, len(self.shapes) + 1)
        found = [self.shapes.get(f"residual.conv{place}.weight") for place in places]
        if not any(found):
            raise ValueError("a unit has no convolution")
        return [shape for shape in found if shape]

    @property
    def width(self) -> int:
        return self.convolutions[0][0]

    @property
    def out_channels(self) -> int:
        return self.convolutions[-1][0]

    @property
    def kernel_sizes(self) -> tuple[int, ...]:
        return tuple(shape[2] for shape in self.convolutions)

    @property
    def preactivates(self) -> bool:
        return "preactivation.norm.weight" in self.shapes

    @property
    def projects(self) -> bool:
        return "shortcut.conv.weight" in self.shapes

    @property
    def squeezed(self) -> int | None:
        shape = self.shapes.get("residual.squeeze_excitation.reduce.weight")
        return shape[0] if shape else None


def read_structure(shapes: Shapes, *, prefer: str | None = None) -> Structure:
    """Describe the network whose tensors have these names and shapes.

    Args:
        shapes: by our names.
        prefer: the family, where shapes leave a choice.

    Raises:
        ValueError: if no family has such tensors, with the reason.
    """
    stages = _stages(shapes)
    head: dict[str, Any] = {"include_top": False}
    for name in ("classifier.weight", "classifier.linear3.weight"):
        if name in shapes:
            head = {"num_classes": shapes[name][0]}
    if "residual.conv1.bias" in stages[0][0].shapes:
        return Structure("vgg", head | _vgg(shapes, stages), "none")
    stem, channels, in_channels = _stem(shapes)
    found: dict[str, Any] = head | {"in_channels": in_channels, "depths": tuple(map(len, stages))}
    found["stem"] = stem
    preactivates = any(unit.preactivates for units in stages for unit in units)
    if not preactivates and "final.norm.weight" not in shapes:
        family, options = _original(stages, channels)
    elif _is_dense(shapes, stages, channels):
        family, options = _dense(shapes, stages, channels)
    else:
        family, options = _preactivated(shapes, stages, channels, prefer=prefer)
    return Structure(family, found | options, stem)


def _stages(shapes: Shapes) -> list[list[_Unit]]:
    units: dict[tuple[int, int], _Unit] = {}
    for name, shape in shapes.items():
        if match := _UNIT.fullmatch(name):
            units.setdefault((int(match[1]), int(match[2])), _Unit()).shapes[match[3]] = shape
    stages: list[list[_Unit]] = []
    for stage, unit in sorted(units):
        if unit == 0 and stage == len(stages):
            stages.append([])
        if not stages or stage != len(stages) - 1 or unit != len(stages[-1]):
            raise ValueError(f"unit {unit} of stage {stage} has no unit before it")
        stages[-1].append(units[stage, unit])
    if not stages:
        raise ValueError("it has no units")
    return stages


def _stem(shapes: Shapes) -> tuple[str, int, int]:
    """Kind of stem, its output's channels, the image's channels."""
    last = shapes.get("stem.conv.weight", ())
    if len(last) != 4:
        raise ValueError("it has no first convolution")
    if "stem.conv1.weight" in shapes:
        return "deep", last[0], shapes["stem.conv1.weight"][1]
    if last[2] not in (3, 7):
        raise ValueError(f"its first convolution is {last[2]}x{last[3]}, not 3x3 or 7x7")
    return "imagenet" if last[2] == 7 else "cifar", last[0], last[1]


def _divide(whole: int, part: int, what: str) -> int:
    quotient, rest = divmod(whole, part) if part else (0, 1)
    if rest or not quotient:
        raise ValueError(f"{what}: {whole} is not a multiple of {part}")
    return quotient


def _shortcut(stages: list[list[_Unit]], channels: int) -> dict[str, str]:
    """Which of the shortcut options has projections where these units have them."""
    has, needs, num_units = set(), set(), 0
    for s, units in enumerate(stages):
        for u, unit in enumerate(units):
            num_units += 1
            if unit.projects:
                has.add((s, u))
            if unit.out_channels != channels or (s > 0 and u == 0):
                needs.add((s, u))
            channels = unit.out_channels
    # Where none of the options is quite right, the comparison with the network says what is missing.
    if not has:
        return {"shortcut": "A"} if needs else {}
    return {"shortcut": "C" if len(has) == num_units else "B"}


def _stack(stages: list[list[_Unit]], channels: int) -> dict[str, Any]:
    first = [units[0] for units in stages]
    expansion = _divide(first[0].out_channels, channels, "output of the first stage / stem")
    widths = tuple(_divide(unit.out_channels, expansion, "channels / expansion") for unit in first)
    return {
        "kernel_sizes": first[0].kernel_sizes,
        "expansion": expansion,
        "widths": widths,
        **_shortcut(stages, channels),
    }


def _original(stages: list[list[_Unit]], channels: int) -> tuple[str, dict[str, Any]]:
    options = _stack(stages, channels)
    unit = stages[0][0]
    groups = _groups(unit, channels)
    base = unit.width // groups * 64 // options["widths"][0]
    if unit.squeezed is not None:
        options |= _squeeze([units[0] for units in stages])
        if groups > 1:
            options |= {"cardinality": groups, "base_width": base}
        return "se_resnet", options
    if groups > 1:
        return "resnext", options | {"cardinality": groups, "base_width": base}
    factor, rest = divmod(unit.width, options["widths"][0])
    if rest:
        return "resnext", options | {"cardinality": 1, "base_width": base}
    if factor > 1:
        return "wide_resnet_imagenet", options | {"width_factor": factor}
    return "resnet", options


def _groups(unit: _Unit, channels: int) -> int:
    for before, shape in zip([(channels,), *unit.convolutions], unit.convolutions, strict=False):
        if shape[2] > 1:
            return _divide(before[0], shape[1], "channels / channels of a group")
    return 1


def _squeeze(units: list[_Unit]) -> dict[str, int]:
    """Reduction and rounding of the squeezed width: 1 as in the paper, or multiples of 8 as in timm."""
    last = units[-1]
    reduction = max(1, round(last.out_channels / (last.squeezed or 1)))
    for multiple in (1, 8):
        rounded = [
            max(multiple, (u.out_channels // reduction + multiple // 2) // multiple * multiple)
            for u in units
        ]
        if rounded == [unit.squeezed for unit in units]:
            return {"reduction": reduction, "squeeze_multiple": multiple}
    raise ValueError(f"its squeezed widths are {[unit.squeezed for unit in units]}, which no rule gives")


def _preactivated(
    shapes: Shapes, stages: list[list[_Unit]], channels: int, *, prefer: str | None
) -> tuple[str, dict[str, Any]]:
    unit = stages[0][0]
    if prefer == "wide_resnet" or (unit.width == unit.out_channels != channels):
        return "wide_resnet", {
            "kernel_sizes": unit.kernel_sizes,
            "expansion": 1,
            "widths": tuple(units[0].out_channels for units in stages),
            "stem_channels": channels,
            **_shortcut(stages, channels),
        }
    options = _stack(stages, channels)
    if "stem.norm.weight" in shapes:
        options["first_unit"] = "after_stem"
    else:
        # Where the shape changes, the pre-activation is shared anyway.
        options["first_unit"] = "bare" if unit.out_channels == channels else "either"
    return "resnet_v2", options


def _is_dense(shapes: Shapes, stages: list[list[_Unit]], channels: int) -> bool:
    if "stages.1.transition.conv.weight" in shapes:
        return True
    growth = stages[0][0].out_channels
    appended = channels + len(stages[0]) * growth
    return len(stages) == 1 and shapes.get("final.norm.weight", ())[:1] == (appended,)


def _dense(shapes: Shapes, stages: list[list[_Unit]], channels: int) -> tuple[str, dict[str, Any]]:
    unit = stages[0][0]
    options: dict[str, Any] = {
        "growth_rate": unit.out_channels,
        "bottleneck": len(unit.convolutions) > 1,
        "stem_channels": channels,
    }
    transitions = [shapes.get(f"stages.{s}.transition.conv.weight", ()) for s in range(1, len(stages))]
    if any(len(shape) != 4 for shape in transitions):
        raise ValueError("not every stage behind the first has a transition")
    if transitions:
        kept = [(shape[0], shape[1]) for shape in transitions]
        shares = (0.5, 1.0, kept[0][0] / kept[0][1])
        fits = [c for c in shares if all(int(before * c) == after for after, before in kept)]
        if not fits:
            raise ValueError(f"its transitions keep {kept} channels, which is no common share")
        options["compression"] = fits[0]
    return "densenet", options


def _vgg(shapes: Shapes, stages: list[list[_Unit]]) -> dict[str, Any]:
    widths = tuple(units[0].out_channels for units in stages)
    options: dict[str, Any] = {
        "depths": tuple(map(len, stages)),
        "widths": widths,
        "in_channels": stages[0][0].convolutions[0][1],
        "batch_norm": "residual.norm1.weight" in stages[0][0].shapes,
    }
    if "classifier.linear1.weight" in shapes:
        hidden, features = shapes["classifier.linear1.weight"][:2]
        grid = math.isqrt(_divide(features, widths[-1], "the classifier's inputs / channels"))
        options["hidden_features"] = hidden
        if grid < 7:
            options["image_size"] = grid * 2 ** len(stages)
    return options
