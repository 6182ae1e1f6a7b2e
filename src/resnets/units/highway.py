"""Highway units: a gate T decides, per value, how much of F passes and how much of the input stays.

Srivastava et al. 2015, arXiv:1507.06228, eq. 3: y = H(x) T(x) + x (1 - T(x)). H is our F. The gate's
bias starts negative, so that a deep network starts by carrying its input through.
"""

from __future__ import annotations

from torch import Tensor, nn

from resnets.units.layers import ReLU, convolution, named_layers
from resnets.units.residual_unit import ResidualUnit
from resnets.units.unit_shape import UnitShape


class GatedMerge(nn.Module):
    """T(h) F + (1 - T(h)) h, where h is the shortcut.

    Args:
        gate: T, from the shortcut to values between 0 and 1; reading its output tells how open it is.

    Shape:
        (N, C, H, W), (N, C, H, W) -> (N, C, H, W)
    """

    passes_shortcut = True

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, shortcut: Tensor, residual: Tensor) -> Tensor:
        """Let the gate mix the two."""
        openness: Tensor = self.gate(shortcut)
        return residual * openness + shortcut * (1 - openness)


def highway_unit(shape: UnitShape, *, kernel_size: int) -> ResidualUnit:
    """Make a convolutional highway unit: H is a convolution and ReLU, T a convolution and sigmoid.

    arXiv:1507.06228, sec. 2.1 and 2.2: both have the same receptive field.

    Args:
        shape: of the unit; in_channels and out_channels are equal and the stride is 1.
        kernel_size: of both convolutions, odd, in pixels.

    Shape:
        (N, C, H, W) -> (N, C, H, W)
    """
    assert not shape.changes_shape
    channels = shape.out_channels
    gate = {
        "conv": convolution(channels, channels, kernel_size, bias=True),
        "sigmoid": nn.Sigmoid(),
    }
    branch = {
        "conv1": convolution(channels, channels, kernel_size, bias=True),
        "act1": ReLU(),
    }
    return ResidualUnit(named_layers(branch), merge=GatedMerge(named_layers(gate)))
