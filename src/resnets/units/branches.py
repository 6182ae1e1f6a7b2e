"""The residual branch F: any number of convolutions with norms and activations between them.

Basic (3x3, 3x3) and bottleneck (1x1, 3x3, 1x1) are two of them.  He et al. 2015, arXiv:1512.03385,
fig. 5; sec. 3.2: "F has two or three layers, while more layers are possible".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import nn

from resnets.units.layers import ReLU, convolution, named_layers
from resnets.units.squeeze_excitation import SqueezeExcitation
from resnets.units.stochastic_depth import StochasticDepth
from resnets.units.unit_shape import UnitShape

StrideOn = Literal["first", "spatial"]
"""Which convolution strides: the first (the paper, "v1") or the first with a kernel over 1x1
(fb.resnet.torch and everyone since, "v1.5")."""


def convolution_branch(
    shape: UnitShape,
    *,
    kernel_sizes: Sequence[int],
    stride_on: StrideOn = "spatial",
    groups: int = 1,
    last_norm: bool = True,
    dropout: float = 0.0,
    bias: bool = False,
    last_bias: bool = False,
) -> nn.Sequential:
    """Make conv1, norm1, act1, conv2, ... with an activation after every norm but the last.

    Args:
        shape: channels, stride and dilation of the unit.
        kernel_sizes: of each convolution, odd, in pixels.
        stride_on: which convolution strides.
        groups: of the convolutions over 1x1 (ResNeXt's cardinality).
        last_norm: put a norm after the last convolution; pre-activation units have none there.
        dropout: probability, in front of every convolution but the first (arXiv:1605.07146, fig. 1d).
        bias: of the convolutions.
        last_bias: of the last one, even where the others have none.

    Shape:
        (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))

    Example:
        >>> shape = UnitShape(in_channels=64, width=16, out_channels=64)
        >>> [name for name, _ in convolution_branch(shape, kernel_sizes=(1, 3)).named_children()]
        ['conv1', 'norm1', 'act1', 'conv2', 'norm2']
    """
    last = len(kernel_sizes)
    strided = strided_convolution(kernel_sizes, stride_on)
    channels = [shape.in_channels, *[shape.width] * (last - 1), shape.out_channels]
    layers: dict[str, nn.Module] = {}
    for i, kernel_size in enumerate(kernel_sizes, start=1):
        if i > 1 and dropout > 0.0:
            layers[f"dropout{i - 1}"] = nn.Dropout(dropout)
        layers[f"conv{i}"] = convolution(
            channels[i - 1],
            channels[i],
            kernel_size,
            stride=shape.stride if i == strided else 1,
            dilation=shape.dilation if i <= strided else shape.later_dilation,
            groups=groups if kernel_size > 1 else 1,
            bias=bias or (last_bias and i == last),
        )
        if i < last or last_norm:
            layers[f"norm{i}"] = nn.BatchNorm2d(channels[i])
        if i < last:
            layers[f"act{i}"] = ReLU()
    return named_layers(layers)


def drop_convolutions(layers: nn.Sequential, rate: float) -> nn.Sequential:
    """Put dropout behind every convolution.  Huang et al. 2016, arXiv:1608.06993, sec. 4.2.

    Args:
        layers: named; their names, and those of their parameters, stay.
        rate: probability; 0 leaves the layers as they are.

    Example:
        >>> shape = UnitShape(in_channels=64, width=16, out_channels=64)
        >>> branch = convolution_branch(shape, kernel_sizes=(1, 3), last_norm=False)
        >>> [name for name, _ in drop_convolutions(branch, 0.2).named_children()]
        ['conv1', 'dropout1', 'norm1', 'act1', 'conv2', 'dropout2']
    """
    if not rate:
        return layers
    dropped: dict[str, nn.Module] = {}
    for name, layer in layers.named_children():
        dropped[name] = layer
        if isinstance(layer, nn.Conv2d):
            dropped[name.replace("conv", "dropout")] = nn.Dropout(rate)
    return named_layers(dropped)


def strided_convolution(kernel_sizes: Sequence[int], stride_on: StrideOn) -> int:
    """Say which convolution strides, counted from 1."""
    if stride_on == "first":
        return 1
    return next((i for i, size in enumerate(kernel_sizes, start=1) if size > 1), 1)


def extend_branch(
    branch: nn.Sequential,
    shape: UnitShape,
    *,
    squeeze_channels: int | None = None,
    drop_path_rate: float = 0.0,
) -> nn.Sequential:
    """Append what acts on the whole residual: squeeze-and-excitation, then stochastic depth.

    Hu et al. 2017, arXiv:1709.01507, fig. 3; Huang et al. 2016, arXiv:1603.09382, eq. 4.

    Args:
        branch: F, ending before the merge.
        shape: of the unit.
        squeeze_channels: width of the squeezed vector; None for no squeeze-and-excitation.
        drop_path_rate: drop probability of the network's last unit.
    """
    if squeeze_channels is not None:
        branch.add_module("squeeze_excitation", SqueezeExcitation(shape.out_channels, squeeze_channels))
    if drop_path_rate > 0.0:
        branch.add_module("drop", StochasticDepth(drop_path_rate * shape.depth_fraction))
    return branch
