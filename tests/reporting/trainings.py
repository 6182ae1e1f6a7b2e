"""Trainings that never happened, as facts for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resnets.config import validate
from resnets.data.dataset import Dataset, Split
from resnets.data.decoding import Pixels
from resnets.evaluation.evaluation import Conditions, Evaluation
from resnets.recipes.settings import TrainingSettings
from resnets.reporting.facts import TrainingFacts
from resnets.weights.model_info import ModelInfo


@dataclass(frozen=True)
class Row:
    """An epoch, as `EpochRecord` has it."""

    epoch: int
    train_loss: float = 1.0
    train_top1: float | None = 0.5
    val_loss: float | None = 1.0
    val_top1: float | None = 0.5
    learning_rate: float = 0.1
    images_per_second: float = 100.0
    data_wait: float = 0.01
    seconds: float = 10.0
    memory_bytes: int = 2**30


def rows(count: int, **columns: Sequence[float | None]) -> list[Row]:
    values: list[dict[str, Any]] = [
        {key: column[i] for key, column in columns.items()} for i in range(count)
    ]
    return [Row(epoch=i + 1, **value) for i, value in enumerate(values)]


def evaluated(
    labels: Any,
    probabilities: Any,
    *,
    class_names: Sequence[str] | None = None,
    data: str = "pets",
    split: str = "val",
) -> Evaluation:
    table = np.asarray(probabilities, np.float32)
    return Evaluation(
        model="model.safetensors",
        architecture="resnet20",
        data=data,
        split=split,
        images=tuple(f"{split}[{i}]" for i in range(len(table))),
        class_names=tuple(class_names or [f"class {i}" for i in range(table.shape[1])]),
        indices=np.arange(len(table)),
        labels=np.asarray(labels, np.int64),
        logits=np.log(np.maximum(table, 1e-30)),
        conditions=Conditions(crops=1, flip=False, restricted=False, matched_by="names"),
    )


def confused(matrix: Sequence[Sequence[int]], *, sure: float = 0.9, **fields: Any) -> Evaluation:
    """An evaluation with this confusion matrix; the answer always has the same probability."""
    size = len(matrix)
    labels, table = [], []
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            answer = np.full(size, (1 - sure) / (size - 1))
            answer[j] = sure
            labels += [i] * count
            table += [answer] * count
    return evaluated(labels, table, **fields)


def facts_of(
    evaluation: Evaluation | None,
    *,
    pixels: Pixels | None = None,
    history: Sequence[Row] = (),
    settings: dict[str, Any] | None = None,
    info: dict[str, Any] | None = None,
    **fields: Any,
) -> TrainingFacts:
    test = fields.get("test")
    known = evaluation or test
    names = known.class_names if known else ("cat", "dog")
    splits = {"train": Split("train", np.zeros((12, 8, 8, 3), np.uint8), np.arange(12) % len(names))}
    for each in filter(None, (evaluation, test)):
        shown = np.full((len(each), 8, 8, 3), 99, np.uint8) if pixels is None else pixels
        splits[each.split] = Split(each.split, shown, each.labels)
    name = known.data if known else "pets"
    described: dict[str, Any] = {
        "architecture": "resnet20",
        "options": {"num_classes": len(names)},
        "class_names": names,
        "preprocessing": {"image_size": 32},
        "licence": {"weights": "CC-BY-4.0", "data": "own photographs"},
        "data": {"name": name, "num_images": 12, "sha256": "ab" * 32},
        **(info or {}),
    }
    return TrainingFacts(
        info=validate(ModelInfo, described, source="a test"),
        settings=validate(TrainingSettings, {"epochs": 3, **(settings or {})}, source="a test"),
        history=history,
        dataset=Dataset(name, "arrays", Path("pets.npz"), names, splits),
        evaluation=evaluation,
        seconds=75.0,
        num_parameters=270_000,
        machine={"device": "a processor"},
        command="resnets train pets.npz",
        choices=[("epochs", "3", "12 images")],
        **fields,
    )
