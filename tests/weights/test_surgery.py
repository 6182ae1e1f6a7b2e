"""Weights in networks with another head, other channels or a smaller stem."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional

import resnets
from resnets.errors import WeightsMismatchError
from resnets.weights.surgery import fit_channels, fit_tensors, shrink_kernel

KERNEL = torch.randn(4, 3, 7, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("in_channels", [1, 2, 4, 7])
def test_an_image_with_equal_channels_gives_the_same_response(in_channels: int) -> None:
    image = torch.randn(1, 1, 20, 20, dtype=torch.float64)
    expected = functional.conv2d(image.expand(-1, 3, -1, -1), KERNEL)
    fitted = fit_channels(KERNEL, in_channels)
    assert fitted.shape == (4, in_channels, 7, 7)
    torch.testing.assert_close(
        functional.conv2d(image.expand(-1, in_channels, -1, -1), fitted), expected
    )


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_a_shrunk_kernel_sees_in_a_small_image_what_it_saw_in_the_enlarged_one(size: int) -> None:
    small = torch.randn(1, 3, size, size, dtype=torch.float64)
    # Each pixel of the small image covers 7/size pixels of the kernel: as many copies of both say it exactly.
    enlarged = small.repeat_interleave(7, 2).repeat_interleave(7, 3)
    fine = KERNEL.repeat_interleave(size, 2).repeat_interleave(size, 3) / size**2
    expected = functional.conv2d(enlarged, fine)
    torch.testing.assert_close(functional.conv2d(small, shrink_kernel(KERNEL, size)), expected)


def test_kernel_of_the_same_size_is_the_same() -> None:
    torch.testing.assert_close(shrink_kernel(KERNEL, 7), KERNEL)


def test_only_the_head_starts_anew() -> None:
    source = resnets.create_model("resnet18")
    target = resnets.create_model("resnet18", num_classes=5)
    head = target.state_dict()["classifier.weight"].clone()
    tensors, notes = fit_tensors(source.state_dict(), target)
    assert notes == (
        "the classifier starts from random values: 1000 classes became 5; train it before use",
    )
    assert torch.equal(tensors["classifier.weight"], head)
    for name, tensor in source.state_dict().items():
        if not name.startswith("classifier."):
            assert torch.equal(tensors[name], tensor)


def test_grey_and_small_at_once() -> None:
    source = resnets.create_model("resnet18")
    target = resnets.create_model("resnet18", in_channels=1, image_size=32)
    tensors, notes = fit_tensors(source.state_dict(), target)
    assert notes == (
        "the first convolution takes 1 channels instead of 3: its filters are summed",
        "the first convolution is 3x3 instead of 7x7, its filters shrunk: for images that are small "
        "from the start",
    )
    target.load_state_dict(tensors)
    total = source.state_dict()["stem.conv.weight"].sum((1, 2, 3))
    torch.testing.assert_close(tensors["stem.conv.weight"].sum((1, 2, 3)), total, atol=1e-5, rtol=1e-5)


def test_a_head_for_a_backbone() -> None:
    source = resnets.create_model("resnet20", include_top=False)
    target = resnets.create_model("resnet20", num_classes=3)
    _, notes = fit_tensors(source.state_dict(), target)
    assert notes == (
        "the classifier starts from random values: the weights have no classifier; train it before use",
    )


def test_another_depth_is_refused() -> None:
    source = resnets.create_model("resnet32")
    expected = (
        "these weights do not fit the network: 0 of its 116 tensors have none of their shape and 72 of "
        "the weights have no place, first 'stages.0.units.3.residual.conv1.weight'. Only num_classes, "
        "in_channels, image_size, the stem and what has no weights may differ"
    )
    target = resnets.create_model("resnet20")
    with pytest.raises(WeightsMismatchError, match=f"^{re.escape(expected)}$"):
        fit_tensors(source.state_dict(), target)
