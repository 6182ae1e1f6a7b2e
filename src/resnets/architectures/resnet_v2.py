"""ResNetV2: norm and activation before the convolutions, so that the shortcut is the identity.

He et al. 2016, arXiv:1603.05027. Codes differ at the entrance, with the same parameters (`first_unit`):

    after_stem   the stem has norm, ReLU and max pool; the first unit has no pre-activation
                 (appendix; fb.resnet.torch; our `resnetv2_50`)
    shared       bare stem; the first unit pre-activates before the split (appendix, CIFAR)
    own          bare stem; the first unit pre-activates its branch only (timm; `resnetv2_50_timm`)

They differ in two more things: some projections read the input itself instead of the pre-activated one
(`shortcut_input`), and some networks end without norm and ReLU (`final_norm`). Keras' networks are in
`keras_dialect`.

The CIFAR bottlenecks stride on the first 1x1, as the authors' code does (other codes: 3x3).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from resnets import networks, units
from resnets.architectures import papers
from resnets.architectures.depths import name_cifar
from resnets.architectures.resnet import IMAGENET_DEPTHS, cifar_settings, imagenet_settings
from resnets.config import Switch
from resnets.networks.network_options import ResidualStackOptions
from resnets.registry import Architecture, Family, NameRule

if TYPE_CHECKING:
    from torch import nn

    from resnets.units import ResidualUnit, UnitShape


class ResNetV2Options(ResidualStackOptions):
    """What a ResNetV2 takes.

    Attributes:
        first_unit: where the first norm stands: 'after_stem', 'shared' or 'own'.
        shortcut_input: what a shortcut reads where the shape changes: the 'preactivated' input (the
            paper) or the 'raw' one. A first unit that is 'shared' stays so.
        final_norm: put norm and ReLU behind the last unit, as the paper does.
    """

    first_unit: Literal["after_stem", "shared", "own"] = "after_stem"
    shortcut_input: Literal["preactivated", "raw"] = "preactivated"
    final_norm: Switch = True


def build(options: ResNetV2Options) -> nn.Module:
    """Make a ResNetV2."""

    def make_unit(shape: UnitShape) -> ResidualUnit:
        branch = units.convolution_branch(
            shape,
            kernel_sizes=options.kernel_sizes,
            stride_on=options.stride_on,
            last_norm=False,
        )
        # first_unit is about the first unit alone.
        entrance = options.first_unit if shape.stage == shape.index == 0 else None
        preactivates = entrance != "after_stem"
        reads_preactivated = shape.changes_shape and options.shortcut_input == "preactivated"
        return units.ResidualUnit(
            units.extend_branch(branch, shape, drop_path_rate=options.drop_path_rate),
            preactivation=units.preactivation(shape.in_channels) if preactivates else None,
            shortcut=units.choose_shortcut(shape, options.shortcut, norm=False),
            merge=units.Add(),
            share_preactivation=preactivates and (entrance == "shared" or reads_preactivated),
        )

    return networks.build_stack(
        options,
        make_unit,
        normalized_stem=options.first_unit == "after_stem",
        make_final=units.preactivation if options.final_norm else None,
    )


def initialize(network: nn.Module, options: ResNetV2Options) -> None:
    """Fill the parameters."""
    networks.initialize(network, init=options.init)


FAMILY = Family("resnet_v2", "ResNetV2", papers.RESNET_V2, ResNetV2Options, build, initialize)


def _imagenet(depth: int, parameters: int, multiply_adds: int, *, timm: bool = False) -> Architecture:
    return Architecture(
        f"resnetv2_{depth}_timm" if timm else f"resnetv2_{depth}",
        FAMILY,
        imagenet_settings(depth) | ({"first_unit": "own"} if timm else {}),
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="timm" if timm else "Appendix, stride on the 3x3",
    )


def _cifar_basic(
    depth: int, parameters: int | None = None, multiply_adds: int | None = None
) -> Architecture:
    return Architecture(
        "resnetv2_110" if depth == 110 else f"resnetv2_{depth}_basic",
        FAMILY,
        cifar_settings(depth, family="resnetv2") | {"shortcut": "A", "first_unit": "shared"},
        image_size=32,
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Table 2, 6n+2",
    )


def _cifar_bottleneck(
    depth: int, parameters: int | None = None, multiply_adds: int | None = None
) -> Architecture:
    settings = cifar_settings(depth, bottleneck=True, family="resnetv2")
    return Architecture(
        # 110 is 9n+2 too, but the paper's 110 layers are basic units.
        name_cifar("resnetv2_", depth, (*IMAGENET_DEPTHS, 110)),
        FAMILY,
        settings | {"stride_on": "first", "first_unit": "shared"},
        image_size=32,
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Table 2, 9n+2",
    )


ARCHITECTURES = (
    _imagenet(18, 11_687_720, 1_814_073_344),
    _imagenet(34, 21_795_880, 3_663_761_408),
    _imagenet(50, 25_549_352, 4_089_184_256),
    _imagenet(101, 44_541_480, 7_801_405_440),
    _imagenet(152, 60_185_128, 11_513_626_624),
    _imagenet(200, 64_666_152, 15_007_481_856),
    _imagenet(18, 11_687_720, 1_814_073_344, timm=True),
    _imagenet(34, 21_795_880, 3_663_761_408, timm=True),
    _imagenet(50, 25_549_352, 4_089_184_256, timm=True),
    _imagenet(101, 44_541_480, 7_801_405_440, timm=True),
    _imagenet(152, 60_185_128, 11_513_626_624, timm=True),
    _cifar_basic(110, 1_727_962, 252_887_680),
    _cifar_bottleneck(164, 1_703_258, 244_500_992),
    _cifar_bottleneck(1001, 10_327_706, 1_487_849_984),
)

NAME_RULES = (
    NameRule(
        "resnetv2_<9n+2>[_cifar]",
        re.compile(r"resnetv2_?([1-9][0-9]{0,3})(?:_cifar)?"),
        lambda match: _cifar_bottleneck(int(match[1])),
    ),
    NameRule(
        "resnetv2_<6n+2>_basic",
        re.compile(r"resnetv2_?([1-9][0-9]{0,3})_basic"),
        lambda match: _cifar_basic(int(match[1])),
    ),
)
