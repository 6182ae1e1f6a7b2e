"""Each operation on colours gives what Pillow gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from resnets.data.augmentation import colour

COUNT = 24


def pictures() -> Tensor:
    """Half of them noise, half smooth, one of a single colour."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (COUNT // 2, 3, 33, 32), generator=generator, dtype=torch.uint8)
    coarse = torch.rand((COUNT // 2, 3, 4, 4), generator=generator) * 255
    smooth = torch.nn.functional.interpolate(coarse, (33, 32), mode="bicubic").clamp(0, 255)
    images = torch.cat([noise, smooth.to(torch.uint8)])
    images[0] = torch.tensor([200, 30, 30]).view(3, 1, 1)
    images[1] = 77
    return images


IMAGES = pictures()


def pillow(images: Tensor) -> list[Image.Image]:
    return [Image.fromarray(pixels) for pixels in images.permute(0, 2, 3, 1).numpy()]


def largest_difference(ours: Tensor, theirs: list[Image.Image]) -> int:
    assert ours.dtype == torch.uint8
    expected = np.stack([np.asarray(image.convert("RGB")) for image in theirs])
    return int(abs(ours.permute(0, 2, 3, 1).numpy().astype(int) - expected).max())


@pytest.mark.parametrize(
    ("operation", "enhancer"),
    [
        (colour.brightness, ImageEnhance.Brightness),
        (colour.contrast, ImageEnhance.Contrast),
        (colour.saturation, ImageEnhance.Color),
        (colour.sharpness, ImageEnhance.Sharpness),
    ],
)
def test_blends_are_those_of_pillow(
    operation: Callable[[Tensor, Tensor], Tensor], enhancer: Callable[..., ImageEnhance._Enhance]
) -> None:
    factors = torch.linspace(0, 2, COUNT)
    theirs = [enhancer(i).enhance(f) for i, f in zip(pillow(IMAGES), factors.tolist(), strict=True)]
    assert largest_difference(operation(IMAGES, factors), theirs) == 0
    assert (operation(IMAGES, torch.ones(COUNT)) == IMAGES).all()


def test_grey_is_that_of_pillow() -> None:
    grey = colour.to_grey(IMAGES).expand(-1, 3, -1, -1)
    assert largest_difference(grey, [image.convert("L") for image in pillow(IMAGES)]) == 0
    assert (colour.to_grey(IMAGES[:, :1]) == IMAGES[:, :1]).all()


def turned(image: Image.Image, shift: float) -> Image.Image:
    """Turn the hue as torchvision does with Pillow's images."""
    wheel, saturation, value = image.convert("HSV").split()
    steps = (np.asarray(wheel).astype(int) + int(shift * 255)) % 256
    return Image.merge("HSV", (Image.fromarray(steps.astype(np.uint8)), saturation, value)).convert(
        "RGB"
    )


def test_hue_is_that_of_pillow() -> None:
    shifts = torch.linspace(-0.5, 0.5, COUNT)
    theirs = [turned(i, s) for i, s in zip(pillow(IMAGES), shifts.tolist(), strict=True)]
    assert largest_difference(colour.hue(IMAGES, shifts), theirs) <= 1
    assert (colour.hue(IMAGES[:, :1], shifts) == IMAGES[:, :1]).all()


def test_half_a_turn_of_red_is_cyan() -> None:
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1)
    cyan = colour.hue(red, torch.tensor([0.5])).flatten().tolist()
    assert cyan[:2] == [0, 255]
    assert cyan[2] >= 250  # the wheel has 255 steps, an odd number


def test_jitter_goes_in_the_given_order() -> None:
    factors = torch.tensor([[1.8, 0.4, 0.3, 0.2]]).repeat(COUNT, 1)
    order = torch.rand(COUNT, 4, generator=torch.Generator().manual_seed(4)).argsort(1)
    operations = (colour.brightness, colour.contrast, colour.saturation, colour.hue)
    changed = colour.jitter(IMAGES, factors, order)
    for image in range(COUNT):
        expected = IMAGES[[image]]
        for which in order[image].tolist():
            expected = operations[which](expected, factors[[image], which])
        assert (changed[[image]] == expected).all()


def test_lighting_adds_one_colour_along_the_axes() -> None:
    alphas = torch.tensor([[0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]])
    added = colour.lighting(IMAGES[:3], alphas) - IMAGES[:3]
    vectors, values = torch.tensor(colour.EIGENVECTORS), torch.tensor(colour.EIGENVALUES)
    for axis in range(3):
        expected = 25.5 * values[axis] * vectors[:, axis]
        torch.testing.assert_close(
            added[axis], expected.view(3, 1, 1).expand_as(added[axis]), atol=2e-5, rtol=0
        )


def test_the_axes_are_perpendicular_and_of_length_one() -> None:
    vectors = torch.tensor(colour.EIGENVECTORS)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(3), atol=2e-4, rtol=0)
