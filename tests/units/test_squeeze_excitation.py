"""Squeeze-and-excitation is plain arithmetic: arXiv:1709.01507, eq. 2 to 4."""

from __future__ import annotations

import pytest
import torch

import resnets
from resnets.units import SqueezeExcitation


def test_formula() -> None:
    module = SqueezeExcitation(4, 3).double()
    for parameter in module.parameters():
        torch.nn.init.uniform_(parameter, -1.0, 1.0)
    x = torch.randn(2, 4, 3, 5, dtype=torch.float64)
    w1, b1 = module.reduce.weight.reshape(3, 4), module.get_parameter("reduce.bias")
    w2, b2 = module.expand.weight.reshape(4, 3), module.get_parameter("expand.bias")
    for image, got in zip(x, module(x), strict=True):
        z = image.sum(dim=(1, 2)) / 15
        hidden = (w1 @ z + b1).clamp(min=0)
        s = 1 / (1 + torch.exp(-(w2 @ hidden + b2)))
        torch.testing.assert_close(got, image * s[:, None, None], rtol=1e-12, atol=1e-12)


def test_images_do_not_mix() -> None:
    module = SqueezeExcitation(4, 2)
    x = torch.randn(3, 4, 2, 2)
    torch.testing.assert_close(module(x)[1:2], module(x[1:2]))


@pytest.mark.parametrize(
    ("options", "widths"),
    [
        ({}, {64: 4, 128: 8, 256: 16, 512: 32}),
        ({"reduction": 2}, {64: 32, 128: 64, 256: 128, 512: 256}),
        # At least one channel, however large the reduction.
        ({"reduction": 1000}, {64: 1, 128: 1, 256: 1, 512: 1}),
        ({"squeeze_multiple": 8}, {64: 8, 128: 8, 256: 16, 512: 32}),
    ],
    ids=str,
)
def test_squeezed_widths(options: dict[str, int], widths: dict[int, int]) -> None:
    with torch.device("meta"):
        network = resnets.create_model("seresnet18", **options)
    gates = [m for m in network.modules() if isinstance(m, SqueezeExcitation)]
    assert {gate.reduce.in_channels: gate.reduce.out_channels for gate in gates} == widths
