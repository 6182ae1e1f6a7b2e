"""Stems: the layers between the image and the first unit.

He et al. 2015, arXiv:1512.03385, table 1 (ImageNet: 7x7/2, max pool /2) and sec. 4.2 (CIFAR: 3x3).
The deep stem replaces the 7x7 by three 3x3 (He et al. 2018, arXiv:1812.01187, fig. 2b). The small stem
is ours, for images between CIFAR's and ImageNet's: one 3x3/2, so that the last map of a 64-pixel image
is 4x4 and not 2x2.
"""

from __future__ import annotations

from torch import nn

from resnets.networks.network_options import StemKind, StemPool
from resnets.units.layers import convolution, named_layers

_STRIDES: dict[StemKind, int] = {"imagenet": 4, "deep": 4, "small": 2, "cifar": 1}


def stem_stride(kind: StemKind) -> int:
    """Pixels of the image per pixel of the stem's output."""
    return _STRIDES[kind]


def choose_stem(stem: StemKind | None, image_size: int | None) -> StemKind:
    """Choose the stem that leaves a four-stage network a last map of at least 4x4.

    Args:
        stem: the user's choice, or None.
        image_size: in pixels, or None for the paper's.

    Example:
        >>> [choose_stem(None, size) for size in (None, 224, 64, 32)]
        ['imagenet', 'imagenet', 'small', 'cifar']
    """
    if stem is not None:
        return stem
    if image_size is None or image_size >= 128:
        return "imagenet"
    return "small" if image_size >= 64 else "cifar"


def build_stem(
    kind: StemKind,
    in_channels: int,
    channels: int,
    *,
    normalized: bool = True,
    pool: StemPool = "padded",
) -> nn.Sequential:
    """Make a stem.

    Args:
        kind: which one.
        in_channels: of the images.
        channels: of the first unit's input.
        normalized: put norm and ReLU behind the last convolution; networks whose first unit
            pre-activates leave them out.
        pool: how the max pool of 'imagenet' and 'deep' treats the border.

    Shape:
        (N, in_channels, H, W) -> (N, channels, ceil(H / s), ceil(W / s)), s = stem_stride(kind)
    """
    layers: dict[str, nn.Module] = {}
    if kind == "deep":
        half = max(1, channels // 2)
        for i, (c_in, c_out) in enumerate([(in_channels, half), (half, half)], start=1):
            layers[f"conv{i}"] = convolution(c_in, c_out, 3, stride=2 if i == 1 else 1)
            layers[f"norm{i}"] = nn.BatchNorm2d(c_out)
            layers[f"act{i}"] = nn.ReLU()
        layers["conv"] = convolution(half, channels, 3)
    else:
        kernel_size, stride = {"imagenet": (7, 2), "small": (3, 2), "cifar": (3, 1)}[kind]
        layers["conv"] = convolution(in_channels, channels, kernel_size, stride=stride)
    if normalized:
        layers["norm"] = nn.BatchNorm2d(channels)
        layers["act"] = nn.ReLU()
    if kind in ("imagenet", "deep"):
        ceil = pool == "ceil"
        layers["pool"] = nn.MaxPool2d(3, stride=2, padding=0 if ceil else 1, ceil_mode=ceil)
    return named_layers(layers)
