"""What was taken for what."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from resnets.reporting.class_table import class_section
from resnets.reporting.confusion import confusion_section, similarity_order

from ..page_reader import read_page
from .trainings import confused, evaluated


def test_classes_that_are_confused_stand_together() -> None:
    """Four groups of five, mixed up by a permutation that the order must undo."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), 5)
    matrix = np.where(groups[:, None] == groups, 20, 0) + np.diag(np.full(20, 100))
    matrix[0, 5] = matrix[5, 10] = matrix[10, 15] = 1
    mixed = random.permutation(20)
    order = similarity_order(matrix[np.ix_(mixed, mixed)])
    assert sorted(order) == list(range(20))
    found = groups[mixed[order]]
    assert (np.diff(found) != 0).sum() == 3


def test_no_mistakes_no_trouble() -> None:
    assert sorted(similarity_order(np.diag([3, 4, 5]))) == [0, 1, 2]
    text = read_page("".join(confusion_section(confused([[5, 0], [0, 5]])))).text
    assert "It made no mistake." in text


def test_few_classes_are_a_table() -> None:
    page = read_page("".join(confusion_section(confused([[5, 1], [2, 4]], class_names=["cat", "dog"]))))
    cells = [a["title"] for tag, a in page.elements if tag == "td" and "title" in a]
    assert cells == [
        "cat recognised: 5 of 6 (83.3 %)",
        "cat taken for dog: 1 of 6 (16.7 %)",
        "dog taken for cat: 2 of 6 (33.3 %)",
        "dog recognised: 4 of 6 (66.7 %)",
    ]
    assert all(a.get("scope") in ("row", "col") for tag, a in page.elements if tag == "th")


def test_many_classes_are_a_picture() -> None:
    num_classes = 700
    labels = np.arange(2 * num_classes) % num_classes
    table = np.full((len(labels), num_classes), 1e-4)
    table[np.arange(len(labels)), labels] = 0.9
    table[3, 4] = 0.95  # class 3 is taken for class 4 once
    page = read_page("".join(confusion_section(evaluated(labels, table))))
    (image,) = (a["href"] for tag, a in page.elements if tag == "image")
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.partition(",")[2]))))
    assert pixels.shape == (350, 350, 4)
    shown = pixels[pixels[..., 3] > 0]
    orange = shown[shown[:, 0] > shown[:, 2]]
    assert len(orange) <= 1  # it may share its pixel with the diagonal
    assert len(shown) - len(orange) == 350
    assert "class 3 taken for class 4: 1 of 2 (50.0 %)" in page.text


def test_the_table_of_classes_begins_with_the_weakest() -> None:
    evaluation = confused(
        [[9, 1, 0, 0], [4, 5, 1, 0], [0, 0, 10, 0], [0, 0, 0, 0]], class_names=["a", "b", "c", "none"]
    )
    page = read_page("".join(class_section(evaluation)))
    text = " ".join(page.text.split())
    assert [text.index(f"{name}1") for name in "bac"] == sorted(text.index(f"{name}1") for name in "bac")
    assert text.endswith("none0----")
    values = [a["data-value"] for tag, a in page.elements if "data-value" in a]
    # b: 10 images, recall 5/10, lower limit of Wilson's interval (23.66 %), precision 5/6, F1 10/16.
    assert values[:5] == ["10", "0.5", "23.6593", "0.833333", "0.625"]
