"""Wide ResNet: fewer, wider pre-activation units.  Zagoruyko & Komodakis 2016, arXiv:1605.07146.

`wrn-28-10` has depth 28 and widening factor k = 10. Depth is 6N+4 with N units per stage whatever the
unit: table 2 prints that for all block types, and its parameter counts hold only so. B(M) names the
kernel sizes of a unit's convolutions, all of the stage's width; without it a unit is B(3,3). Dropout
stands between the convolutions.

`wide_resnet50_2` and `wide_resnet101_2` are the ImageNet bottlenecks: ResNets with original units whose
branches are twice as wide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from resnets import networks, units
from resnets.architectures import papers, resnet
from resnets.architectures.resnet import ResNetOptions, imagenet_settings
from resnets.config import Count, Rate
from resnets.errors import DepthError
from resnets.networks.network_options import ResidualStackOptions
from resnets.registry import Architecture, Family, NameRule

if TYPE_CHECKING:
    from torch import nn

    from resnets.units import ResidualUnit, UnitShape


class WideResNetOptions(ResidualStackOptions):
    """What a CIFAR Wide ResNet takes.

    Attributes:
        dropout: between the convolutions of a unit, in training; the paper takes 0.3 on CIFAR.
        stem_channels: of the first unit's input.
    """

    dropout: Rate = 0.0
    stem_channels: Count = 16


def build(options: WideResNetOptions) -> nn.Module:
    """Make a CIFAR Wide ResNet."""

    def make_unit(shape: UnitShape) -> ResidualUnit:
        branch = units.convolution_branch(
            shape,
            kernel_sizes=options.kernel_sizes,
            stride_on=options.stride_on,
            last_norm=False,
            dropout=options.dropout,
        )
        branch = units.extend_branch(branch, shape, drop_path_rate=options.drop_path_rate)
        return units.preactivation_unit(branch, shape, options.shortcut)

    return networks.build_stack(
        options,
        make_unit,
        stem_channels=options.stem_channels,
        normalized_stem=False,
        make_final=units.preactivation,
    )


def initialize(network: nn.Module, options: WideResNetOptions) -> None:
    """Fill the parameters."""
    networks.initialize(network, init=options.init)


FAMILY = Family("wide_resnet", "Wide ResNet", papers.WIDE_RESNET, WideResNetOptions, build, initialize)


class WideBottleneckOptions(ResNetOptions):
    """What an ImageNet Wide ResNet takes.

    Attributes:
        width_factor: how many times wider the branches are than a ResNet's; outputs stay the same.
    """

    width_factor: Count = 2


def build_bottleneck(options: WideBottleneckOptions) -> nn.Module:
    """Make an ImageNet Wide ResNet."""
    wide = tuple(width * options.width_factor for width in options.widths)
    return resnet.build(options, branch_widths=wide)


BOTTLENECK_FAMILY = Family(
    "wide_resnet_imagenet",
    "Wide ResNet, bottleneck",
    papers.WIDE_RESNET,
    WideBottleneckOptions,
    build_bottleneck,
    resnet.initialize,
)


def _cifar(
    depth: int,
    factor: int,
    parameters: int | None = None,
    multiply_adds: int | None = None,
    *,
    kernel_sizes: tuple[int, ...] = (3, 3),
    dropout: float = 0.0,
) -> Architecture:
    num_units, rest = divmod(depth - 4, 6)
    if rest or num_units < 1:
        raise DepthError("Wide ResNet", step=6, offset=4, got=depth)
    settings: dict[str, Any] = {
        "depths": (num_units,) * 3,
        "widths": (16 * factor, 32 * factor, 64 * factor),
        "kernel_sizes": kernel_sizes,
        "stem": "cifar",
        "stride_on": "first",
        "num_classes": 10,
    }
    name = f"wrn-{depth}-{factor}"
    if kernel_sizes != (3, 3):
        name += "-b" + "".join(map(str, kernel_sizes))
    if dropout:
        name += f"-dropout{dropout:g}"
        settings["dropout"] = dropout
    return Architecture(
        name,
        FAMILY,
        settings,
        image_size=32,
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Table 2" if kernel_sizes != (3, 3) else "Tables 4 and 5",
    )


def _bottleneck(depth: int, parameters: int, multiply_adds: int) -> Architecture:
    return Architecture(
        f"wide_resnet{depth}_2",
        BOTTLENECK_FAMILY,
        imagenet_settings(depth),
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Table 8" if depth == 50 else "torchvision",
    )


def _by_name(match: re.Match[str]) -> Architecture:
    kernels = tuple(map(int, re.findall(r"\d", match["block"] or ""))) or (3, 3)
    return _cifar(
        int(match["depth"]),
        int(match["factor"]),
        kernel_sizes=kernels,
        dropout=float(match["dropout"] or 0),
    )


ARCHITECTURES = (
    _cifar(16, 4, 2_748_890, 392_612_352),
    _cifar(16, 8, 10_961_370, 1_548_145_664),
    _cifar(16, 10, 17_116_634, 2_412_173_568),
    _cifar(22, 8, 17_158_106, 2_454_115_328),
    _cifar(22, 10, 26_797_914, 3_827_751_168),
    _cifar(28, 2, 1_467_610, 214_353_152),
    _cifar(28, 10, 36_479_194, 5_243_328_768),
    _cifar(28, 12, 52_517_850, 7_543_905_792),
    _cifar(40, 1, 563_930, 83_280_512),
    _cifar(40, 2, 2_243_546, 327_599_360),
    _cifar(40, 4, 8_949_210, 1_298_582_016),
    _cifar(40, 8, 35_748_314, 5_172_024_320),
    _cifar(40, 2, 1_429_082, 208_061_696, kernel_sizes=(1, 3, 1)),
    _cifar(40, 2, 1_211_354, 176_604_416, kernel_sizes=(3, 1)),
    _cifar(40, 2, 1_297_370, 189_187_328, kernel_sizes=(1, 3)),
    _cifar(40, 2, 1_343_066, 195_478_784, kernel_sizes=(3, 1, 1)),
    _cifar(22, 2, 1_145_498, 167_167_232, kernel_sizes=(3, 1, 3)),
    _bottleneck(50, 68_883_240, 11_398_021_120),
    _bottleneck(101, 126_886_696, 22_753_050_624),
)

NAME_RULES = (
    NameRule(
        "wrn-<6n+4>-<k>[-b<kernel sizes>][-dropout<p>]",
        re.compile(
            r"wrn(?P<depth>[1-9][0-9]{0,3})_(?P<factor>[1-9][0-9]{0,2})"
            r"(?:_b_?(?P<block>[1357](?:[,_]?[1357])*))?"
            r"(?:_dropout_?(?P<dropout>0?\.[0-9]+))?"
        ),
        _by_name,
    ),
)
