"""Mixed images and labels have the same shares, and the shares the right distribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resnets.data.augmentation.mixing import Mixture, draw_mixture, mix_images, mix_labels
from resnets.data.augmentation.parameters import Draws
from resnets.data.augmentation.settings import Mixing

MANY = 4000
DRAWS = Draws(seed=3, epoch=1, indices=np.arange(MANY))
SIZE = (20, 16)


def test_mixup_is_a_weighted_sum_with_the_image_before() -> None:
    images = torch.tensor([0, 100, 200], dtype=torch.uint8).view(3, 1, 1, 1).repeat(1, 3, 4, 4)
    mixture = Mixture(np.array([0.75, 0.5, 1.0]), [None, None, None])
    mixed = mix_images(images, mixture)
    assert mixed.dtype == torch.float32
    assert mixed[:, 0, 0, 0].tolist() == [50, 50, 200]
    targets = mix_labels(torch.tensor([0, 1, 2]), mixture, num_classes=4)
    assert targets.tolist() == [[0.75, 0, 0.25, 0], [0.5, 0.5, 0, 0], [0, 0, 1, 0]]


def test_cutmix_shows_a_window_of_the_image_before() -> None:
    images = torch.tensor([10, 20, 30], dtype=torch.uint8).view(3, 1, 1, 1).repeat(1, 3, 4, 8)
    mixture = Mixture(np.array([0.75, 1.0, 0.5]), [(2, 1, 4, 2), None, (0, 0, 4, 4)])
    mixed = mix_images(images, mixture)
    assert mixed.dtype == torch.uint8
    expected = images.clone()
    expected[0, :, 1:3, 2:6] = 30
    expected[2, :, :, :4] = 20
    assert (mixed == expected).all()
    assert (images[0] == 10).all()


def test_labels_that_are_the_same_stay_whole() -> None:
    mixture = Mixture(np.array([0.3, 0.6]), [None, None])
    targets = mix_labels(torch.tensor([1, 1]), mixture, num_classes=2)
    assert targets.tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize("per", ["batch", "image"])
def test_targets_sum_to_one(per: str) -> None:
    mixing = Mixing(mixup_alpha=0.2, cutmix_alpha=1.0, per=per)
    targets = mix_labels(torch.arange(MANY) % 7, draw_mixture(SIZE, mixing, DRAWS), num_classes=7)
    torch.testing.assert_close(targets.sum(1), torch.ones(MANY))
    assert targets.min() >= 0
    assert ((targets > 0).sum(1) <= 2).all()


def test_shares_of_mixup_are_beta() -> None:
    mixture = draw_mixture(SIZE, Mixing(mixup_alpha=0.2, per="image"), DRAWS)
    assert mixture.boxes == [None] * MANY
    variance = 1 / (4 * 1.4)
    assert abs(mixture.shares.mean() - 0.5) < 5 * np.sqrt(variance / MANY)
    assert abs(mixture.shares.var() / variance - 1) < 0.05


def test_shares_of_cutmix_are_what_is_seen() -> None:
    mixture = draw_mixture(SIZE, Mixing(cutmix_alpha=1.0, per="image"), DRAWS)
    images = torch.zeros((MANY, 1, 16, 20))
    images[:, 0] = torch.arange(MANY).view(-1, 1, 1)
    mixed = mix_images(images, mixture)
    own = (mixed == images).float().mean((1, 2, 3)).double().numpy()
    assert np.allclose(own, mixture.shares, atol=1e-6)
    # Before they are cut off at the edge, areas are uniform; and windows lie evenly left and right.
    assert 0.55 < mixture.shares.mean() < 0.75
    boxes = np.array([box for box in mixture.boxes if box is not None])
    middles = boxes[:, 0] + boxes[:, 2] / 2
    assert abs(middles.mean() - 10) < 5 * 6 / np.sqrt(MANY) + 0.5


def test_a_batch_shares_one_draw() -> None:
    mixing = Mixing(mixup_alpha=1.0, cutmix_alpha=1.0)
    kinds = []
    for start in range(200):
        draws = Draws(seed=0, epoch=0, indices=np.arange(start, start + 3))
        mixture = draw_mixture(SIZE, mixing, draws)
        assert len(set(mixture.shares.tolist())) == 1
        assert len(set(mixture.boxes)) == 1
        kinds.append(mixture.boxes[0] is None)
    assert abs(np.mean(kinds) - 0.5) < 5 * 0.5 / np.sqrt(200)


def test_what_is_not_mixed_stays() -> None:
    mixing = Mixing(mixup_alpha=1.0, cutmix_alpha=1.0, probability=0.25, per="image")
    mixture = draw_mixture(SIZE, mixing, DRAWS)
    is_mixed = mixture.shares < 1
    assert abs(is_mixed.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / MANY) + 0.01
    images = torch.arange(MANY, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 1, 16, 20)
    changed = (mix_images(images, mixture) != images).flatten(1).any(1).numpy()
    assert not changed[~is_mixed].any()
