"""How a unit joins its shortcut h(x) with its residual F(x)."""

from __future__ import annotations

from torch import Tensor, nn


class Add(nn.Module):
    """h(x) + F(x).  He et al. 2015, arXiv:1512.03385, eq. 1.

    Shape:
        (N, C, H, W), (N, C, H, W) -> (N, C, H, W)
    """

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
