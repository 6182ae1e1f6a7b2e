"""LAMB's step, against its formula and against timm's, with which its recipes were trained."""

from __future__ import annotations

import copy
from typing import Any

import pytest
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


@pytest.mark.parity
def test_same_as_timm() -> None:
    pytest.importorskip("torchvision", exc_type=RuntimeError)
    theirs_kind = pytest.importorskip("timm.optim").Lamb
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5), nn.Linear(5, 3))
    twin = copy.deepcopy(network)

    def groups(of: nn.Module) -> list[dict[str, Any]]:
        parameters = list(of.parameters())
        weights = [parameter for parameter in parameters if parameter.ndim > 1]
        vectors = [parameter for parameter in parameters if parameter.ndim < 2]
        return [
            {"params": weights, "weight_decay": 0.02},
            {"params": vectors, "weight_decay": 0.0},
        ]

    ours_groups = groups(network)
    ours_groups[1]["adapts"] = False
    ours = Lamb(ours_groups, lr=0.005, eps=1e-6)
    theirs = theirs_kind(groups(twin), lr=0.005, eps=1e-6, max_grad_norm=None)
    for _ in range(20):
        images = torch.randn(8, 6)
        for one, optimizer in ((network, ours), (twin, theirs)):
            optimizer.zero_grad()
            one(images).square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(network.state_dict(), twin.state_dict())
