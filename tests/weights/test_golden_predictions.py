"""Seeded networks give the stored answers for the photos of examples/."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
UPDATE = runpy.run_path(str(GOLDEN / "update_predictions.py"))
ADVICE = (
    "Images are decoded or prepared otherwise, an architecture computes something else, or torch draws "
    "its random numbers otherwise. If that is meant: python tests/golden/update_predictions.py"
)


@pytest.mark.parametrize("name", UPDATE["NETWORKS"])
def test_predictions_are_the_golden_ones(name: str) -> None:
    golden = json.loads((GOLDEN / "predictions.json").read_text("utf-8"))[name]
    now = UPDATE["predictions"](name)
    assert now.keys() == golden.keys(), ADVICE
    for photo, classes in golden.items():
        assert now[photo] == pytest.approx(classes, abs=1e-4), ADVICE
        assert list(now[photo]) == list(classes), ADVICE
        assert max(classes.values()) > 1.2 * min(classes.values())
