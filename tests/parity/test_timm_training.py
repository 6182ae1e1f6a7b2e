"""timm's LAMB and loss, with which Wightman et al. 2021, arXiv:2110.00476, trained."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from resnets.recipes.settings import Loss
from resnets.training.lamb import Lamb
from resnets.training.losses import make_loss

pytestmark = pytest.mark.parity


@pytest.mark.usefixtures("timm")
def test_same_steps() -> None:
    theirs_kind = importlib.import_module("timm.optim").Lamb
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


@pytest.mark.usefixtures("timm")
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_same_binary_cross_entropy(smoothing: float) -> None:
    theirs = importlib.import_module("timm.loss").BinaryCrossEntropy(smoothing=smoothing)
    settings = Loss(name="binary_cross_entropy", label_smoothing=smoothing)
    ours = make_loss(settings, num_classes=10, class_counts=[1] * 10)
    scores, labels = torch.randn(8, 10), torch.arange(8)
    torch.testing.assert_close(ours(scores, labels), theirs(scores, labels))


@pytest.mark.usefixtures("timm")
def test_same_binary_cross_entropy_of_mixed_images() -> None:
    kind = importlib.import_module("timm.loss").BinaryCrossEntropy
    theirs = kind(smoothing=0.0, target_threshold=0.2)
    settings = Loss(name="binary_cross_entropy", target_threshold=0.2)
    ours = make_loss(settings, num_classes=10, class_counts=[1] * 10)
    first, second = (functional.one_hot(torch.randperm(10), 10) for _ in range(2))
    shares = 0.85 * first + 0.15 * second
    scores = torch.randn(10, 10)
    torch.testing.assert_close(ours(scores, shares), theirs(scores, shares))
