from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from resnets.evaluation.pairing import PairedComparison, mcnemar


def hits(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    kinds = np.repeat([0, 1, 2, 3], [both, first, second, neither])
    return kinds < 2, (kinds == 0) | (kinds == 2)


@pytest.mark.parametrize(
    "counts", [(5, 0, 0, 1), (0, 1, 0, 0), (90, 12, 31, 7), (900, 31, 12, 3), (0, 6000, 6200, 0)]
)
def test_p_value_is_the_exact_one_of_scipy(counts: tuple[int, int, int, int]) -> None:
    compared = mcnemar(*hits(*counts))
    assert (compared.only_first, compared.only_second, compared.num_images) == (
        *counts[1:3],
        sum(counts),
    )
    apart = counts[1] + counts[2]
    theirs = stats.binomtest(counts[1], apart).pvalue if apart else 1.0
    assert compared.p_value == pytest.approx(theirs, rel=1e-9)


def test_many_images_are_no_problem() -> None:
    assert mcnemar(*hits(0, 4000, 8000, 0)).p_value == pytest.approx(0, abs=1e-200)


def test_equal_models_seem_different_in_one_of_twenty_comparisons_at_most() -> None:
    generator = np.random.default_rng(0)
    draws = generator.uniform(size=(2, 1000, 200)) < 0.8
    p_values = [mcnemar(first, second).p_value for first, second in zip(*draws, strict=True)]
    assert 0.02 < np.mean(np.array(p_values) < 0.05) <= 0.05 + 0.015


def test_difference_and_its_interval_cover_the_truth() -> None:
    generator = np.random.default_rng(1)
    covered, differences, errors = 0, [], []
    for _ in range(1000):
        both, first, second, neither = generator.multinomial(300, [0.7, 0.1, 0.15, 0.05])
        compared = mcnemar(*hits(both, first, second, neither))
        low, high = compared.interval()
        covered += low <= 0.05 <= high
        differences.append(compared.difference)
        errors.append(compared.standard_error)
    assert 0.93 < covered / 1000 < 0.97
    assert np.mean(differences) == pytest.approx(0.05, abs=0.003)
    assert np.mean(errors) == pytest.approx(np.std(differences), rel=0.1)


@pytest.mark.parametrize(
    ("compared", "sentence"),
    [
        (
            PairedComparison(100, 12, 31, 0.0054),
            "B alone recognises 31 images, A alone 12; chance gives a difference as large in 0.5 % of "
            "comparisons: B is better",
        ),
        (
            PairedComparison(10_000, 1310, 1200, 0.0294),
            "A alone recognises 1,310 images, B alone 1,200; chance gives a difference as large in 2.9 % of "
            "comparisons: A is better",
        ),
        (
            PairedComparison(100, 3, 2, 1.0),
            "A alone recognises 3 images, B alone 2; chance gives a difference as large in 100.0 % of "
            "comparisons: the two cannot be told apart",
        ),
        (
            PairedComparison(100, 0, 30, 2e-9),
            "B alone recognises 30 images, A alone 0; chance gives a difference as large in less than 0.1 % "
            "of comparisons: B is better",
        ),
        (PairedComparison(2000, 7, 7, 1.0), "A and B recognise equally many of the 2,000 images"),
    ],
)
def test_words(compared: PairedComparison, sentence: str) -> None:
    assert compared.words("A", "B") == sentence
