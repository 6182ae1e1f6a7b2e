"""SE-ResNet and SE-ResNeXt: squeeze-and-excitation on the residual, before the addition.

Hu et al. 2017, arXiv:1709.01507. The released SE-ResNets stride on the first 1x1
(`seresnet50_v1`), the SE-ResNeXts on the 3x3. `seresnet50` strides on the 3x3, like `resnet50`. The
depths 18 and 34 are not in the paper; timm's `seresnet18` and `seresnet34` round the squeezed width
to a multiple of 8 (`seresnet18_timm`). Their legacy namesakes have one ReLU more, between the last norm
and the squeeze: weights of one fit the other and score wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import model_validator

from resnets import networks, units
from resnets.architectures import papers
from resnets.architectures.depths import IMAGENET_BOTTLENECK, name_cifar
from resnets.architectures.resnet import (
    IMAGENET_DEPTHS,
    ResNetOptions,
    cifar_settings,
    imagenet_settings,
    initialize,
)
from resnets.config import Count
from resnets.registry import Architecture, Family, NameRule

if TYPE_CHECKING:
    from torch import nn

    from resnets.units import ResidualUnit, UnitShape


class SEResNetOptions(ResNetOptions):
    """What an SE-ResNet or SE-ResNeXt takes.

    Attributes:
        reduction: r; the squeezed vector has 1/r of the unit's channels.
        squeeze_multiple: round the squeezed width to the nearest multiple of this, at least one.
        cardinality: groups of the convolutions over 1x1; 32 makes an SE-ResNeXt.
        base_width: channels of each group where a ResNet's unit has 64.
    """

    reduction: Count = 16
    squeeze_multiple: Count = 1
    cardinality: Count = 1
    base_width: Count = 64

    @model_validator(mode="after")
    def _groups_stand_between_1x1(self) -> SEResNetOptions:
        ends = {self.kernel_sizes[0], self.kernel_sizes[-1]}
        if self.cardinality > 1 and ends != {1}:
            raise ValueError(
                f"cardinality needs kernel_sizes that begin and end with 1, got {self.kernel_sizes}"
            )
        return self

    @property
    def branch_widths(self) -> tuple[int, ...]:
        """Channels of all groups together, per stage."""
        return tuple(max(1, width * self.base_width // 64) * self.cardinality for width in self.widths)

    def squeeze_channels(self, channels: int) -> int:
        """Width of the squeezed vector of a unit with so many channels."""
        multiple = self.squeeze_multiple
        return max(multiple, (channels // self.reduction + multiple // 2) // multiple * multiple)


def build(options: SEResNetOptions) -> nn.Module:
    """Make an SE-ResNet or SE-ResNeXt."""

    def make_unit(shape: UnitShape) -> ResidualUnit:
        branch = units.convolution_branch(
            shape,
            kernel_sizes=options.kernel_sizes,
            stride_on=options.stride_on,
            groups=options.cardinality,
        )
        units.extend_branch(
            branch,
            shape,
            squeeze_channels=options.squeeze_channels(shape.out_channels),
            drop_path_rate=options.drop_path_rate,
        )
        return units.original_unit(branch, shape, options.shortcut)

    return networks.build_stack(options, make_unit, branch_widths=options.branch_widths)


FAMILY = Family("se_resnet", "SE-ResNet", papers.SENET, SEResNetOptions, build, initialize)


def _imagenet(
    name: str, depth: int, counts: tuple[int, int], source: str, **settings: object
) -> Architecture:
    return Architecture(
        name,
        FAMILY,
        imagenet_settings(depth) | settings,
        parameters=counts[0],
        multiply_adds=counts[1],
        source=source,
    )


def _resnext(
    depth: int,
    paths: tuple[int, int],
    parameters: int | None = None,
    multiply_adds: int | None = None,
) -> Architecture:
    return Architecture(
        f"seresnext{depth}_{paths[0]}x{paths[1]}d",
        FAMILY,
        imagenet_settings(depth) | {"cardinality": paths[0], "base_width": paths[1]},
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Table 2, stride on the 3x3",
    )


def _cifar(depth: int, parameters: int | None = None, multiply_adds: int | None = None) -> Architecture:
    return Architecture(
        name_cifar("seresnet", depth, IMAGENET_DEPTHS),
        FAMILY,
        cifar_settings(depth, family="seresnet") | {"shortcut": "A"},
        image_size=32,
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Sec. 4.2 of the ResNet paper with SE, 6n+2",
    )


_SPATIAL = "Table 2, stride on the 3x3"
_RELEASED = "Table 2, as released"
_EXTRA = "not in the paper"

ARCHITECTURES = (
    _imagenet("seresnet18", 18, (11_778_592, 1_814_160_384), _EXTRA),
    _imagenet("seresnet34", 34, (21_958_868, 3_663_918_592), _EXTRA),
    _imagenet("seresnet50", 50, (28_088_024, 4_091_699_200), _SPATIAL),
    _imagenet("seresnet101", 101, (49_326_872, 7_806_148_608), _SPATIAL),
    _imagenet("seresnet152", 152, (66_821_848, 11_520_204_800), _SPATIAL),
    _imagenet("seresnet200", 200, (71_835_864, 15_014_584_320), _EXTRA),
    _imagenet("seresnet50_v1", 50, (28_088_024, 3_860_488_192), _RELEASED, stride_on="first"),
    _imagenet("seresnet101_v1", 101, (49_326_872, 7_574_937_600), _RELEASED, stride_on="first"),
    _imagenet("seresnet152_v1", 152, (66_821_848, 11_288_993_792), _RELEASED, stride_on="first"),
    _imagenet("seresnet18_timm", 18, (11_779_624, 1_814_161_408), "timm", squeeze_multiple=8),
    _imagenet("seresnet34_timm", 34, (21_960_416, 3_663_920_128), "timm", squeeze_multiple=8),
    _resnext(50, (32, 4), 27_559_896, 4_232_994_816),
    _resnext(101, (32, 4), 48_955_416, 7_974_739_968),
    _resnext(101, (64, 4), 88_232_984, 15_465_013_248),
    _cifar(20, 272_095, 40_553_056),
    _cifar(32, 468_109, 68_865_952),
    _cifar(44, 664_123, 97_178_848),
    _cifar(56, 860_137, 125_491_744),
    _cifar(110, 1_742_200, 252_899_776),
)

NAME_RULES = (
    NameRule(
        "seresnet<6n+2>[_cifar]",
        re.compile(r"seresnet([1-9][0-9]{0,3})(?:_cifar)?"),
        lambda match: _cifar(int(match[1])),
    ),
    NameRule(
        "seresnext<depth>_<C>x<d>d",
        re.compile(
            rf"seresnext({'|'.join(map(str, IMAGENET_BOTTLENECK))})"
            r"_([1-9][0-9]{0,3})x([1-9][0-9]{0,3})d"
        ),
        lambda match: _resnext(int(match[1]), (int(match[2]), int(match[3]))),
    ),
)
