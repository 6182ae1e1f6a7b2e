"""From options to a network: plan the units, make them, put stem and classifier around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import nn

from resnets.networks.classifiers import GlobalAverage, GlobalMaximum
from resnets.networks.network_options import NetworkOptions, StackOptions
from resnets.networks.residual_network import FeatureInfo, FeatureNetwork, ResidualNetwork, Stage
from resnets.networks.stem_choice import choose_stem, stem_stride
from resnets.networks.stems import build_stem
from resnets.networks.unit_plan import UnitPlan, plan_units
from resnets.units.unit_shape import UnitShape


def build_stack(
    options: StackOptions,
    make_unit: Callable[[UnitShape], nn.Module],
    *,
    branch_widths: Sequence[int] | None = None,
    stem_channels: int | None = None,
    normalized_stem: bool = True,
    make_final: Callable[[int], nn.Module] | None = None,
    arrange: Callable[[UnitPlan], UnitPlan] | None = None,
    stem: nn.Module | None = None,
) -> ResidualNetwork | FeatureNetwork:
    """Build a network whose stages differ only in the shapes of their units.

    Args:
        options: the family's.
        make_unit: makes the unit of a given shape.
        branch_widths: channels inside the branches, per stage; `options.widths` if None.
        stem_channels: of the first unit's input; the first of `options.widths` if None.
        normalized_stem: put norm and ReLU into the stem.
        make_final: makes what follows the last unit, given its channels.
        arrange: changes the plan of the units.
        stem: of the kind and channels that it would have; made by `build_stem` if None.
    """
    kind = choose_stem(options.stem, options.image_size)
    stride = stem_stride(kind)
    stem_channels = stem_channels or options.widths[0]
    out_channels = [width * options.expansion for width in options.widths]
    plan = plan_units(
        options.depths,
        branch_widths or options.widths,
        out_channels,
        stem_channels=stem_channels,
        stem_stride=stride,
        output_stride=options.output_stride,
    )
    plan = arrange(plan) if arrange else plan
    stem = stem or build_stem(
        kind, options.in_channels, stem_channels, normalized=normalized_stem, pool=options.stem_pool
    )
    info = [FeatureInfo("stem", stem_channels, stride)]
    for i, shapes in enumerate(plan):
        stride *= math.prod(shape.stride for shape in shapes)
        info.append(FeatureInfo(f"stages.{i}", shapes[-1].out_channels, stride))
    if make_final is not None:
        info.append(FeatureInfo("final", out_channels[-1], stride))
    return assemble(
        options,
        stem=stem,
        stages=[Stage([make_unit(shape) for shape in shapes]) for shapes in plan],
        feature_info=info,
        final=make_final(out_channels[-1]) if make_final else None,
    )


def assemble(
    options: NetworkOptions,
    *,
    stages: Sequence[nn.Module],
    feature_info: Sequence[FeatureInfo],
    stem: nn.Module | None = None,
    final: nn.Module | None = None,
    classifier: tuple[nn.Module, nn.Module] | None = None,
) -> ResidualNetwork | FeatureNetwork:
    """Put the parts together, with the kind of output that the options ask for.

    Args:
        options: the family's.
        stages: in order.
        feature_info: of the stem and of `final` if there is one, and of each stage.
        stem: from the image to the first unit; None if there is nothing.
        final: after the last unit; None if there is nothing.
        classifier: pool and classifier, if they are not global average and one linear layer.
    """
    if options.features_only:
        return FeatureNetwork(
            stem=stem,
            stages=stages,
            feature_info=feature_info,
            in_channels=options.in_channels,
            final=final,
        )
    if not options.include_top:
        pools = {"avg": GlobalAverage, "max": GlobalMaximum, "none": nn.Identity}
        pool, top = pools[options.pooling](), None
    else:
        pool, top = classifier or (
            GlobalAverage(),
            nn.Linear(feature_info[-1].channels, options.num_classes),
        )
    return ResidualNetwork(
        stem=stem,
        stages=stages,
        feature_info=feature_info,
        in_channels=options.in_channels,
        final=final,
        pool=pool,
        classifier=top,
    )
