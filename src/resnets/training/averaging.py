"""The exponential moving average of a network's weights (EMA).

Averaged are parameters and batch norm statistics; what counts is copied. Early updates average less, so
that the first weights are soon forgotten.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from resnets.recipes.settings import Averaging

_COUNT = "num_steps"


class WeightAverage:
    """A copy of a network that follows it.

    Args:
        network: on its device, where it stays.
        settings: how closely the copy follows.

    Attributes:
        network: the copy, in evaluation mode, without gradients.
    """

    def __init__(self, network: nn.Module, settings: Averaging) -> None:
        self.settings = settings
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._num_steps = 0
        pairs = list(zip(_tensors(self.network), _tensors(network), strict=True))
        averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self._averaged = [average for average, _ in averaged], [current for _, current in averaged]
        self._copied = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Follow the network; called after every step, it does so as often as settings say."""
        self._num_steps += 1
        num_updates, is_between = divmod(self._num_steps, self.settings.every)
        if is_between:
            return
        decay = min(self.settings.decay, num_updates / (9 + num_updates))
        torch._foreach_lerp_(*self._averaged, 1 - decay)
        for counted, value in self._copied:
            counted.copy_(value)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a later run needs to go on, by name."""
        return {**self.network.state_dict(), _COUNT: torch.tensor(self._num_steps)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a checkpoint.

        Args:
            tensors: of `tensors`.
        """
        named = dict(tensors)
        self._num_steps = int(named.pop(_COUNT))
        self.network.load_state_dict(named)


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
