"""Stochastic depth drops whole images' residuals in training, and nothing when evaluating."""

from __future__ import annotations

import pytest
import torch

from resnets.units import StochasticDepth


def test_evaluation_is_the_identity() -> None:
    x = torch.randn(8, 2, 3, 3)
    assert StochasticDepth(0.9).eval()(x) is x


def test_zero_probability_keeps_everything() -> None:
    x = torch.randn(8, 2, 3, 3)
    assert torch.equal(StochasticDepth(0.0)(x), x)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_each_image_is_dropped_or_scaled_as_a_whole(p: float) -> None:
    x = torch.rand(4000, 2, 2, 2) + 1
    ratio = StochasticDepth(p)(x) / x
    gates = ratio[:, 0, 0, 0]
    torch.testing.assert_close(ratio, gates[:, None, None, None].expand_as(ratio))
    kept = gates > 0
    torch.testing.assert_close(gates[kept], torch.full_like(gates[kept], 1 / (1 - p)))
    deviation = (p * (1 - p) / 4000) ** 0.5
    assert abs(kept.float().mean().item() - (1 - p)) < 4 * deviation


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_expected_output_is_the_input(p: float) -> None:
    x = torch.ones(20000, 1, 1, 1)
    deviation = (p / (1 - p) / 20000) ** 0.5
    assert abs(StochasticDepth(p)(x).mean().item() - 1) < 4 * deviation


def test_dropped_images_get_no_gradient() -> None:
    x = torch.randn(64, 1, 2, 2, requires_grad=True)
    y = StochasticDepth(0.5)(x)
    y.sum().backward()
    assert x.grad is not None
    dropped = (y == 0).all(dim=(1, 2, 3))
    assert dropped.any()
    assert not dropped.all()
    assert not x.grad[dropped].any()
    assert torch.equal(x.grad[~dropped], torch.full_like(x.grad[~dropped], 2.0))


def test_a_seed_decides() -> None:
    x = torch.ones(64, 1, 1, 1)
    torch.manual_seed(4)
    first = StochasticDepth(0.5)(x)
    torch.manual_seed(4)
    assert torch.equal(first, StochasticDepth(0.5)(x))
    assert not torch.equal(first, StochasticDepth(0.5)(x))


@pytest.mark.parametrize("p", [1.0, -0.1, float("nan")])
def test_impossible_probabilities(p: float) -> None:
    with pytest.raises(AssertionError):
        StochasticDepth(p)


def test_p_shows_in_print() -> None:
    assert repr(StochasticDepth(0.25)) == "StochasticDepth(drop_probability=0.25)"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_precision_is_kept(dtype: torch.dtype) -> None:
    assert StochasticDepth(0.5)(torch.ones(4, 1, 1, 1, dtype=dtype)).dtype == dtype
