"""A small data set, few candidates, and a machine whose speed is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resnets.analysis import candidates, weighing
from resnets.analysis.candidates import Architecture
from resnets.analysis.latency import Speed
from resnets.analysis.training_cost import TrainingCost
from resnets.recipes.settings import TrainingSettings

SECONDS = {"resnet8": 0.01, "resnet14": 0.02, "resnet20": 0.04}
LATENCIES = {"resnet8": 1.0, "resnet14": 2.0, "resnet20": 3.0}
"""Seconds for a training image, and milliseconds for one image."""


def write_shades(path: Path, *, smallest: int = 24) -> Path:
    """Squares of 8 pixels of three classes, one of them with fewer images."""
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [40, 40, smallest])
    val = np.arange(30) % 3
    images, others = (
        (generator.integers(0, 120, (len(y), 8, 8, 3)) + 60 * y[:, None, None, None]).astype(np.uint8)
        for y in (labels, val)
    )
    np.savez(
        path, x_train=images, y_train=labels, x_val=others, y_val=val,
        x_test=others, y_test=val, class_names=np.array(["dark", "grey", "light"]),
    )  # fmt: skip
    return path


def known_speed(patch: pytest.MonkeyPatch) -> None:
    """Three candidates, none of which is really timed."""
    rows = tuple(
        Architecture(model=model, sides=(8, 63), weakness=weakness, why=f"{model} it is", source="test")
        for model, weakness in (("resnet8", 2.6), ("resnet14", 2.0), ("resnet20", 1.7))
    )
    patch.setattr(candidates, "architectures", lambda: rows)

    def measure_training(settings: TrainingSettings, *_: Any, **__: Any) -> TrainingCost:
        seconds = SECONDS[settings.model]
        return TrainingCost(seconds, 0.0, seconds, 3, 8)

    def measure_speed(models: Any, names: list[str], _timing: Any, *, memory: bool) -> list[Speed]:
        assert not memory
        return [Speed(LATENCIES[name], 0.5, 9.0, 1, 30, None) for name in names]

    patch.setattr(weighing, "measure_training", measure_training)
    patch.setattr(weighing, "measure_speed", measure_speed)
    patch.setattr("resnets.analysis.recommendation_notes.busy_note", lambda: "")
