"""Where the images of a run come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from resnets.config import validate
from resnets.data.dataset import Split
from resnets.data.opening import open_dataset
from resnets.recipes.settings import TrainingSettings
from resnets.training.machine import this_machine
from resnets.training.preparation import labelled, make_loaders


def settings(**changed: Any) -> TrainingSettings:
    values = {"batch_size": 4, "preprocessing": {"image_size": 32}, "workers": 0, **changed}
    return validate(TrainingSettings, values, source="the test")


def read(folder: Path, made: TrainingSettings) -> tuple[list[torch.Tensor], tuple[str, ...]]:
    loaders = make_loaders(made, open_dataset(folder), this_machine("cpu"))
    assert loaders.val is not None
    batches = [*loaders.train.epoch(0), *loaders.val.epoch(0)]
    loaders.close()
    return [batch.images for batch in batches], loaders.notes


def test_images_that_fit_are_decoded_once(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaders = make_loaders(settings(), open_dataset(photos), this_machine("cpu"))
    for path in photos.rglob("*.png"):
        path.unlink()
    assert sum(len(batch) for batch in loaders.train.epoch(3)) == 16
    loaders.close()


def test_training_may_see_smaller_images_than_evaluation(photos: Path) -> None:
    made = settings(train_image_size=16, crop={"scale": [0.5, 1.0]})
    images, _ = read(photos, made)
    assert [image.shape[-1] for image in images] == [16, 16, 16, 16, 32]


def test_images_of_no_class_are_left_out(tmp_path: Path) -> None:
    pixels = np.arange(12, dtype=np.uint8)[:, None, None, None].repeat(8, 1).repeat(8, 2).repeat(3, 3)
    split = labelled(Split("train", pixels, np.array([0, 1, -1] * 4)))
    assert split.labels.tolist() == [0, 1] * 4
    assert isinstance(split.images, np.ndarray)
    assert split.images[:, 0, 0, 0].tolist() == [0, 1, 3, 4, 6, 7, 9, 10]
    files = labelled(Split("train", [tmp_path / str(i) for i in range(3)], np.array([-1, 0, 1])))
    assert [path.name for path in files.images if isinstance(path, Path)] == ["1", "2"]
