"""Highway networks: learned gates decide what is transformed and what is carried.  arXiv:1507.06228.

Srivastava et al. 2015. Layers of a stage have one width; where the width changes stands a plain layer,
as the paper says; a max pool leads into each stage but the first. The paper gives few widths:

    highway-10-16, highway-10-32   the MNIST networks: nine convolutions of one width, then ten classes.
                                   Pooling after every third leaves 3x3 pixels; only so do the printed
                                   39K and 151K parameters come out (38,730 and 151,178).
    highway-11, -19, -32           CIFAR; table 2 prints ~236K, ~2.3M and ~1.25M parameters, no widths.
                                   Ours were chosen to come near: 239,874, 2,263,850 and 1,255,162. The
                                   32 layers alternate 3x3 and 1x1, as table 2 says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from resnets import networks, units
from resnets.architectures import papers
from resnets.config import Count, Counts, Switch
from resnets.errors import DepthError
from resnets.networks.network_options import KernelSizes, NetworkOptions, check_stages
from resnets.registry import Architecture, Family, NameRule

if TYPE_CHECKING:
    from torch import nn

    from resnets.networks import Stage
    from resnets.units import ResidualUnit


class HighwayOptions(NetworkOptions):
    """What a highway network takes.

    Attributes:
        depths: convolutions per stage; the first of a stage is plain if the width changes.
        widths: channels per stage.
        kernel_sizes: in pixels, repeated over the layers: (3,), or (3, 1) to alternate.
        gate_bias: of the transform gates, at the start; below zero, the deeper the network the lower.
        final_pool: put a max pool behind the last stage.
        grid: height and width of the map that the classifier sees, in pixels; 1 for a global average.
    """

    depths: Counts
    widths: Counts
    kernel_sizes: KernelSizes = (3,)
    gate_bias: Annotated[float, Field(strict=True, lt=0.0)] = -2.0
    final_pool: Switch = False
    grid: Count = 1

    @model_validator(mode="after")
    def _stages_agree(self) -> HighwayOptions:
        check_stages(self.depths, self.widths)
        if not self.kernel_sizes:
            raise ValueError("kernel_sizes needs at least one entry")
        return self


def build(options: HighwayOptions) -> nn.Module:
    """Make a highway network."""
    stages: list[Stage] = []
    info: list[networks.FeatureInfo] = []
    channels, layer = options.in_channels, 0
    for i, (depth, width) in enumerate(zip(options.depths, options.widths, strict=True)):
        made: list[ResidualUnit] = []
        for _ in range(depth):
            kernel_size = options.kernel_sizes[layer % len(options.kernel_sizes)]
            made.append(_unit(channels, width, kernel_size))
            channels, layer = width, layer + 1
        stages.append(networks.Stage(made, transition=units.max_pool() if i else None))
        info.append(networks.FeatureInfo(f"stages.{i}", width, 2**i))
    if options.final_pool:
        info.append(networks.FeatureInfo("final", channels, 2 ** len(stages)))
    return networks.assemble(
        options,
        stages=stages,
        feature_info=info,
        final=units.max_pool() if options.final_pool else None,
        classifier=networks.grid_classifier(channels, options.grid, options.num_classes),
    )


def _unit(in_channels: int, width: int, kernel_size: int) -> ResidualUnit:
    shape = units.UnitShape(in_channels=in_channels, width=width, out_channels=width)
    if not shape.changes_shape:
        return units.highway_unit(shape, kernel_size=kernel_size)
    return units.plain_unit(
        units.convolution_branch(shape, kernel_sizes=(kernel_size,), last_norm=False, bias=True)
    )


def initialize(network: nn.Module, options: HighwayOptions) -> None:
    """Fill the parameters; gates start nearly closed (arXiv:1507.06228, sec. 2.3)."""
    networks.initialize(network)
    networks.set_gate_biases(network, options.gate_bias)


FAMILY = Family("highway", "Highway network", papers.HIGHWAY, HighwayOptions, build, initialize)


def _stages(depth: int) -> tuple[int, int, int]:
    """Spread a network's convolutions over three stages; its depth counts the classifier too."""
    if depth < 4:
        raise DepthError("Highway network", step=1, offset=3, got=depth)
    n = (depth - 1) // 3
    return (n, n, depth - 1 - 2 * n)


def _cifar(
    depth: int, widths: tuple[int, int, int], parameters: int, multiply_adds: int
) -> Architecture:
    alternate = {"kernel_sizes": (3, 1)} if depth == 32 else {}
    return Architecture(
        f"highway-{depth}",
        FAMILY,
        {"depths": _stages(depth), "widths": widths, "num_classes": 10, **alternate},
        image_size=32,
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Table 2, our widths",
    )


def _mnist(
    depth: int, width: int, parameters: int | None = None, multiply_adds: int | None = None
) -> Architecture:
    return Architecture(
        f"highway-{depth}-{width}",
        FAMILY,
        {
            "depths": _stages(depth),
            "widths": (width,) * 3,
            "gate_bias": -2.0 if depth <= 50 else -4.0,
            "final_pool": True,
            "grid": 3,
            "in_channels": 1,
            "num_classes": 10,
        },
        image_size=28,
        parameters=parameters,
        multiply_adds=multiply_adds,
        source="Table 1" if depth == 10 else "Fig. 1, convolutional",
    )


ARCHITECTURES = (
    _mnist(10, 16, 38_730, 10_726_560),
    _mnist(10, 32, 151_178, 42_677_568),
    _cifar(11, (24, 36, 52), 239_874, 46_255_624),
    _cifar(19, (56, 84, 116), 2_263_850, 547_090_568),
    _cifar(32, (32, 48, 96), 1_255_162, 200_410_048),
)

NAME_RULES = (
    NameRule(
        "highway-<depth>-<width>",
        re.compile(r"highway_?([1-9][0-9]{0,3})_([1-9][0-9]{0,3})"),
        lambda match: _mnist(int(match[1]), int(match[2])),
    ),
)
