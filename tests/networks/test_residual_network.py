"""What a network says about images that it cannot take, and how its parts fit together."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import resnets
from resnets.errors import InputShapeError
from resnets.networks import FeatureInfo, FeatureNetwork, ResidualNetwork, Stage


@pytest.fixture(scope="module")
def resnet18() -> nn.Module:
    with torch.device("meta"):
        return resnets.create_model("resnet18")


def zeros(*shape: int) -> Tensor:
    return torch.zeros(*shape, device="meta")


EXPECTED = "expected images (N, 3, H, W) with H, W >= 32; got "


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (zeros(3, 64, 64), "(3, 64, 64). Add a batch axis: images[None]"),
        (zeros(64, 64), "(64, 64)."),
        (zeros(1, 2, 3, 64, 64), "(1, 2, 3, 64, 64)."),
        (zeros(2, 1, 64, 64), "(2, 1, 64, 64). Build the network for them: in_channels=1"),
        (zeros(2, 4, 64, 64), "(2, 4, 64, 64). Build the network for them: in_channels=4"),
        (
            zeros(2, 64, 48, 3),
            "(2, 64, 48, 3). Put the channels first: images.permute(0, 3, 1, 2)",
        ),
        (
            zeros(2, 3, 31, 64),
            "(2, 3, 31, 64). Enlarge them, or give create_model their image_size",
        ),
        (
            zeros(2, 3, 64, 31),
            "(2, 3, 64, 31). Enlarge them, or give create_model their image_size",
        ),
        (zeros(2, 3, 0, 0), "(2, 3, 0, 0). Enlarge them, or give create_model their image_size"),
    ],
    ids=lambda value: str(tuple(value.shape)) if isinstance(value, Tensor) else "",
)
def test_wrong_shapes(resnet18: nn.Module, images: Tensor, text: str) -> None:
    with pytest.raises(InputShapeError) as caught:
        resnet18(images)
    assert str(caught.value) == EXPECTED + text


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_bytes_are_refused(resnet18: nn.Module, dtype: torch.dtype) -> None:
    with pytest.raises(InputShapeError) as caught:
        resnet18(torch.zeros(2, 3, 64, 64, dtype=dtype, device="meta"))
    assert str(caught.value) == (
        f"expected normalized floating-point images; got {dtype}. For bytes: images.float() / 255, "
        "then subtract the mean and divide by the standard deviation"
    )


def test_features_check_their_images_too() -> None:
    with torch.device("meta"):
        network = resnets.create_model("resnet20", features_only=True, in_channels=1)
    with pytest.raises(InputShapeError) as caught:
        network(zeros(1, 1, 3, 8))
    assert str(caught.value) == (
        "expected images (N, 1, H, W) with H, W >= 4; got (1, 1, 3, 8). "
        "Enlarge them, or give create_model their image_size"
    )


@pytest.mark.parametrize("name", ["resnet20", "resnet18", "vgg11", "resnetv2_18", "seresnet18"])
def test_the_least_size_works(name: str) -> None:
    with torch.device("meta"):
        network: Any = resnets.create_model(name).eval()
    least = network.feature_info[-1].stride
    assert network(zeros(1, 3, least, least)).ndim == 2
    with pytest.raises(InputShapeError):
        network(zeros(1, 3, least, least - 1))


def test_an_empty_batch_gives_no_scores(resnet18: nn.Module) -> None:
    assert resnet18.eval()(zeros(0, 3, 64, 64)).shape == (0, 1000)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_precisions(dtype: torch.dtype) -> None:
    network = resnets.create_model("resnet20", drop_path_rate=0.1).to(dtype)
    scores = network(torch.randn(2, 3, 16, 16, dtype=dtype))
    assert scores.dtype == dtype
    assert scores.isfinite().all()


def test_autocast() -> None:
    network = resnets.create_model("resnet20", drop_path_rate=0.5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(torch.randn(2, 3, 16, 16)).isfinite().all()


def test_vgg_at_64_pixels() -> None:
    network = resnets.create_model("vgg11", image_size=64, hidden_features=8, num_classes=3)
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 3)
    # Other sizes are averaged to the classifier's grid.
    assert network(torch.randn(2, 3, 96, 32)).shape == (2, 3)


def test_vgg_grid_is_the_map_itself_at_its_own_size() -> None:
    network = resnets.create_model("vgg11", image_size=64, hidden_features=8)
    x = torch.randn(1, 512, 2, 2)
    assert torch.equal(network.get_submodule("pool")(x), x)


def test_slots_left_out_are_identities() -> None:
    info = [FeatureInfo("stem", 3, 1), FeatureInfo("stages.0", 3, 1)]
    network = ResidualNetwork(stages=[Stage([nn.Identity()])], feature_info=info, in_channels=3)
    images = torch.randn(2, 3, 4, 4)
    assert torch.equal(network(images), images)
    assert network.num_features == 3
    assert not list(network.parameters())


def test_a_stage_starts_with_its_transition() -> None:
    stage = Stage([nn.ReLU(), nn.Flatten()], transition=nn.MaxPool2d(2))
    x = torch.randn(1, 1, 4, 4)
    assert torch.equal(stage(x), torch.relu(nn.functional.max_pool2d(x, 2)).flatten(1))


def test_feature_network_without_stem_and_final() -> None:
    stages = [Stage([nn.ReLU()]), Stage([nn.MaxPool2d(2)])]
    info = [FeatureInfo("stages.0", 3, 1), FeatureInfo("stages.1", 3, 2)]
    images = torch.randn(2, 3, 4, 4)
    features = FeatureNetwork(stages=stages, feature_info=info, in_channels=3)(images)
    assert list(features) == ["stages.0", "stages.1"]
    assert torch.equal(features["stages.0"], images.relu())
    assert features["stages.1"].shape == (2, 3, 2, 2)


def test_the_order_is_stem_stages_final_pool_classifier() -> None:
    calls: list[str] = []
    network = resnets.create_model("resnetv2_29").eval()
    for name, child in network.named_children():
        child.register_forward_hook(lambda *_, name=name: calls.append(name))
    with torch.no_grad():
        network(torch.randn(1, 3, 16, 16))
    assert calls == ["stem", "stages", "final", "pool", "classifier"]


def test_the_images_are_left_alone() -> None:
    for name in ("resnet20", "plain20", "resnetv2_29", "vgg11_bn"):
        more = {"hidden_features": 4} if name.startswith("vgg") else {}
        images = torch.randn(2, 3, 32, 32)
        before = images.clone()
        resnets.create_model(name, **more)(images)
        assert torch.equal(images, before)
