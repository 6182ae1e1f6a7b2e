"""The verdict: whole sentences for trainings of all kinds."""

from __future__ import annotations

import numpy as np
import pytest

from resnets.data.findings import Finding, Severity
from resnets.reporting.verdict import judge, surplus_confidence

from .trainings import confused, evaluated, facts_of, rows


def test_a_good_network() -> None:
    matrix = [[95, 4, 1], [6, 93, 1], [0, 0, 100]]
    evaluation = confused(matrix, sure=0.96, class_names=["cat", "dog", "fish"])
    verdict = judge(facts_of(evaluation, history=rows(8, val_loss=np.linspace(2, 1, 8).tolist())))
    # Wilson's interval of 288 in 300, by hand: 0.9542 -+ 0.0228.
    assert verdict.sentence == (
        "Recognises 96.0 % (93.1 to 97.7 %) of 300 images that it has not seen, where guessing gives "
        "33.3 %; most often confused: 'cat' and 'dog' (10 images); training longer may help: the loss was "
        "still falling."
    )
    assert verdict.tone == "fine"


def test_two_classes_of_which_one_is_common() -> None:
    verdict = judge(facts_of(confused([[80, 0], [2, 18]], sure=0.98, class_names=["fine", "ill"])))
    assert verdict.sentence == (
        "Recognises 98.0 % (93.0 to 99.4 %) of 100 images that it has not seen, where always answering "
        "'fine' gives 80.0 %; 'fine' was taken for 'ill' never, the reverse twice."
    )


@pytest.mark.parametrize(
    ("matrix", "tone", "words"),
    [
        ([[80, 0], [20, 0]], "error", "no better than always answering 'class 0' (80.0 %)."),
        ([[78, 2], [17, 3]], "warning", "perhaps no better than always answering 'class 0' (80.0 %)."),
    ],
)
def test_a_useless_network(matrix: list[list[int]], tone: str, words: str) -> None:
    verdict = judge(facts_of(confused(matrix)))
    assert verdict.tone == tone
    assert verdict.sentence.endswith(f"images that it has not seen, {words}")


def test_one_that_is_too_sure_and_one_that_is_not_sure_enough() -> None:
    matrix = [[40, 10], [10, 40]]
    assert judge(facts_of(confused(matrix, sure=0.99))).sentence.endswith(
        "; it is too sure of itself (99.0 % sure on average, 80.0 % right)."
    )
    assert judge(facts_of(confused(matrix, sure=0.6))).sentence.endswith(
        "; it is right more often than it claims (60.0 % sure on average, 80.0 % right)."
    )
    assert surplus_confidence(confused(matrix, sure=0.82)) == 0


def test_chance_does_not_make_it_too_sure() -> None:
    """Of 20 images that are each right in 80 of 100 cases, 15 are no sign of anything."""
    assert surplus_confidence(confused([[8, 2], [3, 7]], sure=0.8)) == 0


def test_the_test_images_decide() -> None:
    val, test = confused([[9, 1], [1, 9]]), confused([[40, 0], [0, 40]], split="test")
    assert "of 80 images" in judge(facts_of(val, test=test)).sentence


def test_data_with_errors_is_mentioned() -> None:
    severities: tuple[Severity, ...] = ("error", "error", "warning", "note")
    found = [Finding("code", severity, "sentence", 1, "advice") for severity in severities]
    verdict = judge(facts_of(confused([[40, 0], [0, 40]], sure=0.999), findings=found))
    assert verdict.tone == "warning"
    assert verdict.sentence.endswith(
        "where guessing gives 50.0 %; its data has 2 errors that may make these figures wrong."
    )


def test_nothing_was_kept_aside() -> None:
    verdict = judge(facts_of(None))
    assert verdict.sentence == ("Trained on all 12 images: how well it recognises others is not known.")
    assert verdict.tone == "warning"


def test_long_names_are_shortened() -> None:
    matrix = [[40, 5, 0], [5, 40, 0], [0, 0, 50]]
    sentence = judge(facts_of(confused(matrix, class_names=["a" * 500, "b", "c"]))).sentence
    assert f"'{'a' * 20}…{'a' * 19}' and 'b' (10 images)" in sentence


def test_a_single_image() -> None:
    assert judge(facts_of(evaluated([0], [[0.9, 0.1]]))).sentence == (
        "Recognises 100.0 % (20.7 to 100.0 %) of 1 image that it has not seen, no better than always "
        "answering 'class 0' (100.0 %)."
    )
