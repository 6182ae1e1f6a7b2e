"""What a unit's builder has to know about the unit's place in the network; plain numbers, no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class UnitShape:
    """Channels, stride, dilation and place of one unit.

    Attributes:
        in_channels: C of the unit's input.
        width: channels inside the branch.
        out_channels: C of the unit's output.
        stride: spatial step, in input pixels.
        planned_stride: the step before `output_stride` turned it into dilation.
        dilation: of the branch's convolutions up to the one that strides (or would have).
        later_dilation: of the convolutions after it. It differs from `dilation` only in a unit whose
            stride became dilation: from there on, the pixels that the stride would have kept lie
            further apart (`output_stride`).
        stage: 0-based.
        index: 0-based place in the stage.
        depth_fraction: l / L, the unit's 1-based place among all units (stochastic depth,
            arXiv:1603.09382, eq. 4).
    """

    in_channels: int
    width: int
    out_channels: int
    stride: int = 1
    planned_stride: int = 1
    dilation: int = 1
    later_dilation: int = 1
    stage: int = 0
    index: int = 0
    depth_fraction: float = 1.0

    @property
    def changes_shape(self) -> bool:
        """Whether the identity shortcut does not fit."""
        # A stride that became dilation keeps its projection: the weights are the same.
        steps = max(self.stride, self.planned_stride) > 1
        return steps or self.in_channels != self.out_channels
