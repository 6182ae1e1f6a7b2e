"""How a unit joins its shortcut h(x) with its residual F(x)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Add(nn.Module):
    """h(x) + F(x).  He et al. 2015, arXiv:1512.03385, eq. 1.

    Shape:
        (N, C, H, W), (N, C, H, W) -> (N, C, H, W)
    """

    passes_shortcut = True

    def forward(self, shortcut: Tensor, residual: Tensor) -> Tensor:
        """Add the two."""
        return shortcut + residual


class ResidualOnly(nn.Module):
    """F(x) alone: what makes a plain network plain.  He et al. 2015, arXiv:1512.03385, sec. 3.3.

    Shape:
        (N, C, H, W), (N, C', H', W') -> (N, C', H', W')
    """

    def forward(self, shortcut: Tensor, residual: Tensor) -> Tensor:
        """Drop the shortcut."""
        return residual


class Concatenate(nn.Module):
    """h(x) and F(x), one behind the other.  Huang et al. 2016, arXiv:1608.06993, eq. 2.

    Shape:
        (N, C, H, W), (N, C', H, W) -> (N, C + C', H, W)
    """

    def forward(self, shortcut: Tensor, residual: Tensor) -> Tensor:
        """Join along the channels."""
        return torch.cat([shortcut, residual], dim=1)
