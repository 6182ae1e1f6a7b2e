"""VGG: 3x3 convolutions and max pooling, the plain network of 2014.  arXiv:1409.1556, table 1.

Each convolution is a unit without a shortcut; a max pool leads into every stage but the first, and
another follows the last. The variants with batch norm are not in the paper; their convolutions keep
the biases, as torchvision's do. Images whose last map is not 7x7 are averaged to 7x7 before the
classifier (torchvision's rule); `image_size=` makes a classifier for the map of that size instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import model_validator

from resnets import networks, units
from resnets.architectures import papers
from resnets.config import Count, Counts, Rate, Switch
from resnets.networks.network_options import NetworkOptions, check_stages
from resnets.registry import Architecture, Family

if TYPE_CHECKING:
    from torch import nn

    from resnets.networks import Stage
    from resnets.units import ResidualUnit


class VGGOptions(NetworkOptions):
    """What a VGG takes.

    Attributes:
        depths: convolutions per stage.
        widths: channels per stage.
        batch_norm: put a norm after every convolution.
        hidden_features: width of the classifier's two hidden layers.
        dropout: after each of them.
    """

    depths: Counts
    widths: Counts = (64, 128, 256, 512, 512)
    batch_norm: Switch = False
    hidden_features: Count = 4096
    dropout: Rate = 0.5

    @model_validator(mode="after")
    def _stages_agree(self) -> VGGOptions:
        check_stages(self.depths, self.widths)
        stride = 2 ** len(self.depths)
        if self.image_size is not None and self.image_size < stride:
            raise ValueError(
                f"image_size must be at least {stride}, the stride of the last map; "
                f"got {self.image_size}"
            )
        return self


def build(options: VGGOptions) -> nn.Module:
    """Make a VGG."""
    stages: list[Stage] = []
    info: list[networks.FeatureInfo] = []
    channels = options.in_channels
    for i, (depth, width) in enumerate(zip(options.depths, options.widths, strict=True)):
        stages.append(_stage(channels, width, depth, options, pooled=i > 0))
        info.append(networks.FeatureInfo(f"stages.{i}", width, 2**i))
        channels = width
    stride = 2 ** len(stages)
    info.append(networks.FeatureInfo("final", channels, stride))
    grid = min(7, max(1, options.image_size // stride)) if options.image_size else 7
    classifier = networks.hidden_layer_classifier(
        channels,
        grid,
        hidden_features=options.hidden_features,
        dropout=options.dropout,
        num_classes=options.num_classes,
    )
    return networks.assemble(
        options,
        stages=stages,
        feature_info=info,
        final=units.max_pool(),
        classifier=classifier,
    )


def _stage(in_channels: int, width: int, depth: int, options: VGGOptions, *, pooled: bool) -> Stage:
    convolutions: list[ResidualUnit] = []
    for i in range(depth):
        shape = units.UnitShape(in_channels=width if i else in_channels, width=width, out_channels=width)
        branch = units.convolution_branch(
            shape, kernel_sizes=(3,), last_norm=options.batch_norm, bias=True
        )
        convolutions.append(units.plain_unit(branch))
    return networks.Stage(convolutions, transition=units.max_pool() if pooled else None)


def initialize(network: nn.Module, options: VGGOptions) -> None:
    """Fill the parameters."""
    networks.initialize(network)


FAMILY = Family("vgg", "VGG", papers.VGG, VGGOptions, build, initialize)

# Table 1, columns A, B, D and E.
_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def _row(depth: int, parameters: int, multiply_adds: int, *, batch_norm: bool = False) -> Architecture:
    return Architecture(
        f"vgg{depth}_bn" if batch_norm else f"vgg{depth}",
        FAMILY,
        {"depths": _DEPTHS[depth], "batch_norm": batch_norm},
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="torchvision" if batch_norm else "Table 1",
    )


ARCHITECTURES = (
    _row(11, 132_863_336, 7_609_090_048),
    _row(13, 133_047_848, 11_308_466_176),
    _row(16, 138_357_544, 15_470_264_320),
    _row(19, 143_667_240, 19_632_062_464),
    _row(11, 132_868_840, 7_609_090_048, batch_norm=True),
    _row(13, 133_053_736, 11_308_466_176, batch_norm=True),
    _row(16, 138_365_992, 15_470_264_320, batch_norm=True),
    _row(19, 143_678_248, 19_632_062_464, batch_norm=True),
)

NAME_RULES = ()
