"""A network of your own, in one file: a ResNet whose units scale F before they add it.

Import this file, or name it as an entry point of your package, and every function and command knows
`scaled_resnet20`:

    [project.entry-points."resnets.architectures"]
    scaled = "my_package.own_architecture"
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import resnets
from resnets import networks, units
from resnets.architectures.resnet import cifar_settings
from resnets.networks import ResidualStackOptions
from resnets.units import UnitShape


class ScaledAdd(nn.Module):
    """h(x) + scale * F(x), with one learned scale per unit that starts at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, shortcut: Tensor, residual: Tensor) -> Tensor:
        """Scale and add."""
        return shortcut + self.scale * residual


def build(options: ResidualStackOptions) -> nn.Module:
    """Make the network: everything but the merge is the original unit."""

    def make_unit(shape: UnitShape) -> nn.Module:
        unit = units.original_unit(
            units.convolution_branch(shape, kernel_sizes=options.kernel_sizes), shape, options.shortcut
        )
        unit.merge = ScaledAdd()
        return unit

    return networks.build_stack(options, make_unit)


FAMILY = resnets.Family(
    name="scaled_resnet",
    title="ResNet with scaled residuals",
    paper=resnets.Paper("Bachlechner et al.", 2020, "ReZero is All You Need", "2003.04887"),
    options=ResidualStackOptions,
    build=build,
)

resnets.register_architecture(
    resnets.Architecture("scaled_resnet20", FAMILY, cifar_settings(20), image_size=32)
)
