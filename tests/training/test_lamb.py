"""LAMB's step, against its formula; tests/parity compares it with timm's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from resnets.training.lamb import Lamb

WEIGHTS = torch.tensor([[3.0, 0.0], [0.0, 4.0]])  # of length 5
GRADIENTS = torch.tensor([[0.3, -0.1], [0.2, -0.6]])


def first_step(weights: Tensor, **group: Any) -> Tensor:
    parameter = nn.Parameter(weights.clone())
    parameter.grad = GRADIENTS.clone()
    optimizer = Lamb([{"params": [parameter], **group}], lr=0.1, eps=1e-12)
    optimizer.step()
    return parameter.detach()


def test_the_first_step_has_the_length_of_the_weights() -> None:
    # Adam's first step is the sign of the gradient, here of length 2; phi is the identity.
    expected = WEIGHTS - 0.1 * 5 / 2 * GRADIENTS.sign()
    torch.testing.assert_close(first_step(WEIGHTS), expected)


def test_decay_is_part_of_the_step_whose_length_is_set() -> None:
    step = GRADIENTS.sign() + 0.5 * WEIGHTS
    expected = WEIGHTS - 0.1 * 5 / step.norm() * step
    torch.testing.assert_close(first_step(WEIGHTS, weight_decay=0.5), expected)


def test_adams_step_where_lengths_do_not_adapt_or_weights_are_zero() -> None:
    torch.testing.assert_close(first_step(WEIGHTS, adapts=False), WEIGHTS - 0.1 * GRADIENTS.sign())
    zero = torch.zeros(2, 2)
    torch.testing.assert_close(first_step(zero), -0.1 * GRADIENTS.sign())


def test_no_gradient_no_step() -> None:
    parameter = nn.Parameter(torch.ones(2))
    Lamb([{"params": [parameter], "weight_decay": 0.5}], lr=0.1).step()
    assert torch.equal(parameter.detach(), torch.ones(2))
