"""ResNet: units that add their input to what they learn.  He et al. 2015, arXiv:1512.03385.

`resnet50` strides on the 3x3 convolution ("v1.5": fb.resnet.torch and everyone since); the paper
strides on the first 1x1, which is `resnet50_v1`. The CIFAR networks use shortcut option A, as the
paper does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from resnets import networks, units
from resnets.architectures import papers
from resnets.architectures.depths import (
    IMAGENET_BASIC,
    IMAGENET_BOTTLENECK,
    cifar_depths,
    name_cifar,
)
from resnets.config import Switch
from resnets.networks.network_options import ResidualStackOptions
from resnets.registry import Architecture, Family, NameRule

if TYPE_CHECKING:
    from torch import nn

    from resnets.units import ResidualUnit, UnitShape


class ResNetOptions(ResidualStackOptions):
    """What a ResNet takes.

    Attributes:
        zero_init_residual: start every unit as its shortcut: the last norm of F has weight 0
            (Goyal et al. 2017, arXiv:1706.02677, sec. 5.1).
    """

    zero_init_residual: Switch = False


def build(options: ResNetOptions, *, branch_widths: tuple[int, ...] | None = None) -> nn.Module:
    """Make a ResNet.

    Args:
        options: of the network.
        branch_widths: channels inside the branches, per stage; `options.widths` if None.
    """

    def make_unit(shape: UnitShape) -> ResidualUnit:
        branch = units.convolution_branch(
            shape, kernel_sizes=options.kernel_sizes, stride_on=options.stride_on
        )
        branch = units.extend_branch(branch, shape, drop_path_rate=options.drop_path_rate)
        return units.original_unit(branch, shape, options.shortcut)

    return networks.build_stack(options, make_unit, branch_widths=branch_widths)


def initialize(network: nn.Module, options: ResNetOptions) -> None:
    """Fill the parameters."""
    networks.initialize(network, init=options.init)
    if options.zero_init_residual:
        networks.silence_residuals(network)


FAMILY = Family("resnet", "ResNet", papers.RESNET, ResNetOptions, build, initialize)

IMAGENET_WIDTHS = (64, 128, 256, 512)
CIFAR_WIDTHS = (16, 32, 64)
IMAGENET_DEPTHS = (*IMAGENET_BASIC, *IMAGENET_BOTTLENECK)
BASIC = {"kernel_sizes": (3, 3), "expansion": 1}
BOTTLENECK = {"kernel_sizes": (1, 3, 1), "expansion": 4}


def imagenet_settings(depth: int) -> dict[str, object]:
    """The options of the ImageNet network of a given depth.  arXiv:1512.03385, table 1."""
    basic = depth in IMAGENET_BASIC
    depths = IMAGENET_BASIC[depth] if basic else IMAGENET_BOTTLENECK[depth]
    return {"depths": depths, "widths": IMAGENET_WIDTHS, **(BASIC if basic else BOTTLENECK)}


def cifar_settings(depth: int, *, bottleneck: bool = False, family: str = "resnet") -> dict[str, object]:
    """The options of the CIFAR network of a given depth.  arXiv:1512.03385, sec. 4.2."""
    unit = BOTTLENECK if bottleneck else BASIC
    return {
        "depths": cifar_depths(family, depth, convolutions=3 if bottleneck else 2),
        "widths": CIFAR_WIDTHS,
        **unit,
        "stem": "cifar",
        "num_classes": 10,
    }


def _imagenet(name: str, depth: int, counts: tuple[int, int], *, first: bool = False) -> Architecture:
    stride = {"stride_on": "first"} if first else {}
    return Architecture(
        name,
        FAMILY,
        imagenet_settings(depth) | stride,
        parameters=counts[0],
        multiply_adds=counts[1],
        source="Table 1" if first or depth in IMAGENET_BASIC else "Table 1, stride on the 3x3",
    )


def _cifar(depth: int, parameters: int | None = None, multiply_adds: int | None = None) -> Architecture:
    return Architecture(
        name_cifar("resnet", depth, IMAGENET_DEPTHS),
        FAMILY,
        cifar_settings(depth) | {"shortcut": "A"},
        image_size=32,
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Sec. 4.2, 6n+2",
    )


def _cifar_bottleneck(
    depth: int, parameters: int | None = None, multiply_adds: int | None = None
) -> Architecture:
    return Architecture(
        f"resnet{depth}_bottleneck",
        FAMILY,
        cifar_settings(depth, bottleneck=True) | {"stride_on": "first"},
        image_size=32,
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Table 2 (a), 9n+2",
        paper=papers.RESNET_V2,
    )


ARCHITECTURES = (
    _imagenet("resnet18", 18, (11_689_512, 1_814_073_344)),
    _imagenet("resnet34", 34, (21_797_672, 3_663_761_408)),
    _imagenet("resnet50", 50, (25_557_032, 4_089_184_256)),
    _imagenet("resnet101", 101, (44_549_160, 7_801_405_440)),
    _imagenet("resnet152", 152, (60_192_808, 11_513_626_624)),
    _imagenet("resnet200", 200, (64_673_832, 15_007_481_856)),
    _imagenet("resnet50_v1", 50, (25_557_032, 3_857_973_248), first=True),
    _imagenet("resnet101_v1", 101, (44_549_160, 7_570_194_432), first=True),
    _imagenet("resnet152_v1", 152, (60_192_808, 11_282_415_616), first=True),
    _cifar(20, 269_722, 40_551_040),
    _cifar(32, 464_154, 68_862_592),
    _cifar(44, 658_586, 97_174_144),
    _cifar(56, 853_018, 125_485_696),
    _cifar(110, 1_727_962, 252_887_680),
    _cifar(1202, 19_421_274, 2_829_238_912),
    _cifar_bottleneck(164, 1_704_154, 244_500_992),
    _cifar_bottleneck(1001, 10_328_602, 1_487_849_984),
)

NAME_RULES = (
    NameRule(
        "resnet<6n+2>[_cifar]",
        re.compile(r"resnet([1-9][0-9]{0,3})(?:_cifar)?"),
        lambda match: _cifar(int(match[1])),
    ),
    NameRule(
        "resnet<9n+2>_bottleneck",
        re.compile(r"resnet([1-9][0-9]{0,3})_bottleneck"),
        lambda match: _cifar_bottleneck(int(match[1])),
    ),
)
