"""Dilation instead of stride: the network computes what it did, at more places.

The last map of the dilated network, subsampled to the strided network's places, is the strided
network's last map, with the same weights. Nets with squeeze-and-excitation are left out: their gates
average over the whole map, and a finer map has another average.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import resnets
from resnets.errors import ConfigError

NETS: list[tuple[str, dict[str, Any]]] = [
    ("resnet18", {}),
    ("resnet50", {}),
    ("resnet50_v1", {}),
    ("resnetv2_50", {}),
    ("resnetv2_50_timm", {}),
    ("resnext50_32x4d", {"cardinality": 4}),
    ("resnext50_32x4d", {"cardinality": 4, "form": "a"}),
    ("resnext50_32x4d", {"cardinality": 4, "form": "b"}),
    ("resnext50_32x4d", {"cardinality": 4, "stride_on": "first"}),
    ("resnet18", {"kernel_sizes": (3, 3, 3)}),
    ("resnet18", {"kernel_sizes": (3, 1, 3), "stride_on": "first"}),
    ("resnet18", {"kernel_sizes": (1, 1, 3)}),
    ("resnet18", {"kernel_sizes": (5,)}),
    ("resnet18", {"shortcut": "A"}),
    ("resnet18", {"shortcut": "A-end"}),
    ("resnet18", {"shortcut": "C"}),
    ("plain18", {}),
    ("resnet18", {"stem": "deep"}),
]
SMALL: dict[str, Any] = {"depths": (2, 2, 2, 2)}


def label(net: tuple[str, dict[str, Any]]) -> str:
    return net[0] + "".join(f"-{key}={value}" for key, value in net[1].items())


def last_map(
    name: str, options: dict[str, Any], images: Tensor, weights: dict[str, Tensor] | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    network = resnets.create_model(name, include_top=False, pooling="none", **options).double()
    if weights is not None:
        network.load_state_dict(weights)
    else:
        for norm in network.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                # Norms that shift, or zero padding would look like any other zero.
                torch.nn.init.normal_(norm.bias)
    with torch.no_grad():
        return network.eval()(images), network.state_dict()


@pytest.mark.parametrize("output_stride", [4, 8, 16])
@pytest.mark.parametrize("side", [65, 97])
@pytest.mark.parametrize("net", NETS, ids=label)
def test_subsampled_map_is_the_strided_map(
    net: tuple[str, dict[str, Any]], side: int, output_stride: int
) -> None:
    name, options = net
    options = {"widths": (16, 24, 32, 40), **SMALL, **options}
    images = torch.randn(1, 3, side, side, dtype=torch.float64)
    strided, weights = last_map(name, options, images)
    dilated, _ = last_map(name, {**options, "output_stride": output_stride}, images, weights)
    step = 32 // output_stride
    assert strided.shape[-1] == (side - 1) // 32 + 1
    assert dilated.shape[-1] == (side - 1) // output_stride + 1
    torch.testing.assert_close(dilated[:, :, ::step, ::step], strided, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("side", [64, 80, 100])
def test_even_images_too(side: int) -> None:
    images = torch.randn(1, 3, side, side, dtype=torch.float64)
    strided, weights = last_map("resnet18", SMALL, images)
    dilated, _ = last_map("resnet18", {**SMALL, "output_stride": 8}, images, weights)
    torch.testing.assert_close(dilated[:, :, ::4, ::4], strided, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["resnet18", "resnetv2_50"])
def test_stages_of_equal_width(name: str) -> None:
    """The shortcut is a projection because the strided network's is, whatever the stride."""
    options: dict[str, Any] = {**SMALL, "widths": (8, 8, 8, 8)}
    images = torch.randn(1, 3, 65, 65, dtype=torch.float64)
    strided, weights = last_map(name, options, images)
    dilated, _ = last_map(name, {**options, "output_stride": 8}, images, weights)
    torch.testing.assert_close(dilated[:, :, ::4, ::4], strided, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["resnet50", "resnetv2_50", "seresnet50", "plain34"])
@pytest.mark.parametrize("output_stride", [4, 8, 16, 32])
def test_feature_info_says_the_stride(name: str, output_stride: int) -> None:
    with torch.device("meta"):
        network = resnets.create_model(name, features_only=True, output_stride=output_stride)
        features = network(torch.empty(1, 3, 64, 64))
    assert max(info.stride for info in network.feature_info) == output_stride  # type: ignore[union-attr]
    for info in network.feature_info:  # type: ignore[union-attr]
        assert features[info.name].shape[-1] == 64 // info.stride


def test_parameters_are_the_same() -> None:
    with torch.device("meta"):
        strided = resnets.create_model("resnet50").state_dict()
        dilated = resnets.create_model("resnet50", output_stride=4).state_dict()
    assert {n: t.shape for n, t in strided.items()} == {n: t.shape for n, t in dilated.items()}


@pytest.mark.parametrize("stem", ["imagenet", "deep", "small"])
def test_a_stem_can_be_too_coarse(stem: str) -> None:
    with pytest.raises(ConfigError):
        resnets.create_model("resnet18", stem=stem, output_stride=1)


def test_a_fine_stem_can_keep_everything() -> None:
    with torch.device("meta"):
        network = resnets.create_model("resnet18", stem="cifar", output_stride=1, features_only=True)
        assert {m.shape[-1] for m in network(torch.empty(1, 3, 32, 32)).values()} == {32}


def test_averaging_cannot_dilate() -> None:
    with pytest.raises(ConfigError) as caught:
        resnets.create_model("resnet18", shortcut="A-pool", output_stride=16)
    assert str(caught.value) == (
        "1 problem in the options of resnet18: shortcut 'A-pool' averages the pixels that it steps over "
        "and cannot dilate, so output_stride must be at least 32, got 16"
    )
