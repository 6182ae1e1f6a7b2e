"""ResNeXt: a bottleneck whose 3x3 is split into C paths, the cardinality.  arXiv:1611.05431.

A name such as `resnext50_32x4d` gives the paths (32) and the width of each in the first stage (4). The
branch comes in three equivalent forms (`form`); `convert_form` carries weights between them. The CIFAR
networks have original units, as the authors' code recommends; the paper's CIFAR figures were made
with pre-activation units.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from resnets import networks, units
from resnets.architectures import papers
from resnets.architectures.depths import IMAGENET_BOTTLENECK, name_cifar
from resnets.architectures.resnet import (
    ResNetOptions,
    cifar_settings,
    imagenet_settings,
    initialize,
)
from resnets.config import Count, validate
from resnets.errors import UnsupportedError
from resnets.registry import Architecture, Family, NameRule, find_architecture

if TYPE_CHECKING:
    from torch import nn

    from resnets.units import ResidualUnit, UnitShape


class ResNeXtOptions(ResNetOptions):
    """What a ResNeXt takes.

    Attributes:
        cardinality: C, the number of paths.
        base_width: d, channels of each path where a ResNet's bottleneck would have 64.
        form: 'a' (paths summed), 'b' (paths concatenated before the last 1x1) or 'c' (grouped
            convolution).
    """

    kernel_sizes: tuple[Literal[1], Literal[3], Literal[1]] = (1, 3, 1)
    cardinality: Count = 32
    base_width: Count = 4
    form: Literal["a", "b", "c"] = "c"

    @model_validator(mode="after")
    def _paths_have_channels(self) -> ResNeXtOptions:
        if min(self.branch_widths) < 1:
            raise ValueError(
                f"base_width must leave each path a channel: widths {self.widths} x {self.base_width} "
                "/ 64 is below 1"
            )
        return self

    @property
    def branch_widths(self) -> tuple[int, ...]:
        """Channels of all paths together, per stage (facebookresearch/ResNeXt, models/resnext.lua)."""
        return tuple(width * self.base_width // 64 * self.cardinality for width in self.widths)


def build(options: ResNeXtOptions, *, stem: nn.Module | None = None) -> nn.Module:
    """Make a ResNeXt.

    Args:
        options: of the network.
        stem: if it is not the usual one.
    """

    def make_unit(shape: UnitShape) -> ResidualUnit:
        branch = units.aggregated_branch(
            shape,
            cardinality=options.cardinality,
            form=options.form,
            stride_on=options.stride_on,
        )
        branch = units.extend_branch(branch, shape, drop_path_rate=options.drop_path_rate)
        return units.original_unit(branch, shape, options.shortcut)

    return networks.build_stack(options, make_unit, branch_widths=options.branch_widths, stem=stem)


def convert_form(network: nn.Module, form: Literal["a", "b", "c"]) -> nn.Module:
    """Make the same ResNeXt with its branches in another of the three equivalent forms.

    Xie et al. 2016, arXiv:1611.05431, fig. 3.

    Args:
        network: a ResNeXt made by `create_model`.
        form: 'a' (paths summed), 'b' (paths concatenated) or 'c' (grouped convolution).

    Returns:
        A copy of the network with other branches; everything else, and what is frozen or in evaluation
        mode, stays as it is. Outputs and gradients are the same up to rounding.

    Raises:
        ConfigError: if there is no such form.
        UnsupportedError: if the network is not a ResNeXt, or its branches were changed.
    """
    import torch

    spec: Any = getattr(network, "spec", None)
    if not isinstance(getattr(spec, "options", None), ResNeXtOptions):
        raise UnsupportedError(
            "only a ResNeXt made by create_model has forms a, b and c; got "
            + getattr(spec, "name", type(network).__name__)
        )
    options: ResNeXtOptions = validate(
        type(spec.options), spec.options.model_dump() | {"form": form}, source="the conversion"
    )
    with torch.device("meta"):
        target = find_architecture(spec.name).family.build(options)
    try:
        converted = units.exchange_branches(
            network, target, cardinality=options.cardinality, source=spec.options.form, form=form
        )
    except (AttributeError, KeyError, RuntimeError) as error:
        raise UnsupportedError(
            f"the branches of this {spec.name} are not those of form {spec.options.form}: {error}"
        ) from error
    converted.spec = replace(spec, options=options)
    return converted


FAMILY = Family("resnext", "ResNeXt", papers.RESNEXT, ResNeXtOptions, build, initialize)


def _imagenet(
    depth: int,
    paths: tuple[int, int],
    parameters: int | None = None,
    multiply_adds: int | None = None,
) -> Architecture:
    return Architecture(
        f"resnext{depth}_{paths[0]}x{paths[1]}d",
        FAMILY,
        imagenet_settings(depth) | {"cardinality": paths[0], "base_width": paths[1]},
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="torchvision" if paths == (32, 8) else "Tables 3 and 4",
    )


def _cifar(
    depth: int,
    paths: tuple[int, int],
    parameters: int | None = None,
    multiply_adds: int | None = None,
) -> Architecture:
    settings = cifar_settings(depth, bottleneck=True, family="resnext") | {"widths": (64, 128, 256)}
    mark = name_cifar("", depth, tuple(IMAGENET_BOTTLENECK)).removeprefix(str(depth))
    return Architecture(
        f"resnext{depth}_{paths[0]}x{paths[1]}d{mark}",
        FAMILY,
        settings | {"cardinality": paths[0], "base_width": paths[1]},
        image_size=32,
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Table 7, 9n+2",
    )


def _by_name(match: re.Match[str]) -> Architecture:
    depth, paths = int(match["depth"]), (int(match["cardinality"]), int(match["width"]))
    if depth in IMAGENET_BOTTLENECK and not match["cifar"]:
        return _imagenet(depth, paths)
    return _cifar(depth, paths)


ARCHITECTURES = (
    _imagenet(50, (32, 4), 25_028_904, 4_230_479_872),
    _imagenet(101, (32, 4), 44_177_704, 7_969_996_800),
    _imagenet(101, (32, 8), 88_791_336, 16_414_015_488),
    _imagenet(101, (64, 4), 83_455_272, 15_460_270_080),
    _imagenet(50, (2, 40), 25_425_000, 4_124_508_160),
    _imagenet(50, (4, 24), 25_292_968, 4_159_832_064),
    _imagenet(50, (8, 14), 25_603_016, 4_267_409_408),
    _imagenet(101, (2, 40), 44_456_296, 7_843_553_280),
    _imagenet(101, (4, 24), 44_363_432, 7_885_701_120),
    _imagenet(101, (8, 14), 45_104_328, 8_076_871_680),
    _imagenet(101, (2, 64), 84_198_184, 15_123_087_360),
    _imagenet(101, (1, 100), 85_611_336, 15_272_862_720),
    _cifar(29, (8, 64), 34_426_698, 5_387_266_048),
    _cifar(29, (16, 64), 68_155_210, 10_688_866_304),
    _cifar(29, (32, 4), 4_775_754, 774_055_936),
)

NAME_RULES = (
    NameRule(
        "resnext<depth>_<C>x<d>d[_cifar]",
        re.compile(
            r"resnext(?P<depth>[1-9][0-9]{0,3})_(?P<cardinality>[1-9][0-9]{0,3})x(?P<width>[1-9][0-9]{0,3})d"
            r"(?P<cifar>_cifar)?"
        ),
        _by_name,
    ),
)
