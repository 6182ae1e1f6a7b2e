"""Pad, crop and flip of whole batches: every pixel lands where it should."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnets.data.crop_policy import Padding
from resnets.data.memory import crop_and_flip, pad_images

MODES = {"black": "constant", "reflect": "reflect"}


@pytest.mark.parametrize("padding", sorted(MODES))
@pytest.mark.parametrize("channels", [1, 3])
def test_padding_is_numpys(padding: Padding, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 7, 9, channels), dtype=np.uint8)
    expected = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)), mode=MODES[padding])  # type: ignore[call-overload]
    assert (pad_images(images, 4, padding=padding) == expected).all()


def test_mean_padding_is_almost_zero_after_normalising() -> None:
    mean, std = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2470, 0.2435, 0.2616])
    padded = pad_images(np.zeros((1, 4, 4, 3), np.uint8), 2, padding="mean", mean=tuple(mean))
    corner = (padded[0, 0, 0] / 255 - mean) / std
    assert np.abs(corner).max() < 0.01
    assert (padded[0, 2:6, 2:6] == 0).all()


@given(
    top=st.integers(0, 8),
    left=st.integers(0, 8),
    flip=st.booleans(),
    row=st.integers(0, 9),
    column=st.integers(0, 11),
    padding=st.sampled_from(["black", "mean", "reflect"]),
)
def test_a_marked_pixel_lands_where_it_should(
    top: int, left: int, flip: bool, row: int, column: int, padding: Padding
) -> None:
    images = np.full((2, 10, 12, 3), 100, np.uint8)
    images[1, row, column] = 1, 2, 3
    offsets = np.array([4, top]), np.array([4, left])
    cut = crop_and_flip(images, *offsets, np.array([False, flip]), padding=padding)
    assert cut.shape == images.shape
    assert (cut[0] == images[0]).all()
    y, x = row + 4 - top, column + 4 - left
    if 0 <= y < 10 and 0 <= x < 12:
        assert cut[1, y, 11 - x if flip else x].tolist() == [1, 2, 3]
    elif padding != "reflect":
        assert not (cut[1] == (1, 2, 3)).all(axis=-1).any()


@pytest.mark.parametrize("side", [8, 50])
@pytest.mark.parametrize("padding", get_args(Padding))
def test_every_window_is_the_one_of_the_padded_image(padding: Padding, side: int) -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (81, side, side, 3), dtype=np.uint8)
    tops, lefts = np.divmod(np.arange(81), 9)
    flips = generator.random(81) < 0.5
    before = images.copy()
    cut = crop_and_flip(images, tops, lefts, flips, padding=padding)
    padded = pad_images(images, 4, padding=padding)
    for i in range(81):
        window = padded[i, tops[i] : tops[i] + side, lefts[i] : lefts[i] + side]
        assert (cut[i] == (window[:, ::-1] if flips[i] else window)).all()
    assert (images == before).all()


def test_without_padding_only_flips() -> None:
    images = np.arange(2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 3, 1)
    zeros = np.zeros(2, np.int64)
    cut = crop_and_flip(images, zeros, zeros, np.array([True, False]), pad=0)
    assert (cut[0] == images[0, :, ::-1]).all()
    assert (cut[1] == images[1]).all()


def test_an_empty_batch_stays_empty() -> None:
    none = np.zeros(0, np.int64)
    cut = crop_and_flip(np.zeros((0, 8, 8, 3), np.uint8), none, none, none.astype(np.bool_))
    assert cut.shape == (0, 8, 8, 3)
