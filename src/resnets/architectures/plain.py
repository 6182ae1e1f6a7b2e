"""Plain networks: ResNets without shortcuts, what the residual ones are judged against.

He et al. 2015, arXiv:1512.03385, fig. 3 (middle), table 2 and sec. 4.2. Same layers, parameters and
multiply-adds as the ResNet with option A shortcuts of the same depth.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from resnets import networks, units
from resnets.architectures import papers
from resnets.architectures.resnet import cifar_settings, imagenet_settings
from resnets.networks.network_options import StackOptions
from resnets.registry import Architecture, Family, NameRule

if TYPE_CHECKING:
    from torch import nn

    from resnets.units import ResidualUnit, UnitShape


class PlainOptions(StackOptions):
    """What a plain network takes: a stack's options; there is no shortcut to choose or to keep."""


def build(options: PlainOptions) -> nn.Module:
    """Make a plain network."""

    def make_unit(shape: UnitShape) -> ResidualUnit:
        return units.plain_unit(
            units.convolution_branch(
                shape, kernel_sizes=options.kernel_sizes, stride_on=options.stride_on
            )
        )

    return networks.build_stack(options, make_unit)


def initialize(network: nn.Module, options: PlainOptions) -> None:
    """Fill the parameters."""
    networks.initialize(network)


FAMILY = Family("plain", "Plain network", papers.RESNET, PlainOptions, build, initialize)


def _imagenet(depth: int, parameters: int, multiply_adds: int) -> Architecture:
    return Architecture(
        f"plain{depth}",
        FAMILY,
        imagenet_settings(depth),
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Table 2",
    )


def _cifar(depth: int, parameters: int | None = None, multiply_adds: int | None = None) -> Architecture:
    return Architecture(
        f"plain{depth}",
        FAMILY,
        cifar_settings(depth, family="plain"),
        image_size=32,
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Sec. 4.2, 6n+2",
    )


ARCHITECTURES = (
    _imagenet(18, 11_515_688, 1_794_805_760),
    _imagenet(34, 21_623_848, 3_644_493_824),
    _cifar(20, 269_722, 40_551_040),
    _cifar(32, 464_154, 68_862_592),
    _cifar(44, 658_586, 97_174_144),
    _cifar(56, 853_018, 125_485_696),
    _cifar(110, 1_727_962, 252_887_680),
)

NAME_RULES = (
    NameRule(
        "plain<6n+2>",
        re.compile(r"plain([1-9][0-9]{0,3})(?:_cifar)?"),
        lambda match: _cifar(int(match[1])),
    ),
)
