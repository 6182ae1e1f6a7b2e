"""A stage of densely connected units that recomputes instead of keeping: memory for time.

Run one after the other, each unit's concatenated input is a tensor of its own, and what its layers keep
is of that size: memory grows with the square of the stage's depth. Here a unit keeps only the channels
that it adds; its concatenation and its branch run again in the backward pass. Pleiss et al. 2017,
arXiv:1707.06990, do so for concatenation and norms alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from resnets.networks.residual_network import Stage
from resnets.units.layers import ReLU, convolution, named_layers
from resnets.units.residual_unit import ResidualUnit


class RecomputingDenseStage(Stage):
    """The same stage, with the same parameters, output and gradients, in less memory.

    Shape:
        (N, C, H, W) -> (N, C + units * growth, H', W')
    """

    def forward(self, x: Tensor) -> Tensor:
        """Run the units."""
        x = self.transition(x)
        if not torch.is_grad_enabled():
            output: Tensor = self.units(x)
            return output
        features = [x]
        for unit in self.units:
            norms = [module for module in unit.modules() if isinstance(module, nn.BatchNorm2d)]

            def contexts(
                norms: list[nn.BatchNorm2d] = norms,
            ) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
                return nullcontext(), _fixed_statistics(norms)

            features.append(
                checkpoint(_added_channels, unit, *features, use_reentrant=False, context_fn=contexts)
            )
        return torch.cat(features, dim=1)


def _added_channels(unit: ResidualUnit, *features: Tensor) -> Tensor:
    added: Tensor = unit.residual(unit.preactivation(torch.cat(features, dim=1)))
    return added


@contextmanager
def _fixed_statistics(norms: list[nn.BatchNorm2d]) -> Iterator[None]:
    """Keep running statistics as they are: the recomputation must not count the batch twice."""
    momenta = [norm.momentum for norm in norms]
    counts = [None if n.num_batches_tracked is None else n.num_batches_tracked.clone() for n in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)


def build_dense_stage(
    units: Sequence[nn.Module], *, transition: nn.Module | None, recompute: bool
) -> Stage:
    """Make a stage of densely connected units.

    Args:
        units: in order.
        transition: before the first unit; identity if None.
        recompute: save memory in training.
    """
    kind = RecomputingDenseStage if recompute else Stage
    return kind(units, transition=transition)


def dense_transition(in_channels: int, out_channels: int) -> nn.Sequential:
    """Make what stands between two stages: norm, ReLU, 1x1 convolution, 2x2 average pool.

    Huang et al. 2016, arXiv:1608.06993, sec. 3, "Pooling layers" and "Compression".

    Args:
        in_channels: C, of the stage before.
        out_channels: C', of the stage behind.

    Shape:
        (N, C, H, W) -> (N, C', floor(H / 2), floor(W / 2))
    """
    return named_layers(
        {
            "norm": nn.BatchNorm2d(in_channels),
            "act": ReLU(),
            "conv": convolution(in_channels, out_channels, 1),
            "pool": nn.AvgPool2d(2),
        }
    )
