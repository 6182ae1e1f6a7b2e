"""What a network costs: sums, memory that is really kept, and a network that is left as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

import resnets
from resnets.analysis.cost import measure_cost
from resnets.errors import InputShapeError


def kept_for_backward(network: nn.Module, images: Tensor) -> int:
    """Bytes that autograd really keeps in a training step on this machine, without parameters."""
    owned = {t.untyped_storage().data_ptr() for t in [*network.parameters(), *network.buffers()]}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = network(images).sum()  # held while we count, so that no address is used twice
    total = sum(kept.values())
    del loss
    return total


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet20", {}),
        ("resnet18", {"image_size": 64}),
        ("resnetv2_50", {"image_size": 64}),
        ("seresnet18", {"image_size": 32}),
        ("resnext29_2x64d", {"form": "a"}),
        ("vgg11_bn", {"image_size": 32, "hidden_features": 64}),
    ],
)
def test_activation_memory_is_what_autograd_keeps(name: str, options: dict[str, Any]) -> None:
    described = resnets.describe(name, batch_size=4, **options)
    network: Any = resnets.create_model(name, **options).train()
    images = torch.zeros(4, 3, described.image_size, described.image_size)
    assert described.activation_bytes == pytest.approx(kept_for_backward(network, images), rel=0.01)


def test_activation_memory_grows_with_the_batch() -> None:
    one, many = (resnets.describe("resnet20", batch_size=n).activation_bytes for n in (1, 64))
    assert many == pytest.approx(64 * one, rel=0.01)


@pytest.mark.parametrize("name", ["resnet50", "vgg16", "resnetv2_164", "resnext29_8x64d", "seresnet18"])
def test_parts_add_up(name: str) -> None:
    described = resnets.describe(name)
    assert sum(part.parameters for part in described.parts) == described.parameters
    assert sum(stage.parameters for stage in described.stages) == described.parameters
    assert sum(stage.multiply_adds for stage in described.stages) == described.multiply_adds
    assert described.flops == 2 * described.multiply_adds


@pytest.mark.parametrize("depth", [18, 34, 20, 56])
def test_option_a_costs_nothing_over_the_plain_network(depth: int) -> None:
    plain = resnets.describe(f"plain{depth}")
    residual = resnets.describe(f"resnet{depth}", shortcut="A")
    assert plain.parameters == residual.parameters
    assert plain.multiply_adds == residual.multiply_adds


def test_projections_cost_what_they_cost() -> None:
    identity = resnets.describe("resnet34", shortcut="A")
    projected = resnets.describe("resnet34", shortcut="B")
    # three 1x1 projections at 28x28, 14x14 and 7x7, and their norms
    expected = 64 * 128 * 28**2 + 128 * 256 * 14**2 + 256 * 512 * 7**2
    assert projected.multiply_adds - identity.multiply_adds == expected
    assert projected.parameters - identity.parameters == 64 * 128 + 128 * 256 + 256 * 512 + 2 * (
        128 + 256 + 512
    )


def test_a_network_is_left_as_it_was() -> None:
    network: Any = resnets.create_model("resnet20")
    network.stages[1].eval()
    network.classifier.weight.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    described = resnets.describe(network, image_size=32, batch_size=2)
    assert described.parameters == 269_722 - 640
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_foreign_network_can_be_described() -> None:
    class Foreign(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Conv2d(3, 4, 3)
            self.head = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.head(self.body(x).mean((2, 3)))
            return scores

    described = resnets.describe(Foreign(), image_size=8)
    assert described.name == "Foreign"
    assert described.multiply_adds == 36 * 3 * 4 * 9 + 4 * 2
    assert [part.name for part in described.parts] == ["body", "head"]
    assert described.units == {}


def test_features_only_and_headless_networks_are_described() -> None:
    features = resnets.describe("resnetv2_50", features_only=True)
    assert [stage.name for stage in features.stages] == [
        "stem",
        "stages.0",
        "stages.1",
        "stages.2",
        "stages.3",
        "final",
    ]
    maps = resnets.describe("resnet18", include_top=False, pooling="none")
    assert maps.stages[-1].output == (512, 7, 7)


def test_images_too_small_are_refused() -> None:
    message = (
        "expected images (N, 3, H, W) with H, W >= 32; got (2, 3, 16, 16). Enlarge them, or give "
        "create_model their image_size"
    )
    with pytest.raises(InputShapeError) as caught:
        resnets.describe(resnets.create_model("resnet18"), image_size=16)
    assert str(caught.value) == message


def test_a_foreign_networks_refusal_is_passed_on() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 9))
    with pytest.raises(InputShapeError, match=r"^images of 4x4 pixels do not fit this network: "):
        measure_cost(network, image_size=4)
