"""A marked pixel lands where it should, and whole pictures land where Pillow puts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from resnets.data.augmentation import geometry
from resnets.data.augmentation.geometry import Interpolation
from resnets.data.crop_policy import Padding, RandomResizedCrop
from resnets.data.cropping import DRAWS

FILL = torch.tensor([10, 20, 30], dtype=torch.uint8)
BLACK = torch.zeros(3, dtype=torch.uint8)


def marked(row: int, column: int, *, height: int = 12, width: int = 16) -> Tensor:
    images = torch.zeros(1, 3, height, width, dtype=torch.uint8)
    images[0, :, row, column] = torch.tensor([250, 150, 50])
    return images


def mark(images: Tensor) -> list[list[int]]:
    """Rows and columns of marked pixels."""
    return torch.nonzero(images[0, 0] == 250).tolist()


def noise(count: int = 6, height: int = 12, width: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator, dtype=torch.uint8)


def smooth(count: int = 6) -> Tensor:
    coarse = torch.rand((count, 3, 4, 4), generator=torch.Generator().manual_seed(3)) * 255
    return torch.nn.functional.interpolate(coarse, (48, 64), mode="bilinear").to(torch.uint8)


@pytest.mark.parametrize("crop", [geometry.crop_and_flip, geometry.gather_windows])
@pytest.mark.parametrize(
    ("top", "left", "flip", "expected"),
    [
        (4, 4, False, [[5, 7]]),  # the window that is the image
        (0, 0, False, [[9, 11]]),  # four pixels of padding above and on the left
        (8, 6, False, [[1, 5]]),
        (4, 4, True, [[5, 8]]),  # 15 - 7
        (3, 8, True, [[6, 12]]),  # 15 - (7 + 4 - 8)
    ],
)
def test_a_marked_pixel_of_a_window(
    crop: Callable[..., Tensor],
    top: int,
    left: int,
    flip: bool,
    expected: list[list[int]],
) -> None:
    tops, lefts, flips = np.array([top]), np.array([left]), np.array([flip])
    cut = crop(marked(5, 7), tops, lefts, flips, pad=4, padding="black", fill=FILL)
    assert mark(cut) == expected
    assert cut[0, :, expected[0][0], expected[0][1]].tolist() == [250, 150, 50]


@pytest.mark.parametrize("padding", get_args(Padding))
def test_windows_are_those_of_numpy(padding: Padding) -> None:
    images, rng = noise(), np.random.default_rng(0)
    tops, lefts, flips = rng.integers(0, 9, 6), rng.integers(0, 9, 6), rng.random(6) < 0.5
    mode = "reflect" if padding == "reflect" else "constant"
    for function in (geometry.crop_and_flip, geometry.gather_windows):
        cut = function(images, tops, lefts, flips, pad=4, padding=padding, fill=FILL)
        for image in range(6):
            for channel in range(3):
                level = int(FILL[channel]) if padding == "mean" else 0
                constant = {} if padding == "reflect" else {"constant_values": level}
                padded = np.pad(images[image, channel].numpy(), 4, mode, **constant)  # type: ignore[call-overload]
                window = padded[tops[image] :, lefts[image] :][:12, :16]
                expected = window[:, ::-1] if flips[image] else window
                assert (cut[image, channel].numpy() == expected).all()


def test_flips_alone() -> None:
    images, zeros = noise(2), np.zeros(2, np.int64)
    flips = np.array([True, False])
    for function in (geometry.crop_and_flip, geometry.gather_windows):
        cut = function(images, zeros, zeros, flips, pad=0, padding="mean", fill=FILL)
        assert (cut[0] == images[0].flip(2)).all()
        assert (cut[1] == images[1]).all()


def one(number: float) -> Tensor:
    return torch.tensor([number])


@pytest.mark.parametrize("interpolation", get_args(Interpolation))
@pytest.mark.parametrize(
    ("matrices", "expected"),
    [
        (geometry.shift_matrices(one(0), one(0)), [[5, 7]]),
        (geometry.shift_matrices(one(3), one(-2)), [[7, 4]]),
        (geometry.shear_matrices(one(2 / 11), one(0)), [[5, 6]]),  # its centre is 5.5 below the top
        (geometry.shear_matrices(one(0), one(-2 / 15)), [[6, 7]]),  # and 7.5 from the left
        (geometry.rotation_matrices(one(180), size=(16, 12)), [[6, 8]]),  # (x, y) -> (16 - x, 12 - y)
        (torch.tensor([[[-1.0, 0, 16], [0, 1, 0]]]), [[5, 8]]),  # a mirror image
        (torch.tensor([[[0, 1.0, 0], [1, 0, 0]]]), [[7, 5]]),  # transposed
    ],
)
def test_a_marked_pixel_of_an_affine_map(
    matrices: Tensor, expected: list[list[int]], interpolation: Interpolation
) -> None:
    moved = geometry.affine(marked(5, 7), matrices, fill=BLACK, interpolation=interpolation)
    brightest = moved[0, 0] == moved[0, 0].max()
    assert torch.nonzero(brightest).tolist() == expected
    assert moved[0, 0].max() >= 248  # a rotation's matrix has rounding errors


def test_a_quarter_turn_goes_counter_clockwise() -> None:
    image = marked(1, 9, height=12, width=12)  # right of the middle, near the top
    turned = geometry.affine(image, geometry.rotation_matrices(one(90), size=(12, 12)), fill=BLACK)
    assert mark(turned) == [[2, 1]]


def test_what_lies_outside_is_filled() -> None:
    for interpolation in get_args(Interpolation):
        images = torch.full((1, 3, 8, 8), 99, dtype=torch.uint8)
        moved = geometry.affine(
            images, geometry.shift_matrices(one(5), one(-2)), fill=FILL, interpolation=interpolation
        )
        expected = FILL.view(3, 1, 1).repeat(1, 8, 8)
        expected[:, 2:, :3] = 99
        assert (moved[0] == expected).all()


@pytest.mark.parametrize(
    ("interpolation", "resampling"),
    [("nearest", Image.Resampling.NEAREST), ("bilinear", Image.Resampling.BILINEAR)],
)
def test_affine_maps_are_those_of_pillow(
    interpolation: Interpolation, resampling: Image.Resampling
) -> None:
    images = smooth()
    generator = torch.Generator().manual_seed(5)
    degrees = torch.rand(6, generator=generator) * 270 - 135
    shears = torch.rand(6, generator=generator) * 2 - 1
    turned = geometry.affine(
        images,
        geometry.rotation_matrices(degrees, size=(64, 48)),
        fill=FILL,
        interpolation=interpolation,
    )
    sheared = geometry.affine(
        images, geometry.shear_matrices(shears, 0 * shears), fill=FILL, interpolation=interpolation
    )
    colour = (10, 20, 30)
    for image in range(6):
        picture = Image.fromarray(images[image].permute(1, 2, 0).numpy())
        matrix = (1, float(shears[image]), 0, 0, 1, 0)
        for ours, theirs in (
            (turned, picture.rotate(float(degrees[image]), resampling, fillcolor=colour)),
            (
                sheared,
                picture.transform(
                    picture.size, Image.Transform.AFFINE, matrix, resampling, fillcolor=colour
                ),
            ),
        ):
            difference = abs(ours[image].permute(1, 2, 0).int().numpy() - np.asarray(theirs).astype(int))
            # Pillow counts in 65536ths of a pixel: a few pixels at edges go to the other side.
            assert (difference.max(2) > 2).mean() < 0.003


def test_resized_boxes_are_those_of_pillow() -> None:
    images = noise(6, 48, 64)
    boxes = [
        (0, 0, 64, 48),
        (5, 6, 20, 10),
        (40, 30, 24, 18),
        (3, 3, 1, 1),
        (0, 10, 60, 5),
        (7, 0, 9, 40),
    ]
    for size in ((64, 48), (24, 24), (11, 90)):
        resized = geometry.resize_boxes(images, boxes, size)
        assert resized.shape == (6, 3, size[1], size[0])
        for image, (left, top, width, height) in enumerate(boxes):
            picture = Image.fromarray(images[image].permute(1, 2, 0).numpy())
            box = picture.crop((left, top, left + width, top + height))
            theirs = np.asarray(box.resize(size, Image.Resampling.BILINEAR)).astype(int)
            assert abs(resized[image].permute(1, 2, 0).int().numpy() - theirs).max() <= 1


def test_boxes_are_drawn_as_loading_draws_them() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array(geometry.draw_boxes((64, 48), RandomResizedCrop(), rng.random((5000, DRAWS))))
    left, top, width, height = boxes.T
    assert min(left.min(), top.min()) >= 0
    assert min(width.min(), height.min()) > 0
    assert (left + width).max() <= 64
    assert (top + height).max() <= 48
    ratio = width / height
    assert ratio.min() > 0.70  # 3/4, and rounded sides
    assert ratio.max() < 1.43
    shares = width * height / (64 * 48)
    assert shares.min() > 0.07
    assert shares.max() <= 1
