"""The networks of qubvel/classification_models where they differ from everybody's (`_cm`).

    resnet18-152, seresnet18/34   MXNet's: pre-activation; a norm of the raw 0-255 pixels in front, which
                                  learns their mean and spread; norm and ReLU in the stem and again in
                                  the first unit; a projection in the first unit of every stage; stride
                                  on the 3x3; norms add 2e-5 to the variance
    resnext50/101                 original units, with the same norm in front and the same 2e-5
    seresnet50-152, seresnext     as released (`seresnet50_v1`, `seresnext50_32x4d`); norms add
                                  9.999999747378752e-06

The last are ports of Caffe's networks, whose max pool is not padded; these pad it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resnets import networks, units
from resnets.architectures import resnet_v2, resnext, se_resnet
from resnets.architectures.resnet import imagenet_settings, initialize
from resnets.architectures.resnext import ResNeXtOptions
from resnets.architectures.se_resnet import SEResNetOptions
from resnets.config import Count, Rate
from resnets.networks.network_options import NormEpsilon, StackOptions
from resnets.registry import Architecture, Family

if TYPE_CHECKING:
    from torch import nn

    from resnets.units import ResidualUnit, UnitShape


class CMPreactivationOptions(StackOptions):
    """What a pre-activation network of classification_models takes.

    Attributes:
        drop_path_rate: probability that a unit is skipped in training, for the last unit; it rises
            linearly from the first (stochastic depth).
        norm_epsilon: what norms add to the variance.
    """

    drop_path_rate: Rate = 0.0
    norm_epsilon: NormEpsilon = 2e-5


class CMSEPreactivationOptions(CMPreactivationOptions):
    """What a pre-activation SE-ResNet of classification_models takes.

    Attributes:
        reduction: r; the squeezed vector has 1/r of the unit's channels.
    """

    reduction: Count = 16


class CMResNeXtOptions(ResNeXtOptions):
    """What a ResNeXt of classification_models takes.

    Attributes:
        norm_epsilon: what norms add to the variance.
    """

    norm_epsilon: NormEpsilon = 2e-5


class CMSEOptions(SEResNetOptions):
    """What a released SE-ResNet or SE-ResNeXt takes in classification_models.

    Attributes:
        norm_epsilon: what norms add to the variance.
    """

    norm_epsilon: NormEpsilon = 9.999999747378752e-06


def build_preactivation(options: CMPreactivationOptions) -> nn.Module:
    """Make a pre-activation network."""
    reduction = options.reduction if isinstance(options, CMSEPreactivationOptions) else None

    def make_unit(shape: UnitShape) -> ResidualUnit:
        branch = units.convolution_branch(
            shape,
            kernel_sizes=options.kernel_sizes,
            stride_on=options.stride_on,
            last_norm=False,
        )
        units.extend_branch(
            branch,
            shape,
            squeeze_channels=max(1, shape.out_channels // reduction) if reduction else None,
            drop_path_rate=options.drop_path_rate,
        )
        projects = shape.index == 0
        return units.preactivation_unit(branch, shape, "C" if projects else "B", share=projects)

    network = networks.build_stack(
        options, make_unit, make_final=units.preactivation, stem=_stem_with_input_norm(options)
    )
    networks.set_norm_epsilon(network, options.norm_epsilon)
    return network


def build_resnext(options: CMResNeXtOptions) -> nn.Module:
    """Make a ResNeXt."""
    network = resnext.build(options, stem=_stem_with_input_norm(options))
    networks.set_norm_epsilon(network, options.norm_epsilon)
    return network


def build_se_resnet(options: CMSEOptions) -> nn.Module:
    """Make a released SE-ResNet or SE-ResNeXt."""
    network = se_resnet.build(options)
    networks.set_norm_epsilon(network, options.norm_epsilon)
    return network


def _stem_with_input_norm(options: StackOptions) -> nn.Module:
    kind = networks.choose_stem(options.stem, options.image_size)
    return networks.build_stem(
        kind, options.in_channels, options.widths[0], pool=options.stem_pool, input_norm=True
    )


def initialize_preactivation(network: nn.Module, options: CMPreactivationOptions) -> None:
    """Fill the parameters."""
    networks.initialize(network)


def _dialect(family: Family, options: type[Any], build: Any, fill: Any = initialize) -> Family:
    """A family that is listed with another, and built otherwise."""
    return Family(family.name, family.title, family.paper, options, build, fill)


PREACTIVATION = _dialect(
    resnet_v2.FAMILY, CMPreactivationOptions, build_preactivation, initialize_preactivation
)
SE_PREACTIVATION = _dialect(
    se_resnet.FAMILY, CMSEPreactivationOptions, build_preactivation, initialize_preactivation
)
RESNEXT = _dialect(resnext.FAMILY, CMResNeXtOptions, build_resnext)
SE = _dialect(se_resnet.FAMILY, CMSEOptions, build_se_resnet)


def _row(
    name: str, family: Family, depth: int, counts: tuple[int, int], **settings: object
) -> Architecture:
    return Architecture(
        f"{name}_cm",
        family,
        imagenet_settings(depth) | settings,
        parameters=counts[0],
        multiply_adds=counts[1],
        source="classification_models",
    )


_PATHS = {"cardinality": 32, "base_width": 4}

ARCHITECTURES = (
    _row("resnet18", PREACTIVATION, 18, (11_691_947, 1_826_918_400)),
    _row("resnet34", PREACTIVATION, 34, (21_800_107, 3_676_606_464)),
    _row("resnet50", PREACTIVATION, 50, (25_549_483, 4_089_184_256)),
    _row("resnet101", PREACTIVATION, 101, (44_541_611, 7_801_405_440)),
    _row("resnet152", PREACTIVATION, 152, (60_185_259, 11_513_626_624)),
    _row("resnext50", RESNEXT, 50, (25_028_907, 4_230_479_872), **_PATHS),
    _row("resnext101", RESNEXT, 101, (44_177_707, 7_969_996_800), **_PATHS),
    _row("seresnet18", SE_PREACTIVATION, 18, (11_781_027, 1_827_005_440)),
    _row("seresnet34", SE_PREACTIVATION, 34, (21_961_303, 3_676_763_648)),
    _row("seresnet50", SE, 50, (28_088_024, 3_860_488_192), stride_on="first"),
    _row("seresnet101", SE, 101, (49_326_872, 7_574_937_600), stride_on="first"),
    _row("seresnet152", SE, 152, (66_821_848, 11_288_993_792), stride_on="first"),
    _row("seresnext50", SE, 50, (27_559_896, 4_232_994_816), **_PATHS),
    _row("seresnext101", SE, 101, (48_955_416, 7_974_739_968), **_PATHS),
)

NAME_RULES = ()
