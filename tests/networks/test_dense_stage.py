"""The memory-saving DenseNet computes what the plain one does, and keeps less."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import resnets

NAME = "densenet-bc-22-6"


def twins(name: str = NAME) -> tuple[Any, Any]:
    """The same network, plain and memory-saving, in float64."""
    torch.manual_seed(0)
    plain: Any = resnets.create_model(name).double().train()
    saving: Any = resnets.create_model(name, memory_saving=True).double().train()
    saving.load_state_dict(plain.state_dict())
    return plain, saving


@pytest.mark.parametrize("name", [NAME, "densenet-16-6"])
def test_output_gradients_and_statistics_are_the_same(name: str) -> None:
    plain, saving = twins(name)
    images = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    for network in (plain, saving):
        for _ in range(2):
            network(images).square().sum().backward()
    assert torch.allclose(saving(images), plain(images), rtol=0, atol=1e-10)
    for (key, ours), (_, theirs) in zip(
        saving.state_dict().items(), plain.state_dict().items(), strict=True
    ):
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-10), key
    for ours, theirs in zip(saving.parameters(), plain.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-7, atol=1e-9)


def test_norms_are_left_as_they_were() -> None:
    _, saving = twins()
    saving(torch.randn(2, 3, 16, 16, dtype=torch.float64)).sum().backward()
    norms = [module for module in saving.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} == {0.1}
    assert {int(norm.num_batches_tracked or 0) for norm in norms} == {1}


def test_inference_is_the_same() -> None:
    plain, saving = twins()
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    with torch.inference_mode():
        assert torch.equal(saving.eval()(images), plain.eval()(images))


def test_the_description_knows() -> None:
    plain: Any = resnets.describe("densenet-bc-58-6", batch_size=2)
    saving: Any = resnets.describe("densenet-bc-58-6", batch_size=2, memory_saving=True)
    assert saving.parameters == plain.parameters
    assert saving.multiply_adds == plain.multiply_adds
    assert saving.activation_bytes < plain.activation_bytes / 2
