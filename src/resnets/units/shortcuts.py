"""The shortcut h: identity wherever it fits, else options A, B or C.

He et al. 2015, arXiv:1512.03385, sec. 3.3 and 4.1. Option A adds zero channels and no parameters.
Where the zeros go is not in the paper, and codes differ: half before and half behind (the most copied
CIFAR code; our default), all behind, or all behind after average pooling (the authors of stochastic
depth). Weights trained with one of them score at chance with another, so each has a name.
A projection with a stride of 2 reads one pixel in four; He, Zhang et al. 2018, arXiv:1812.01187, fig. 2c
(ResNet-D) let it read the average of all four: option B-pool.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from resnets.units.layers import convolution, named_layers
from resnets.units.unit_shape import UnitShape

ShortcutOption = Literal["A", "A-end", "A-pool", "B", "B-pool", "C"]
"""A: zero channels on both sides. A-end: behind. A-pool: behind, after 2x2 average pooling.
B: 1x1 projection where the shape changes. B-pool: likewise, after 2x2 average pooling.
C: 1x1 projection everywhere."""


class PadShortcut(nn.Module):
    """Option A: subsample, then add channels of zeros.

    Args:
        stride: spatial step, in input pixels.
        channels_before: zero channels before the input's.
        channels_behind: zero channels behind the input's.
        average: average stride x stride pixels instead of taking the first.

    Shape:
        (N, C, H, W) -> (N, before + C + behind, ceil(H / stride), ceil(W / stride))
    """

    def __init__(
        self, stride: int, *, channels_before: int, channels_behind: int, average: bool = False
    ) -> None:
        super().__init__()
        self.stride = stride
        self.channels_before = channels_before
        self.channels_behind = channels_behind
        self.subsample: nn.Module = nn.Identity()
        if stride > 1:
            self.subsample = average_pool(stride) if average else nn.AvgPool2d(1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Subsample and pad."""
        x = self.subsample(x)
        return functional.pad(x, (0, 0, 0, 0, self.channels_before, self.channels_behind))

    def extra_repr(self) -> str:
        """Show the padding."""
        return f"channels_before={self.channels_before}, channels_behind={self.channels_behind}"


def average_pool(stride: int) -> nn.AvgPool2d:
    """Make a pool that averages stride x stride pixels; at the border, those that are there.

    Args:
        stride: spatial step, in input pixels.

    Shape:
        (N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride))
    """
    return nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)


def pad_shortcut(shape: UnitShape, option: ShortcutOption) -> PadShortcut:
    """Make an option A shortcut for a unit that changes shape."""
    extra = shape.out_channels - shape.in_channels
    assert extra >= 0, "zero channels can be added, not taken away"
    before = extra // 2 if option == "A" else 0
    return PadShortcut(
        shape.stride,
        channels_before=before,
        channels_behind=extra - before,
        average=option == "A-pool",
    )


def subsample(stride: int) -> nn.Module | None:
    """Make a shortcut that takes every stride-th pixel; None, the identity, for a stride of 1.

    Args:
        stride: spatial step, in input pixels.

    Shape:
        (N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride))
    """
    return nn.MaxPool2d(1, stride=stride) if stride > 1 else None


def project(
    shape: UnitShape, *, norm: bool = True, bias: bool = False, average: bool = False
) -> nn.Sequential:
    """Make a 1x1 convolution that matches the shortcut to the residual (options B and C).

    He et al. 2015, arXiv:1512.03385, eq. 2. Torchvision: `layer*.0.downsample`.

    Args:
        shape: of the unit.
        norm: put a norm after the convolution; pre-activation units have none.
        bias: of the convolution.
        average: let an average pool take the step, and the convolution none.

    Shape:
        (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))
    """
    pools = average and shape.stride > 1
    layers: dict[str, nn.Module] = {"pool": average_pool(shape.stride)} if pools else {}
    stride = 1 if pools else shape.stride
    layers["conv"] = convolution(shape.in_channels, shape.out_channels, 1, stride=stride, bias=bias)
    if norm:
        layers["norm"] = nn.BatchNorm2d(shape.out_channels)
    return named_layers(layers)


def choose_shortcut(shape: UnitShape, option: ShortcutOption, *, norm: bool = True) -> nn.Module | None:
    """Decide a unit's shortcut; nothing else does.

    Args:
        shape: of the unit.
        option: what to do where the shape changes.
        norm: put a norm after a projection.

    Returns:
        The shortcut, or None for identity.
    """
    if option == "C" or (option.startswith("B") and shape.changes_shape):
        return project(shape, norm=norm, average=option == "B-pool")
    if shape.changes_shape:
        return pad_shortcut(shape, option)
    return None
