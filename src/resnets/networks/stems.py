"""Stems: the layers between the image and the first unit.

He et al. 2015, arXiv:1512.03385, table 1 (ImageNet: 7x7/2, max pool /2) and sec. 4.2 (CIFAR: 3x3).
The deep stem replaces the 7x7 by three 3x3 (He et al. 2018, arXiv:1812.01187, fig. 2b). The small stem
is ours, for images between CIFAR's and ImageNet's: one 3x3/2, so that the last map of a 64-pixel image
is 4x4 and not 2x2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resnets.networks.network_options import StemPool
from resnets.networks.stem_choice import StemKind
from resnets.units.layers import ReLU, convolution, named_layers


class InputNorm(nn.Module):
    """Norm of the images that shifts and does not scale: it learns their mean and spread.

    MXNet's ImageNet networks begin with it ("bn_data", scale fixed at 1), and so take raw pixels.

    Args:
        channels: C, of the images.

    Shape:
        (N, C, H, W) -> the same
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, images: Tensor) -> Tensor:
        """Norm and shift."""
        normed: Tensor = self.norm(images)
        return normed + self.bias[:, None, None]


def build_stem(
    kind: StemKind,
    in_channels: int,
    channels: int,
    *,
    normalized: bool = True,
    pool: StemPool = "padded",
    bias: bool = False,
    input_norm: bool = False,
) -> nn.Sequential:
    """Make a stem.

    Args:
        kind: which one.
        in_channels: of the images.
        channels: of the first unit's input.
        normalized: put norm and ReLU behind the last convolution; networks whose first unit
            pre-activates leave them out.
        pool: how the max pool of 'imagenet' and 'deep' treats the border.
        bias: of the last convolution.
        input_norm: put a norm in front of everything.

    Shape:
        (N, in_channels, H, W) -> (N, channels, ceil(H / s), ceil(W / s)), s = stem_stride(kind)
    """
    layers: dict[str, nn.Module] = {"input_norm": InputNorm(in_channels)} if input_norm else {}
    if kind == "deep":
        half = max(1, channels // 2)
        for i, (c_in, c_out) in enumerate([(in_channels, half), (half, half)], start=1):
            layers[f"conv{i}"] = convolution(c_in, c_out, 3, stride=2 if i == 1 else 1)
            layers[f"norm{i}"] = nn.BatchNorm2d(c_out)
            layers[f"act{i}"] = ReLU()
        layers["conv"] = convolution(half, channels, 3, bias=bias)
    else:
        kernel_size, stride = {"imagenet": (7, 2), "small": (3, 2), "cifar": (3, 1)}[kind]
        layers["conv"] = convolution(in_channels, channels, kernel_size, stride=stride, bias=bias)
    if normalized:
        layers["norm"] = nn.BatchNorm2d(channels)
        layers["act"] = ReLU()
    if kind in ("imagenet", "deep"):
        if pool == "zeros":
            layers["pad"] = nn.ZeroPad2d(1)
        padding = 1 if pool == "padded" else 0
        layers["pool"] = nn.MaxPool2d(3, stride=2, padding=padding, ceil_mode=pool == "ceil")
    return named_layers(layers)
