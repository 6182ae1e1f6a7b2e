"""Rectangles of the right sizes, in the right places, with the right content."""

from __future__ import annotations

import numpy as np
import torch

from resnets.data.augmentation.erasing import draw_cutouts, draw_erased, erase
from resnets.data.augmentation.parameters import Draws
from resnets.data.augmentation.settings import Erasing

MANY = 5000
DRAWS = Draws(seed=3, epoch=1, indices=np.arange(MANY))
FILL = torch.tensor([10, 20, 30], dtype=torch.uint8)


def test_rectangles_have_the_permitted_areas_and_shapes() -> None:
    boxes = draw_erased((64, 48), Erasing(probability=0.25), DRAWS)
    drawn = np.array([box for box in boxes if box is not None])
    assert abs(len(drawn) / MANY - 0.25) < 5 * np.sqrt(0.25 * 0.75 / MANY)
    left, top, across, down = drawn.T
    assert left.min() == top.min() == 0
    assert (left + across).max() == 64
    assert (top + down).max() == 48
    areas, ratios = across * down / (64 * 48), down / across
    assert (areas.min() > 0.015, areas.max() < 0.345) == (True, True)  # 0.02 to 0.33 before rounding
    assert (ratios.min() > 0.26, ratios.max() < 3.9) == (True, True)  # 0.3 to 3.3 likewise
    # Areas are uniform, but for tall and wide rectangles of great area, which do not fit.
    small = areas[areas < 0.15]
    assert abs((small < 0.085).mean() - 0.5) < 5 * 0.5 / np.sqrt(len(small)) + 0.03


def test_a_rectangle_that_cannot_fit_is_left_out() -> None:
    erasing = Erasing(probability=1.0, scale=(1.0, 1.0), ratio=(1.0, 1.0))
    assert draw_erased((64, 48), erasing, DRAWS.of(slice(1))) == [None]


def test_squares_of_cutout_have_their_middle_anywhere() -> None:
    boxes = np.array(draw_cutouts((32, 32), 16, DRAWS))
    left, top, across, down = boxes.T
    assert (left >= 0).all()
    assert ((left + across) <= 32).all()
    # A middle is one of 32 places: in 17 of them the square is whole; at the first 8 columns remain.
    whole = (across == 16).mean()
    assert abs(whole - 17 / 32) < 5 * np.sqrt(17 * 15 / 32**2 / MANY)
    assert (across.min(), down.min()) == (8, 8)
    assert abs(np.corrcoef(left, top)[0, 1]) < 5 / np.sqrt(MANY)


def test_only_the_rectangle_is_replaced() -> None:
    images = torch.full((3, 3, 8, 10), 99, dtype=torch.uint8)
    erased = erase(images, [(2, 1, 3, 4), None, (0, 0, 10, 8)], fill=FILL)
    expected = images.clone()
    expected[0, :, 1:5, 2:5] = FILL.view(3, 1, 1)
    expected[2] = FILL.view(3, 1, 1)
    assert (erased == expected).all()
    assert (images == 99).all()


def test_random_levels_are_uniform_and_those_of_the_image() -> None:
    images = torch.zeros((2, 3, 128, 128), dtype=torch.uint8)
    box = (0, 0, 128, 128)
    draws = Draws(seed=3, epoch=1, indices=np.array([5, 9]))
    erased = erase(images, [box, box], fill=FILL, noise=draws)
    counts = np.bincount(erased[0].flatten().numpy(), minlength=256)
    expected = counts.sum() / 256
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert abs(statistic - 255) < 5 * np.sqrt(2 * 255)
    alone = erase(images[:1], [box], fill=FILL, noise=draws.of(slice(1, 2)))
    assert (alone[0] == erased[1]).all()
    assert (erased[0] != erased[1]).float().mean() > 0.99


def test_float_images_stay_float() -> None:
    images = torch.full((1, 3, 8, 8), 99.5)
    erased = erase(images, [(0, 0, 1, 1)], fill=FILL)
    assert erased[0, :, 0, 0].tolist() == [10, 20, 30]
    assert erased[0, 0, 7, 7] == 99.5
