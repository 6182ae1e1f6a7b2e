"""Squeeze-and-excitation: each channel is scaled by what the whole image says.

Hu et al. 2017, arXiv:1709.01507, eq. 2-4. The two fully connected layers are 1x1 convolutions on the
pooled map, which is the same arithmetic. They keep their biases, as the released nets do; the paper's
ablations drop them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resnets.units.layers import ReLU


class SqueezeExcitation(nn.Module):
    """Scale channels by sigmoid(W2 ReLU(W1 mean(x))).

    Args:
        channels: C.
        squeeze_channels: width of the vector between the two layers, C / r.

    Shape:
        (N, C, H, W) -> (N, C, H, W)
    """

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeeze_channels, 1)
        self.act = ReLU()
        self.expand = nn.Conv2d(squeeze_channels, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Scale the channels."""
        squeezed = torch.mean(x, dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
        scale: Tensor = self.gate(self.expand(self.act(self.reduce(squeezed))))
        return x * scale
