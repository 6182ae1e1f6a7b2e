"""LAMB: Adam's step, its length set anew for each tensor by that of its weights.

You et al. 2019, arXiv:1904.00962, algorithm 2, with Adam's bias correction, as timm has it, with which
Wightman et al. 2021, arXiv:2110.00476, trained. Gradients are not clipped here. How many steps a tensor
has taken is part of its own state: one that joins later, after a head phase, is corrected by its own
count, and checkpoints hold nothing but tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class Lamb(torch.optim.Optimizer):
    """Large-batch optimizer of `settings.Optimizer(name='lamb')`.

    Args:
        groups: of parameters; one with 'adapts' False takes Adam's steps as they are.
        lr: learning rate.
        betas: of the means of gradients and of their squares.
        eps: added to the root of the latter.
        weight_decay: part of the step, before its length is set.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "adapts": True,
        }
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change the parameters that have gradients."""
        assert closure is None, "gradients are computed before the step"
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters:
                _change(parameters, [self._state_of(parameter) for parameter in parameters], group)

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state


def _change(parameters: list[Tensor], states: list[dict[str, Tensor]], group: dict[str, Any]) -> None:
    beta1, beta2 = group["betas"]
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    means = [state["exp_avg"] for state in states]
    squares = [state["exp_avg_sq"] for state in states]
    torch._foreach_add_([state["step"] for state in states], 1.0)
    torch._foreach_lerp_(means, gradients, 1 - beta1)
    torch._foreach_mul_(squares, beta2)
    torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)

    counts = [state["step"].item() for state in states]
    scales = torch._foreach_sqrt(squares)
    torch._foreach_div_(scales, [(1 - beta2**count) ** 0.5 for count in counts])
    torch._foreach_add_(scales, group["eps"])
    steps = list(torch._foreach_div(means, [1 - beta1**count for count in counts]))
    torch._foreach_div_(steps, scales)
    if group["weight_decay"]:
        torch._foreach_add_(steps, parameters, alpha=group["weight_decay"])
    if group["adapts"]:
        torch._foreach_mul_(steps, _ratios(parameters, steps))
    torch._foreach_add_(parameters, steps, alpha=-group["lr"])


def _ratios(parameters: list[Tensor], steps: list[Tensor]) -> list[Tensor]:
    """Length of the weights over that of their step; 1 where either is zero."""
    lengths = torch.stack(torch._foreach_norm(parameters))
    step_lengths = torch.stack(torch._foreach_norm(steps))
    is_defined = (lengths > 0) & (step_lengths > 0)
    return list(torch.where(is_defined, lengths / step_lengths, 1.0).unbind())
