"""Channels, strides and dilations of every unit of a network; plain arithmetic, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from resnets.units.unit_shape import UnitShape

UnitPlan = tuple[tuple[UnitShape, ...], ...]


def plan_units(
    depths: Sequence[int],
    widths: Sequence[int],
    out_channels: Sequence[int],
    *,
    stem_channels: int,
    stem_stride: int,
    output_stride: int = 32,
) -> UnitPlan:
    """Lay out the units: each stage after the first halves the resolution.

    Where that would exceed `output_stride`, the stage keeps its resolution and its convolutions are
    spread out by dilation instead, so that each computes what it did at the coarser resolution.

    Args:
        depths: units per stage.
        widths: channels inside the branches, per stage.
        out_channels: channels of the units' outputs, per stage.
        stem_channels: channels that enter the first stage.
        stem_stride: stride of the stem, in pixels.
        output_stride: coarsest stride allowed, in pixels.

    Returns:
        One tuple of shapes per stage.

    Example:
        >>> plan = plan_units((1, 1), (8, 16), (8, 16), stem_channels=8, stem_stride=1)
        >>> plan[1][0].stride, plan[1][0].in_channels, plan[1][0].out_channels
        (2, 8, 16)
    """
    num_units = sum(depths)
    channels, stride, dilation, place = stem_channels, stem_stride, 1, 0
    plan: list[tuple[UnitShape, ...]] = []
    for stage, (depth, width, out) in enumerate(zip(depths, widths, out_channels, strict=True)):
        planned = step = 1 if stage == 0 else 2
        spread = dilation
        if stride * step > output_stride:
            step, spread = 1, dilation * step
        stride *= step
        shapes: list[UnitShape] = []
        for index in range(depth):
            place += 1
            shapes.append(
                UnitShape(
                    in_channels=channels,
                    width=width,
                    out_channels=out,
                    stride=step if index == 0 else 1,
                    planned_stride=planned if index == 0 else 1,
                    dilation=dilation if index == 0 else spread,
                    later_dilation=spread,
                    stage=stage,
                    index=index,
                    depth_fraction=place / num_units,
                )
            )
            channels = out
        dilation = spread
        plan.append(tuple(shapes))
    return tuple(plan)


def stride_in_last_units(plan: UnitPlan) -> UnitPlan:
    """Let the last unit of a stage take the step into the next, which its first unit would take.

    Keras' ResNetV2 (keras.src.applications.resnet_v2) does so; the parameters stay the same.

    Args:
        plan: as `plan_units` makes it.

    Example:
        >>> plan = plan_units((2, 2), (8, 16), (8, 16), stem_channels=8, stem_stride=1)
        >>> [[unit.stride for unit in stage] for stage in stride_in_last_units(plan)]
        [[1, 2], [1, 1]]
    """
    stages = [list(stage) for stage in plan]
    for before, after in pairwise(stages):
        first = after[0]
        step = {name: getattr(first, name) for name in ("stride", "planned_stride", "later_dilation")}
        before[-1] = replace(before[-1], **step)
        after[0] = replace(first, stride=1, planned_stride=1, dilation=first.later_dilation)
    return tuple(map(tuple, stages))
