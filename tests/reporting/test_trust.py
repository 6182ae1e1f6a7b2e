"""Whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from resnets.evaluation.calibration import Calibration
from resnets.evaluation.metrics import calibration_bins, calibration_error
from resnets.reporting.trust import calibration_words, expected_by_chance, trust_section

from ..page_reader import read_page
from .trainings import confused, evaluated


def test_the_error_that_chance_gives() -> None:
    """Against the mean of many drawn networks that are right exactly as often as they claim."""
    random = np.random.default_rng(0)
    sure = random.uniform(0.5, 1.0, 600)
    drawn = [calibration_error(sure, random.random(600) < sure) for _ in range(300)]
    bins = calibration_bins(sure, random.random(600) < sure)
    assert expected_by_chance(bins) == pytest.approx(np.mean(drawn), rel=0.08)


def test_the_words() -> None:
    evaluation = confused([[40, 10], [10, 40]], sure=0.99)
    words = (
        "Too sure of itself: 99.0 % sure on average, 80.0 % right. Its probabilities are off by 19.0 % "
        "(expected calibration error); of 100 images, chance alone would give about 0.8 %."
    )
    assert calibration_words(evaluation) == words
    calibration = Calibration(
        temperature=2.5,
        fitted_on="val",
        num_images=100,
        cross_fitted=True,
        error_before=0.19,
        error=0.01,
        loss_before=1.0,
        loss=0.5,
    )
    assert calibration_words(replace(evaluation, calibration=calibration)) == (
        f"{words} A temperature of 2.5, fitted to 100 images of val, divides its answers; without it they "
        "would be off by 19.0 %."
    )
    conditions = replace(evaluation.conditions, temperature=2.5)
    assert calibration_words(replace(evaluation, conditions=conditions)) == (
        f"{words} A temperature of 2.5 divides its answers."
    )


def test_answers_that_are_sure_enough() -> None:
    table = [[0.95, 0.05], [0.95, 0.05], [0.6, 0.4], [0.6, 0.4]]
    text = read_page("".join(trust_section(evaluated([0, 0, 0, 1], table)))).text
    assert "any answer100.0 %75.0 %" in text
    assert "80 % sure50.0 %100.0 %" in text
    assert "99 % sure0.0 %-" in text
