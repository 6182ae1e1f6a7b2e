"""DenseNet: units that append what they learn to what they got.  Huang et al. 2016, arXiv:1608.06993.

`densenet-100-24` is the CIFAR network of depth L = 100 and growth rate k = 24, `densenet-bc-100-12` the
one with bottlenecks (B) and compressing transitions (C, theta = 0.5). The stem has 16 channels, 2k with
bottlenecks: so the paper's counts come out (the authors' code of today takes 2k always).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from resnets import networks, units
from resnets.architectures import papers
from resnets.config import Count, Counts, Rate, Switch
from resnets.errors import DepthError
from resnets.networks.network_options import NetworkOptions
from resnets.networks.stem_choice import StemKind
from resnets.registry import Architecture, Family, NameRule

if TYPE_CHECKING:
    from torch import nn

    from resnets.networks import Stage
    from resnets.units import ResidualUnit


class DenseNetOptions(NetworkOptions):
    """What a DenseNet takes.

    Attributes:
        depths: units per stage.
        growth_rate: k, channels that each unit adds.
        bottleneck: put a 1x1 convolution to 4k channels before the 3x3.
        compression: theta, the share of the channels that a transition keeps; above 0, at most 1.
        stem_channels: that enter the first stage.
        stem: 'imagenet', 'deep', 'small' or 'cifar'; None: 'imagenet', or what fits `image_size`.
        dropout: behind every convolution but the stem's, in training; the paper takes 0.2 on CIFAR where
            images are not augmented.
        memory_saving: recompute every unit in the backward pass instead of keeping what it needs.
    """

    depths: Counts
    growth_rate: Count = 32
    bottleneck: Switch = True
    compression: Annotated[float, Field(strict=True, gt=0.0, le=1.0)] = 0.5
    stem_channels: Count = 64
    stem: StemKind | None = None
    dropout: Rate = 0.0
    memory_saving: Switch = False

    @model_validator(mode="after")
    def _has_stages(self) -> DenseNetOptions:
        if not self.depths:
            raise ValueError("depths needs at least one entry")
        return self


def build(options: DenseNetOptions) -> nn.Module:
    """Make a DenseNet."""
    kind = networks.choose_stem(options.stem, options.image_size)
    has_pool = kind in ("imagenet", "deep")
    channels, stride = options.stem_channels, networks.stem_stride(kind)
    # Units pre-activate; only where a max pool follows does the stem norm and activate by itself.
    stem = networks.build_stem(kind, options.in_channels, channels, normalized=has_pool)
    info = [networks.FeatureInfo("stem", channels, stride)]
    stages: list[Stage] = []
    for i, depth in enumerate(options.depths):
        transition = None
        if i:
            reduced = max(1, int(channels * options.compression))
            transition = networks.dense_transition(channels, reduced)
            transition = units.drop_convolutions(transition, options.dropout)
            channels, stride = reduced, stride * 2
        made = [_unit(channels + j * options.growth_rate, options) for j in range(depth)]
        stages.append(
            networks.build_dense_stage(made, transition=transition, recompute=options.memory_saving)
        )
        channels += depth * options.growth_rate
        info.append(networks.FeatureInfo(f"stages.{i}", channels, stride))
    info.append(networks.FeatureInfo("final", channels, stride))
    return networks.assemble(
        options, stem=stem, stages=stages, feature_info=info, final=units.preactivation(channels)
    )


def _unit(in_channels: int, options: DenseNetOptions) -> ResidualUnit:
    growth = options.growth_rate
    shape = units.UnitShape(in_channels=in_channels, width=4 * growth, out_channels=growth)
    branch = units.convolution_branch(
        shape, kernel_sizes=(1, 3) if options.bottleneck else (3,), last_norm=False
    )
    return units.dense_unit(units.drop_convolutions(branch, options.dropout), shape)


def initialize(network: nn.Module, options: DenseNetOptions) -> None:
    """Fill the parameters."""
    networks.initialize(network)


FAMILY = Family("densenet", "DenseNet", papers.DENSENET, DenseNetOptions, build, initialize)

# Table 1; 161 (k = 48) is in the authors' repository only.
_DEPTHS = {
    121: (6, 12, 24, 16),
    161: (6, 12, 36, 24),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
    264: (6, 12, 64, 48),
}


def imagenet_settings(depth: int, *, growth: int = 32) -> dict[str, object]:
    """The options of the ImageNet network of a given depth.  arXiv:1608.06993, table 1."""
    return {"depths": _DEPTHS[depth], "growth_rate": growth, "stem_channels": 2 * growth}


def _imagenet(depth: int, parameters: int, multiply_adds: int, *, growth: int = 32) -> Architecture:
    return Architecture(
        f"densenet{depth}",
        FAMILY,
        imagenet_settings(depth, growth=growth),
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="liuzhuang13/DenseNet" if depth == 161 else "Table 1",
    )


def _cifar(
    depth: int,
    growth: int,
    parameters: int | None = None,
    multiply_adds: int | None = None,
    *,
    bottleneck: bool = False,
) -> Architecture:
    step = 6 if bottleneck else 3
    num_units, rest = divmod(depth - 4, step)
    if rest or num_units < 1:
        raise DepthError("DenseNet-BC" if bottleneck else "DenseNet", step=step, offset=4, got=depth)
    settings: dict[str, Any] = {
        "depths": (num_units,) * 3,
        "growth_rate": growth,
        "bottleneck": bottleneck,
        "compression": 0.5 if bottleneck else 1.0,
        "stem_channels": 2 * growth if bottleneck else 16,
        "stem": "cifar",
        "num_classes": 10,
    }
    return Architecture(
        f"densenet-bc-{depth}-{growth}" if bottleneck else f"densenet-{depth}-{growth}",
        FAMILY,
        settings,
        image_size=32,
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Table 2, 6n+4" if bottleneck else "Table 2, 3n+4",
    )


ARCHITECTURES = (
    _imagenet(121, 7_978_856, 2_834_161_664),
    _imagenet(169, 14_149_480, 3_359_843_328),
    _imagenet(201, 20_013_928, 4_291_365_888),
    _imagenet(264, 33_337_704, 5_751_653_376),
    _imagenet(161, 28_681_000, 7_727_907_072, growth=48),
    _cifar(40, 12, 1_019_722, 264_812_928),
    _cifar(100, 12, 6_979_642, 1_769_516_448),
    _cifar(100, 24, 27_249_082, 6_889_347_744),
    _cifar(100, 12, 769_162, 287_929_692, bottleneck=True),
    _cifar(250, 24, 15_324_406, 5_418_785_724, bottleneck=True),
    _cifar(190, 40, 25_624_430, 9_301_945_740, bottleneck=True),
)

NAME_RULES = (
    NameRule(
        "densenet-<3n+4>-<k>",
        re.compile(r"densenet_?([1-9][0-9]{0,3})_([1-9][0-9]{0,2})"),
        lambda match: _cifar(int(match[1]), int(match[2])),
    ),
    NameRule(
        "densenet-bc-<6n+4>-<k>",
        re.compile(r"densenet_?bc_?([1-9][0-9]{0,3})_([1-9][0-9]{0,2})"),
        lambda match: _cifar(int(match[1]), int(match[2]), bottleneck=True),
    ),
)
