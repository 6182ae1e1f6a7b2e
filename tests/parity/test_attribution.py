"""Maps of evidence against captum and torchcam, and their colours against matplotlib.

torchcam stands for the libraries that hook a layer; pytorch-grad-cam would bring OpenCV and scikit-learn.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import resnets
from resnets.analysis.attribution import Method, attribute
from resnets.analysis.heat_colours import heat_colours
from resnets.analysis.input_attribution import integrated_gradients, occlusion

pytestmark = pytest.mark.parity

# One network per family, with the module whose output is the last map that has a place for everything.
NETWORKS: dict[str, tuple[dict[str, Any], str]] = {
    "resnet20": ({}, "stages.2"),
    "plain20": ({}, "stages.2"),
    "resnet50": ({"widths": (8, 16, 32, 64), "image_size": 64}, "stages.3"),
    "resnetv2_50": ({"widths": (8, 16, 32, 64), "image_size": 64}, "final"),
    "seresnet18": ({"widths": (8, 16, 32, 64), "image_size": 64}, "stages.3"),
    "resnext29_2x64d": ({"widths": (8, 16, 32)}, "stages.2"),
    "wrn-16-4": ({"widths": (8, 16, 32)}, "final"),
    "densenet-40-12": ({"growth_rate": 4}, "final"),
    "vgg11_bn": ({"widths": (8, 8, 16, 16, 16), "hidden_features": 16, "image_size": 64}, "stages.4"),
    "highway-10-16": ({}, "stages.2"),
}
CLASS = 3


def import_or_skip(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        pytest.skip(str(error))


def make(name: str) -> tuple[nn.Module, Tensor]:
    """A network whose norms have seen the images, so that no map is degenerate, and images."""
    options, _ = NETWORKS[name]
    network: Any = resnets.create_model(name, **{"num_classes": 10, **options})
    side = options.get("image_size", 28 if "highway" in name else 32)
    images = torch.randn(2, network.in_channels, side, side)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(images)
    return network.eval(), images


def pearson(ours: Tensor, theirs: Tensor) -> float:
    return float(np.corrcoef(ours.flatten().numpy(), theirs.flatten().detach().numpy())[0, 1])


def assert_alike(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert float(ours.abs().max()) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert pearson(one, other) >= 0.999
    torch.testing.assert_close(
        ours, theirs.detach().float(), rtol=1e-3, atol=1e-5 * float(ours.abs().max())
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_gradcam_equals_captum(name: str) -> None:
    captum = import_or_skip("captum.attr")
    network, images = make(name)
    layer = NETWORKS[name][1]
    ours = attribute(network, images, torch.tensor([CLASS, 5]))
    assert list(ours) == [layer]
    theirs = captum.LayerGradCam(network, network.get_submodule(layer))
    # The mean over channels in place of the sum of the paper: captum averages.
    expected = theirs.attribute(images, torch.tensor([CLASS, 5]), relu_attributions=False)[:, 0].detach()
    ratio = float((ours[layer] * expected).sum() / expected.square().sum())
    assert_alike(ours[layer], ratio * expected)


@pytest.mark.parametrize("name", ["resnet20", "vgg11_bn", "densenet-40-12"])
@pytest.mark.parametrize(("method", "theirs"), [("gradcam", "GradCAM"), ("layercam", "LayerCAM")])
def test_maps_equal_torchcam(name: str, method: Method, theirs: str) -> None:
    methods = import_or_skip("torchcam.methods")
    network, images = make(name)
    layer = NETWORKS[name][1]
    ours = attribute(network, images, torch.tensor([CLASS, CLASS]), method=method)[layer].relu()
    with getattr(methods, theirs)(network, target_layer=layer) as extractor:
        (expected,) = extractor(CLASS, network(images.clone().requires_grad_()), normalized=False)
    assert_alike(ours, expected)


def test_integrated_gradients_equal_captum() -> None:
    captum = import_or_skip("captum.attr")
    network, images = make("resnet20")
    targets = torch.tensor([CLASS, 5])
    ours = integrated_gradients(network, images, targets, steps=32)
    expected = captum.IntegratedGradients(network).attribute(images, target=targets, n_steps=32)
    assert_alike(ours, expected.sum(dim=1))


@pytest.mark.parametrize(("window", "stride"), [(6, 2), (7, 3)])
def test_occlusion_equals_captum(window: int, stride: int) -> None:
    captum = import_or_skip("captum.attr")
    network, images = make("resnet20")
    targets = torch.tensor([CLASS, 5])
    expected = captum.Occlusion(network).attribute(
        images,
        sliding_window_shapes=(3, window, window),
        strides=(3, stride, stride),
        target=targets,
        perturbations_per_eval=16,
    )
    ours = occlusion(network, images, targets, window=window, stride=stride)
    assert_alike(ours, expected[:, 0])


def test_the_colours_are_viridis() -> None:
    matplotlib = import_or_skip("matplotlib")
    values = np.linspace(0, 1, 101, dtype=np.float32)
    expected = matplotlib.colormaps["viridis"](values)[:, :3] * 255
    assert np.abs(heat_colours(values) - expected).max() < 6
