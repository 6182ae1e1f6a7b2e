"""The average follows its network, and goes on bit for bit from a checkpoint."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import resnets
from resnets.recipes.settings import Averaging
from resnets.training.averaging import WeightAverage


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))


def change(network: nn.Module, seed: int) -> None:
    """What a step does to a network."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
    network.train()(torch.randn(2, 3, 2, 2, generator=generator))


def test_the_average_of_few_updates_weighs_the_first_less() -> None:
    # decay min(0.5, (1 + n) / (10 + n)): 1/10, 2/11, 3/12, ... and 0.5 from the eighth on (n = 8: 9/18)
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(network, Averaging(decay=0.5))
    expected = network.weight.item()
    for n in range(12):
        nn.init.constant_(network.weight, float(n))
        average.update()
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * n
        assert average.network.state_dict()["weight"].item() == pytest.approx(expected, rel=1e-6)


def test_same_as_torch_once_the_decay_is_reached() -> None:
    network = small()
    theirs = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.05), use_buffers=True)
    theirs.update_parameters(network)  # the first only copies
    ours = WeightAverage(network, Averaging(decay=0.05))
    for seed in range(5):
        change(network, seed)
        theirs.update_parameters(network)
        ours.update()
    expected = theirs.state_dict()
    for name, tensor in ours.network.state_dict().items():
        if not tensor.is_floating_point():
            continue  # PyTorch averages what counts, too
        torch.testing.assert_close(tensor, expected[f"module.{name}"])


def test_only_every_so_many_steps() -> None:
    network = small()
    average = WeightAverage(network, Averaging(every=3))
    changed = []
    for seed in range(7):
        before = copy.deepcopy(average.network.state_dict())
        change(network, seed)
        average.update()
        after = average.network.state_dict()
        changed.append(any(not torch.equal(before[name], after[name]) for name in after))
    assert changed == [False, False, True] * 2 + [False]


def test_ready_to_evaluate_and_apart_from_the_network() -> None:
    network = small()
    average = WeightAverage(network, Averaging())
    for seed in range(4):
        change(network, seed)
        average.update()
    assert not any(module.training for module in average.network.modules())
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert average.network.state_dict()["1.num_batches_tracked"].item() == 4


@pytest.mark.parametrize("stop", [4, 5])
def test_goes_on_bit_for_bit(stop: int) -> None:
    settings = Averaging(decay=0.9, every=2)
    network = small()
    whole = WeightAverage(network, settings)
    resumed = None
    for seed in range(9):
        change(network, seed)
        whole.update()
        if resumed is not None:
            resumed.update()
        if seed == stop:
            saved = {name: tensor.clone() for name, tensor in whole.tensors().items()}
            resumed = WeightAverage(network, settings)
            resumed.load(saved)
    assert resumed is not None
    for name, tensor in whole.tensors().items():
        assert torch.equal(resumed.tensors()[name], tensor), name


def test_of_a_whole_network() -> None:
    network: Any = resnets.create_model("resnet8")
    average = WeightAverage(network, Averaging())
    average.update()
    images = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(average.network(images), network.eval()(images))
    assert set(average.tensors()) == {*network.state_dict(), "num_steps"}
