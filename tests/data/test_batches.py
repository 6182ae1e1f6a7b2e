"""A batch is normalised as single images are, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from resnets.data.batches import normalize_batch
from resnets.data.preprocessing import normalize
from resnets.data.preprocessing_policy import Preprocessing

LUMA: dict[str, Any] = {"channels": "L", "mean": (0.2,), "std": (0.3,)}


@pytest.mark.parametrize("settings", [{}, {"channels": "BGR"}, LUMA])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_equal_to_single_images(settings: dict[str, Any], layout: torch.memory_format) -> None:
    preprocessing = Preprocessing(image_size=16, **settings)
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    if preprocessing.channels == "L":
        images[:] = images[..., :1]  # grey: its luma is its level
    batch = torch.from_numpy(images[..., : preprocessing.num_channels]).permute(0, 3, 1, 2)
    before = batch.clone()
    normalized = normalize_batch(batch.contiguous(memory_format=layout), preprocessing)
    assert normalized.is_contiguous(memory_format=torch.channels_last)
    expected = np.stack([normalize(image, preprocessing) for image in images])
    assert (normalized.numpy() == expected).all()
    assert (batch == before).all()


def test_an_empty_batch() -> None:
    assert normalize_batch(torch.zeros(0, 3, 8, 8, dtype=torch.uint8), Preprocessing()).shape == (
        0,
        3,
        8,
        8,
    )


def test_memory_is_used_again_where_it_fits() -> None:
    preprocessing = Preprocessing(image_size=8)
    first, second = torch.randint(0, 256, (2, 4, 3, 8, 8), dtype=torch.uint8)
    kept = normalize_batch(first, preprocessing)
    expected = normalize_batch(second, preprocessing)
    assert normalize_batch(second, preprocessing, out=kept) is kept
    assert (kept == expected).all()
    last = normalize_batch(second[:3], preprocessing, out=kept)
    assert (last == expected[:3]).all()
