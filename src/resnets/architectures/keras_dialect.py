"""Keras' networks where they differ from everybody's.  keras-team/keras, keras/src/applications.

    all             norms add 1.001e-5 to the variance
    ResNet          strides on the first 1x1 (the paper's v1); each convolution has a bias, though a norm
                    follows. A bias before a norm only shifts its running mean, so ours have none
    ResNetV2        the last unit of a stage strides, with a shortcut that takes every second pixel; the
                    convolutions that no norm follows have biases; the stem's max pool, which no ReLU
                    precedes, pads with zeros
    DenseNet        nothing more

Keras' VGG16 and VGG19 are `vgg16` and `vgg19`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resnets import networks, units
from resnets.architectures import densenet, resnet, resnet_v2
from resnets.architectures.densenet import DenseNetOptions
from resnets.architectures.resnet import ResNetOptions, imagenet_settings
from resnets.config import Rate
from resnets.networks.network_options import NormEpsilon, StackOptions, StemPool
from resnets.registry import Architecture, Family

if TYPE_CHECKING:
    from torch import nn

    from resnets.units import ResidualUnit, UnitShape


class KerasResNetOptions(ResNetOptions):
    """What Keras' ResNet takes.

    Attributes:
        norm_epsilon: what norms add to the variance.
    """

    norm_epsilon: NormEpsilon = 1.001e-5


class KerasResNetV2Options(StackOptions):
    """What Keras' ResNetV2 takes; the first unit of every stage projects, no other does.

    Attributes:
        drop_path_rate: probability that a unit is skipped in training, for the last unit; it rises
            linearly from the first (stochastic depth).
        norm_epsilon: what norms add to the variance.
    """

    stem_pool: StemPool = "zeros"
    drop_path_rate: Rate = 0.0
    norm_epsilon: NormEpsilon = 1.001e-5


class KerasDenseNetOptions(DenseNetOptions):
    """What Keras' DenseNet takes.

    Attributes:
        norm_epsilon: what norms add to the variance.
    """

    norm_epsilon: NormEpsilon = 1.001e-5


def build_resnet(options: KerasResNetOptions) -> nn.Module:
    """Make Keras' ResNet."""
    network = resnet.build(options)
    networks.set_norm_epsilon(network, options.norm_epsilon)
    return network


def build_resnet_v2(options: KerasResNetV2Options) -> nn.Module:
    """Make Keras' ResNetV2."""

    def make_unit(shape: UnitShape) -> ResidualUnit:
        projects = shape.index == 0
        branch = units.convolution_branch(
            shape,
            kernel_sizes=options.kernel_sizes,
            stride_on=options.stride_on,
            last_norm=False,
            last_bias=True,
        )
        return units.ResidualUnit(
            units.extend_branch(branch, shape, drop_path_rate=options.drop_path_rate),
            preactivation=units.preactivation(shape.in_channels),
            shortcut=(
                units.project(shape, norm=False, bias=True)
                if projects
                else units.subsample(shape.stride)
            ),
            merge=units.Add(),
            share_preactivation=projects,
        )

    kind = networks.choose_stem(options.stem, options.image_size)
    stem = networks.build_stem(
        kind,
        options.in_channels,
        options.widths[0],
        normalized=False,
        pool=options.stem_pool,
        bias=True,
    )
    network = networks.build_stack(
        options,
        make_unit,
        make_final=units.preactivation,
        arrange=networks.stride_in_last_units,
        stem=stem,
    )
    networks.set_norm_epsilon(network, options.norm_epsilon)
    return network


def build_densenet(options: KerasDenseNetOptions) -> nn.Module:
    """Make Keras' DenseNet."""
    network = densenet.build(options)
    networks.set_norm_epsilon(network, options.norm_epsilon)
    return network


def initialize_resnet_v2(network: nn.Module, options: KerasResNetV2Options) -> None:
    """Fill the parameters."""
    networks.initialize(network)


def _dialect(family: Family, options: type[Any], build: Any, initialize: Any) -> Family:
    """A family that is listed with another, and built otherwise."""
    return Family(family.name, family.title, family.paper, options, build, initialize)


RESNET = _dialect(resnet.FAMILY, KerasResNetOptions, build_resnet, resnet.initialize)
RESNET_V2 = _dialect(resnet_v2.FAMILY, KerasResNetV2Options, build_resnet_v2, initialize_resnet_v2)
DENSENET = _dialect(densenet.FAMILY, KerasDenseNetOptions, build_densenet, densenet.initialize)


def _resnet(depth: int, parameters: int, multiply_adds: int) -> Architecture:
    return Architecture(
        f"resnet{depth}_keras",
        RESNET,
        imagenet_settings(depth) | {"stride_on": "first"},
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Keras applications, stride on the first 1x1",
    )


def _resnet_v2(depth: int, parameters: int, multiply_adds: int) -> Architecture:
    return Architecture(
        f"resnetv2_{depth}_keras",
        RESNET_V2,
        imagenet_settings(depth),
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Keras applications, stride in the last unit of a stage",
    )


def _densenet(depth: int, parameters: int, multiply_adds: int) -> Architecture:
    return Architecture(
        f"densenet{depth}_keras",
        DENSENET,
        densenet.imagenet_settings(depth),
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Keras applications",
    )


# Keras counts 26,560, 52,672 and 75,712 parameters more in its ResNets: the biases in front of norms.
ARCHITECTURES = (
    _resnet(50, 25_557_032, 3_857_973_248),
    _resnet(101, 44_549_160, 7_570_194_432),
    _resnet(152, 60_192_808, 11_282_415_616),
    _resnet_v2(50, 25_568_360, 3_482_255_360),
    _resnet_v2(101, 44_577_896, 7_194_476_544),
    _resnet_v2(152, 60_236_904, 10_906_697_728),
    _densenet(121, 7_978_856, 2_834_161_664),
    _densenet(169, 14_149_480, 3_359_843_328),
    _densenet(201, 20_013_928, 4_291_365_888),
)

NAME_RULES = ()
