"""What the course of a training suggests."""

from __future__ import annotations

import numpy as np

from resnets.reporting.course import best_epoch, course_words, is_falling

from .trainings import rows

STRAIGHT = np.linspace(2.0, 1.0, 12).tolist()
FLAT = [2.0, 1.5, 1.2, 1.1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]


def test_a_falling_loss() -> None:
    words = "training longer may help: the loss was still falling"
    assert course_words(rows(12, val_loss=STRAIGHT)) == words
    assert course_words(rows(12, train_loss=STRAIGHT, val_loss=[None] * 12)) == words


def test_scatter_is_not_a_fall() -> None:
    assert not is_falling(FLAT)
    assert not is_falling([1.0] * 6 + [1.2, 0.9, 1.1, 0.8, 1.2, 1.0])
    assert not is_falling([1.0, 0.999, 0.998, 0.997, 0.996, 0.995])
    assert not is_falling([2.0, 1.0])
    assert not is_falling([2.0, 1.5, 1.0, 0.5, float("nan"), 0.2])
    assert is_falling(STRAIGHT)


def test_learning_by_heart() -> None:
    rising = [2.0, 1.0, 0.8, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1]
    assert course_words(rows(12, train_loss=STRAIGHT, val_loss=rising)) == (
        "from epoch 4 on it learned by heart (validation loss 0.70 to 1.10): more images or stronger "
        "augmentation may help"
    )
    # Too sure of itself, but still learning: no reason to stop.
    better = np.linspace(0.3, 0.9, 12).tolist()
    assert course_words(rows(12, train_loss=STRAIGHT, val_loss=rising, val_top1=better)) == ""


def test_done_early() -> None:
    top1 = [0.5, 0.6, 0.7, 0.8, 0.79, 0.79, 0.78, 0.79, 0.79, 0.79, 0.79, 0.79]
    words = "more epochs alone would not help: the best of 12 was epoch 4"
    assert course_words(rows(12, val_loss=FLAT, val_top1=top1)) == words


def test_the_gap() -> None:
    top1 = np.linspace(0.3, 0.8, 12).tolist()
    history = rows(12, val_loss=FLAT, val_top1=top1, train_top1=[0.99] * 12)
    assert course_words(history) == (
        "it knows its training images (99.0 %) better than new ones (80.0 %): more images or stronger "
        "augmentation may help"
    )
    mixed = rows(12, val_loss=FLAT, val_top1=top1, train_top1=[None] * 12)
    assert course_words(mixed) == ""


def test_a_few_epochs_say_nothing() -> None:
    assert course_words(rows(5, val_loss=STRAIGHT[:5])) == ""
    assert course_words([]) == ""


def test_the_best_epoch() -> None:
    assert best_epoch(rows(4, val_top1=[0.5, 0.7, 0.7, 0.6], val_loss=[1.0, 0.9, 0.8, 0.7])) == 3
    assert best_epoch(rows(3, val_top1=[0.5, 0.5, 0.5])) == 1
    assert best_epoch(rows(2, val_top1=[None, None])) is None
