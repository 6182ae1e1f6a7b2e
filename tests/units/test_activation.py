"""ReLU: in place only where no gradient is recorded."""

from __future__ import annotations

import torch

import resnets
from resnets.units.layers import ReLU


def test_values() -> None:
    x = torch.tensor([-1.0, 0.0, 2.0])
    assert ReLU()(x).tolist() == [0.0, 0.0, 2.0]


def test_nothing_is_overwritten_where_gradients_are_recorded() -> None:
    x = torch.tensor([-1.0, 2.0])
    ReLU()(x)
    assert x.tolist() == [-1.0, 2.0]


def test_memory_is_taken_over_at_inference() -> None:
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            x = torch.tensor([-1.0, 2.0])
            assert ReLU()(x).data_ptr() == x.data_ptr()


def test_images_and_features_are_never_changed() -> None:
    for name in ("resnet20", "resnetv2_29", "seresnet20", "vgg11", "densenet-bc-16-4", "highway-11"):
        network = resnets.create_model(name, features_only=True).eval()
        images = torch.randn(2, 3, 32, 32)
        before = images.clone()
        expected = network(images)
        with torch.no_grad():
            features = network(images)
        assert torch.equal(images, before)
        for key, value in expected.items():
            assert torch.equal(features[key], value), (name, key)
