from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resnets.analysis.training_cost import TrainingCost, measure_training
from resnets.data.dataset import Dataset
from resnets.data.opening import open_dataset
from resnets.data.sources.arrays import from_arrays
from resnets.errors import DataError
from resnets.recipes.settings import TrainingSettings
from resnets.training.choices import choose
from resnets.training.data_facts import data_facts
from resnets.training.interruption import Interruption
from resnets.training.machine import this_machine


def measured(dataset: Dataset, settings: TrainingSettings) -> TrainingCost:
    machine = this_machine("cpu")
    settings, _ = choose(settings, data_facts(dataset), machine)
    return measure_training(
        settings,
        dataset,
        machine,
        device=torch.device("cpu"),
        expected_seconds_per_image=0.05,
        interruption=Interruption(),
    )


def test_steps_are_timed() -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
    dataset = from_arrays({"train": (images, np.arange(40) % 2)})
    cost = measured(dataset, TrainingSettings(model="resnet8", batch_size=16, epochs=3))
    assert cost.num_steps == 3
    assert cost.batch_size == 10  # half a second, by the guess
    assert cost.reading_seconds == 0
    assert 0 < cost.seconds_per_image <= cost.cpu_seconds_per_image  # one thread or more


def test_a_training_is_epochs_and_reading() -> None:
    cost = TrainingCost(0.01, 0.002, 0.01, 3, 8)
    # a tenth for what is done besides steps
    assert cost.seconds(5, images_per_epoch=100, num_images=130) == pytest.approx(1.1 * 5 + 0.26)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(20):
        path = tmp_path / "photos" / ("light" if number % 2 else "dark") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 44), (12 * number, 0, 0)).save(path)
    return tmp_path / "photos"


def test_images_that_cannot_be_read_are_passed_over(photos: Path) -> None:
    for path in sorted(photos.rglob("*.png"))[::4]:
        path.write_bytes(b"no image")
    dataset = open_dataset(photos)
    settings = TrainingSettings(model="resnet8,image_size=8", batch_size=8, epochs=3)
    cost = measured(dataset, settings)
    assert cost.seconds_per_image > 0
    assert cost.reading_seconds > 0  # decoded once, and kept


def test_no_image_can_be_read(photos: Path) -> None:
    dataset = open_dataset(photos)
    settings, _ = choose(
        TrainingSettings(model="resnet8,image_size=8", epochs=3),
        data_facts(dataset),
        this_machine("cpu"),
    )
    for path in photos.rglob("*.png"):
        path.write_bytes(b"no image")
    message = "none of 16 training images of photos can be read; see why with: resnets data check"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        measure_training(
            settings,
            dataset,
            this_machine("cpu"),
            device=torch.device("cpu"),
            expected_seconds_per_image=0.05,
            interruption=Interruption(),
        )
