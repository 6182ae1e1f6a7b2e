"""timm's LAMB and loss, with which Wightman et al. 2021, arXiv:2110.00476, trained."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from resnets.recipes.settings import Loss
from resnets.training.lamb import Lamb
from resnets.training.losses import make_loss

pytestmark = pytest.mark.parity


def groups(network: nn.Module) -> list[dict[str, Any]]:
    """Weights decay, vectors do not."""
    parameters = list(network.parameters())
    weights = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim < 2]
    return [
        {"params": weights, "weight_decay": 0.02},
        {"params": vectors, "weight_decay": 0.0},
    ]


@pytest.mark.usefixtures("timm")
def test_same_steps() -> None:
    theirs_kind = importlib.import_module("timm.optim").Lamb
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5), nn.Linear(5, 3))
    twin = copy.deepcopy(network)
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


def first_step(make: Callable[..., torch.optim.Optimizer], length: float) -> tuple[float, float]:
    """How far the first step goes: that of weights of a length over that length, and that of a bias."""
    network = nn.Linear(8, 4, dtype=torch.float64)
    nn.init.ones_(network.weight).data.mul_(length / 32**0.5)
    nn.init.ones_(network.bias)
    before = copy.deepcopy(network)
    optimizer = make(groups(network), lr=1.0, eps=1e-6)
    network(torch.ones(1, 8, dtype=torch.float64)).sum().backward()
    optimizer.step()
    weights = (network.weight - before.weight).norm().item() / length
    return weights, (network.bias - before.bias).abs().max().item()


@pytest.mark.usefixtures("timm")
def test_why_the_lamb_of_pytorch_optimizer_is_not_taken() -> None:
    """It fails once that library corrects both means before lengths are set: then it can be taken."""
    library = pytest.importorskip("pytorch_optimizer")

    def nearest(chosen: list[dict[str, Any]], **options: Any) -> torch.optim.Optimizer:
        chosen[1]["adam"] = True  # no ratio for vectors
        made: torch.optim.Optimizer = library.Lamb(chosen, weight_decouple=False, **options)
        return made

    kind = importlib.import_module("timm.optim").Lamb
    for length in (5.0, 40.0):
        assert first_step(kind, length) == pytest.approx((1.0, 1.0), rel=1e-4)
    assert first_step(nearest, 5.0) == pytest.approx((10.0, 31.6), rel=1e-2)
    # ResNet-50 begins with weights of lengths to 64, and there are cut to 10.
    assert first_step(nearest, 40.0) == pytest.approx((2.5, 31.6), rel=1e-2)


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
