"""Draws have the distributions that they should, and depend on nothing but (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from resnets.data.augmentation.parameters import Draws, Purpose, below

MANY = 20_000
DRAWS = Draws(seed=7, epoch=3, indices=np.arange(MANY))
FIVE_SIGMA = 2.65  # of Kolmogorov's distribution: 2 exp(-2 x^2) = 1.6e-6 or less


def assert_distribution(
    numbers: NDArray[np.float64], cumulative: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> None:
    """Kolmogorov and Smirnov's test with a bound of five standard deviations."""
    count = len(numbers)
    expected = cumulative(np.sort(numbers))
    steps = np.arange(count + 1) / count
    distance = max((steps[1:] - expected).max(), (expected - steps[:-1]).max())
    assert distance * np.sqrt(count) < FIVE_SIGMA


def correlations(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each column with each other."""
    matrix = np.asarray(np.corrcoef(columns.T))
    return matrix[np.triu_indices(len(matrix), 1)]


def assert_even(counts: NDArray[np.int64]) -> None:
    """Pearson's chi-square test, whose statistic has mean k - 1 and variance 2 (k - 1)."""
    expected = counts.sum() / len(counts)
    freedom = len(counts) - 1
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert abs(statistic - freedom) < 5 * np.sqrt(2 * freedom) + 10


def test_uniform_numbers() -> None:
    drawn = DRAWS.uniform(Purpose.BOX, 3)
    assert drawn.shape == (MANY, 3)
    for column in drawn.T:
        assert_distribution(column, lambda x: x)
    assert abs(correlations(drawn)).max() < 5 / np.sqrt(MANY)


def test_streams_of_purposes_are_unrelated() -> None:
    columns = np.concatenate([DRAWS.uniform(purpose) for purpose in Purpose], axis=1)
    assert abs(correlations(columns)).max() < 5 / np.sqrt(MANY)
    assert len({int(purpose) for purpose in Purpose}) == len(Purpose)


def test_normal_numbers() -> None:
    drawn = DRAWS.normal(Purpose.LIGHTING, 3)
    erf = np.vectorize(lambda x: float(torch.erf(torch.tensor(x, dtype=torch.float64))))
    for column in drawn.T:
        assert_distribution(column[:4000], lambda x: (1 + erf(x / np.sqrt(2))) / 2)
    assert abs(correlations(drawn)).max() < 5 / np.sqrt(MANY)


def test_choices() -> None:
    chosen = DRAWS.choice(Purpose.POLICY, 14, 2)
    assert chosen.shape == (MANY, 2)
    for column in chosen.T:
        assert_even(np.bincount(column, minlength=14))
    assert below(np.array([0.0, 1 - 2**-53]), 14).tolist() == [0, 13]


def test_orders() -> None:
    orders = DRAWS.order(Purpose.JITTER_ORDER, 4)
    kinds = {kind: number for number, kind in enumerate(permutations(range(4)))}
    assert_even(np.bincount([kinds[tuple(row)] for row in orders.tolist()], minlength=24))


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.5, 1.0])
def test_events(probability: float) -> None:
    happens = DRAWS.happens(Purpose.FLIP, probability)
    sigma = np.sqrt(probability * (1 - probability) / MANY)
    assert abs(happens.mean() - probability) <= 5 * sigma


@pytest.mark.parametrize(
    ("alpha", "cumulative"),
    [
        (0.5, lambda x: 2 / np.pi * np.arcsin(np.sqrt(x))),
        (1.0, lambda x: x),
        (2.0, lambda x: 3 * x**2 - 2 * x**3),
    ],
)
def test_beta_numbers(
    alpha: float, cumulative: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> None:
    assert_distribution(DRAWS.beta(Purpose.MIXUP, alpha), cumulative)


@pytest.mark.parametrize("alpha", [0.001, 0.1, 0.2, 0.4, 50.0])
def test_moments_of_beta_numbers(alpha: float) -> None:
    drawn = DRAWS.beta(Purpose.MIXUP, alpha)
    variance = 1 / (4 * (2 * alpha + 1))
    kurtosis = 3 - 6 / (2 * alpha + 3)  # of the symmetric beta distribution
    assert ((drawn >= 0) & (drawn <= 1)).all()
    assert abs(drawn.mean() - 0.5) < 5 * np.sqrt(variance / MANY)
    assert abs(drawn.var() / variance - 1) < 5 * np.sqrt((kurtosis - 1) / MANY) + 1e-3


def test_an_image_draws_the_same_in_any_batch() -> None:
    order = np.random.default_rng(0).permutation(MANY)[:50]
    batch = Draws(seed=7, epoch=3, indices=torch.from_numpy(order))
    kinds: tuple[Callable[[Draws], NDArray[np.generic]], ...] = (
        lambda draws: draws.uniform(Purpose.BOX, 40),
        lambda draws: draws.normal(Purpose.LIGHTING, 3),
        lambda draws: draws.beta(Purpose.MIXUP, 0.2),
        lambda draws: draws.order(Purpose.JITTER_ORDER, 4),
    )
    for draw in kinds:
        assert (draw(batch) == draw(DRAWS)[order]).all()
    alone = batch.of(slice(4, 5)).uniform(Purpose.BOX, 2)
    assert (alone == DRAWS.uniform(Purpose.BOX, 2)[order[[4]]]).all()


@pytest.mark.parametrize("other", [{"seed": 8}, {"epoch": 4}, {"indices": np.arange(1, MANY + 1)}])
def test_other_seeds_epochs_and_indices_draw_others(other: dict[str, int]) -> None:
    changed = Draws(**{"seed": 7, "epoch": 3, "indices": np.arange(MANY), **other})  # type: ignore[arg-type]
    mine, theirs = DRAWS.uniform(Purpose.FLIP)[:, 0], changed.uniform(Purpose.FLIP)[:, 0]
    assert abs(np.corrcoef(mine, theirs)[0, 1]) < 5 / np.sqrt(MANY)


def test_numbers_stay_what_they_are() -> None:
    # By hand from splitmix64: the seed of a purpose, of an image with that seed, its first output.
    mask, gamma = 2**64 - 1, 0x9E3779B97F4A7C15

    def mix(z: int) -> int:
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return z ^ (z >> 31)

    def derived(key: int, *parts: int) -> int:
        for part in parts:
            key = mix((key + (part + 1) * gamma) & mask)
        return key

    purpose = derived(0, 1, 5, 2, int(Purpose.FLIP))
    output = derived(0, 1, purpose, 2, 11, 0)
    drawn = Draws(seed=5, epoch=2, indices=np.array([11])).uniform(Purpose.FLIP)
    assert drawn.tolist() == [[(output >> 11) * 2.0**-53]]
