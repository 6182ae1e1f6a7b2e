"""Stochastic depth per sample: in training, each image skips the branch with some probability.

Huang et al. 2016, arXiv:1603.09382. The authors draw one gate per mini-batch and rescale when testing;
this draws one per image and rescales what survives in training, as torchvision ("row") and timm do.
The expected output is the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class StochasticDepth(nn.Module):
    """Set the residual of some images to zero, and scale the others by 1 / (1 - p), when training.

    Args:
        drop_probability: p, 0 <= p < 1.

    Shape:
        (N, C, H, W) -> (N, C, H, W)
    """

    def __init__(self, drop_probability: float) -> None:
        super().__init__()
        assert 0.0 <= drop_probability < 1.0
        self.drop_probability = drop_probability

    def forward(self, residual: Tensor) -> Tensor:
        """Drop residuals at random."""
        if not self.training:
            return residual
        survival = 1.0 - self.drop_probability
        gates = torch.empty(residual.shape[0], 1, 1, 1, dtype=residual.dtype, device=residual.device)
        return residual * (gates.bernoulli_(survival) / survival)

    def extra_repr(self) -> str:
        """Show p."""
        return f"drop_probability={self.drop_probability:.4g}"
