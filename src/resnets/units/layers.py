"""The layers that units are made of, with the papers' defaults."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional


class ReLU(nn.ReLU):
    """ReLU that takes over its input's memory where no gradient is recorded.

    At inference a second copy of every map costs a good part of a ResNet-50's time on a CPU. Where
    gradients are recorded nothing is overwritten, so that hooks of explanation tools see every tensor.
    It stands only behind layers that make a new tensor, never where a unit's input would be changed.

    Shape:
        any -> the same
    """

    def forward(self, x: Tensor) -> Tensor:
        """Set what is negative to zero."""
        return functional.relu(x, inplace=not torch.is_grad_enabled())


def convolution(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = False,
) -> nn.Conv2d:
    """Make a convolution that keeps the image's size at stride 1.

    Args:
        in_channels: C.
        out_channels: C'.
        kernel_size: odd, in pixels.
        stride: spatial step, in input pixels.
        dilation: distance between the kernel's taps, in pixels; a 1x1 kernel has none.
        groups: independent groups of channels.
        bias: off by default, as the norm after a convolution has one.

    Shape:
        (N, C, H, W) -> (N, C', ceil(H / stride), ceil(W / stride))
    """
    dilation = dilation if kernel_size > 1 else 1
    return nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride=stride,
        padding=dilation * (kernel_size // 2),
        dilation=dilation,
        groups=groups,
        bias=bias,
    )


def named_layers(layers: Mapping[str, nn.Module]) -> nn.Sequential:
    """Chain layers under their names: parameter names are public API."""
    return nn.Sequential(OrderedDict(layers))


def preactivation(channels: int) -> nn.Sequential:
    """Norm and ReLU before a branch.  He et al. 2016, arXiv:1603.05027, fig. 4e.

    Args:
        channels: of the unit's input.
    """
    return named_layers({"norm": nn.BatchNorm2d(channels), "act": ReLU()})


def max_pool() -> nn.MaxPool2d:
    """2x2 max pool that halves the resolution.  Simonyan & Zisserman 2014, arXiv:1409.1556, sec. 2.1.

    Shape:
        (N, C, H, W) -> (N, C, floor(H / 2), floor(W / 2))
    """
    return nn.MaxPool2d(2)
