"""DenseNet: names, stem, compression."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import resnets
import resnets.architectures  # noqa: F401 - the registry knows no names before
from resnets.errors import ConfigError, DepthError
from resnets.registry import find_architecture


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("densenet-100-24", "densenet-100-24"),
        ("DenseNet-BC-100-12", "densenet-bc-100-12"),
        ("densenet_bc_100_12", "densenet-bc-100-12"),
        ("DenseNet-BC (100, 12)".replace(", ", "-"), "densenet-bc-100-12"),
        ("densenet-40-36", "densenet-40-36"),
        ("DenseNet-121", "densenet121"),
    ],
)
def test_names(written: str, name: str) -> None:
    assert find_architecture(written).name == name


def test_depths_that_do_not_fit() -> None:
    with pytest.raises(DepthError) as plain:
        find_architecture("densenet-41-12")
    assert str(plain.value) == (
        "DenseNet depth must be 3n+4 (7, 10, 13, 16, ...); got 41, nearest are 40 and 43"
    )
    with pytest.raises(DepthError) as bottleneck:
        find_architecture("densenet-bc-101-12")
    assert str(bottleneck.value) == (
        "DenseNet-BC depth must be 6n+4 (10, 16, 22, 28, ...); got 101, nearest are 100 and 106"
    )


def test_a_unit_appends_k_channels() -> None:
    network: Any = resnets.create_model("densenet-bc-16-6").eval()
    x = torch.randn(2, 12, 8, 8)
    unit: Any = network.stages[0].units[0]
    with torch.no_grad():
        output = unit(x)
    assert output.shape == (2, 18, 8, 8)
    assert torch.equal(output[:, :12], x)


@pytest.mark.parametrize(("compression", "channels"), [(1.0, 24), (0.5, 12), (0.3, 7)])
def test_transitions_compress(compression: float, channels: int) -> None:
    network: Any = resnets.create_model("densenet-bc-16-6", compression=compression)
    assert network.stages[1].transition.conv.weight.shape[:2] == (channels, 24)


# arXiv:1608.06993, sec. 3: 16 channels, 2k for DenseNet-BC
@pytest.mark.parametrize(("name", "channels"), [("densenet-40-12", 16), ("densenet-bc-40-12", 24)])
def test_stem(name: str, channels: int) -> None:
    network: Any = resnets.create_model(name)
    assert network.stem.conv.weight.shape[0] == channels


@pytest.mark.parametrize(("size", "layers"), [(224, 4), (64, 1), (32, 1)])
def test_only_a_stem_with_a_pool_is_normalized(size: int, layers: int) -> None:
    network: Any = resnets.create_model("densenet121", image_size=size)
    assert len(network.stem) == layers


def test_options_it_cannot_take() -> None:
    with pytest.raises(ConfigError) as caught:
        resnets.create_model("densenet121", drop_path_rate=0.1, output_stride=8, compression=0.0)
    assert str(caught.value) == (
        "3 problems in the options of densenet121: compression must be greater than 0, got 0.0; "
        "drop_path_rate is unknown, known are num_classes, in_channels, include_top, pooling, "
        "features_only, image_size, depths, growth_rate, bottleneck, compression, stem_channels, stem, "
        "dropout, memory_saving; output_stride is unknown, known are num_classes, in_channels, include_top, "
        "pooling, features_only, image_size, depths, growth_rate, bottleneck, compression, "
        "stem_channels, stem, dropout, memory_saving"
    )


# arXiv:1608.06993, sec. 4.2: "after each convolutional layer (except the first one)"
@pytest.mark.parametrize("memory_saving", [False, True])
def test_dropout_stands_behind_every_convolution_but_the_first(memory_saving: bool) -> None:
    options = {"dropout": 0.2, "memory_saving": memory_saving}
    network: Any = resnets.create_model("densenet-bc-16-6", **options)
    assert not any(isinstance(module, nn.Dropout) for module in network.stem)
    branch = [name for name, _ in network.stages[1].units[0].residual.named_children()]
    assert branch == ["conv1", "dropout1", "norm1", "act1", "conv2", "dropout2"]
    transition = [name for name, _ in network.stages[1].transition.named_children()]
    assert transition == ["norm", "act", "conv", "dropout", "pool"]
    assert {module.p for module in network.modules() if isinstance(module, nn.Dropout)} == {0.2}
    plain: Any = resnets.create_model("densenet-bc-16-6")
    assert list(network.state_dict()) == list(plain.state_dict())
    images = torch.randn(2, 3, 8, 8)
    plain.load_state_dict(network.state_dict())
    assert torch.equal(network.eval()(images), plain.eval()(images))
    assert not torch.equal(network.train()(images), network.train()(images))


def test_what_is_dropped_is_dropped_again_when_it_is_recomputed() -> None:
    kept: Any = resnets.create_model("densenet-bc-16-6", dropout=0.2)
    saving: Any = resnets.create_model("densenet-bc-16-6", dropout=0.2, memory_saving=True)
    saving.load_state_dict(kept.state_dict())
    images = torch.randn(2, 3, 8, 8)
    for network in (kept, saving):
        torch.manual_seed(1)
        network.train()(images).sum().backward()
    for one, other in zip(kept.parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


# arXiv:1608.06993, table 2
def test_the_printed_parameters_of_densenet_100_24() -> None:
    assert round(resnets.describe("densenet-100-24").parameters / 1e6, 1) == 27.2
