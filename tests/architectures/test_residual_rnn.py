"""Residual recurrent network: rows in, scores out, and what the shortcuts are for."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import resnets
from resnets.errors import ConfigError, InputShapeError


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
@pytest.mark.parametrize("residual", [True, False])
def test_it_trains(cell: str, residual: bool) -> None:
    network: Any = resnets.residual_rnn(num_layers=3, cell=cell, residual=residual, num_classes=4)
    scores = network(torch.randn(2, 1, 28, 28))
    assert scores.shape == (2, 4)
    scores.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_a_layer_adds_its_input() -> None:
    network: Any = resnets.residual_rnn(num_layers=1)
    layer: Any = network.layers[0]
    x = torch.randn(2, 5, 64)
    with torch.no_grad():
        expected = x + layer.recurrent(layer.norm(x))[0]
        assert torch.equal(layer(x), expected)


def test_colour_images_are_read_row_by_row() -> None:
    network: Any = resnets.residual_rnn(row_size=96).eval()
    images = torch.randn(1, 3, 32, 32)
    rows: list[torch.Tensor] = []
    network.stem.register_forward_pre_hook(lambda _, inputs: rows.append(inputs[0]))
    with torch.no_grad():
        network(images)
    assert torch.equal(rows[0][0, 7], images[0, :, 7, :].flatten())


def test_errors() -> None:
    with pytest.raises(ConfigError) as caught:
        resnets.residual_rnn(cell="transformer", layers=3)
    assert str(caught.value) == (
        "2 problems in the options of residual_rnn: cell must be 'gru', 'lstm' or 'rnn', got "
        "'transformer'; layers is unknown, did you mean num_layers?"
    )
    with pytest.raises(InputShapeError) as shape:
        resnets.residual_rnn()(torch.zeros(1, 3, 28, 28))
    assert str(shape.value) == "expected images (N, C, H, W) with C * W = 28; got (1, 3, 28, 28)"
