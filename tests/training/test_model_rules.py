from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.training.situations import GPU, LAPTOP, photos, situation, squares

from resnets.data.preprocessing_policy import Preprocessing
from resnets.recipes.settings import TrainingSettings
from resnets.training.data_facts import DataFacts
from resnets.training.machine import Machine
from resnets.training.model_facts import model_facts
from resnets.training.model_rules import (
    choose_batch_size,
    choose_epochs,
    choose_model,
    hours_per_epoch,
    wanted_epochs,
)
from resnets.training.situation import Situation

WEIGHTS = "resnet50:torchvision_v2"


def counts(total: int) -> tuple[int, ...]:
    return (total - 2, 1, 1)


def seen(facts: DataFacts, size: int, machine: Machine = LAPTOP, **fields: Any) -> Situation:
    fields = {"batch_size": 128} | fields
    return situation(
        TrainingSettings(preprocessing=Preprocessing(image_size=size), **fields), facts, machine
    )


@pytest.mark.parametrize(
    ("number", "model", "machine", "batch"),
    [
        (50_000, "", LAPTOP, 128),
        (5_120, "", LAPTOP, 128),  # 40 steps
        (5_119, "", LAPTOP, 64),
        (400, "", LAPTOP, 8),
        (10, "", LAPTOP, 8),
        (1_280, WEIGHTS, LAPTOP, 64),  # 20 steps
        (1_279, WEIGHTS, LAPTOP, 32),
        (100_000, "", LAPTOP, 128),
        (100_000, "", GPU, 256),
    ],
)
def test_batches_leave_enough_steps(number: int, model: str, machine: Machine, batch: int) -> None:
    settings = TrainingSettings(model=model)
    facts = photos(class_counts=counts(number))
    assert choose_batch_size(situation(settings, facts, machine)).value == batch


def test_batches_are_multiples_of_repeats() -> None:
    answer = choose_batch_size(situation(TrainingSettings(repeats=3), squares(32)))
    assert answer.value == 126


@pytest.mark.parametrize(
    ("number", "model", "machine", "epochs"),
    [
        (50_000, "", LAPTOP, 26),  # 390 steps of 10,000
        (50_000, "", GPU, 51),
        (1_000, "", LAPTOP, 100),
        (1_281_167, "", LAPTOP, 10),
        (50_000, WEIGHTS, LAPTOP, 5),
        (12_800, WEIGHTS, LAPTOP, 15),
        (100, WEIGHTS, LAPTOP, 30),
    ],
)
def test_epochs_give_enough_steps(number: int, model: str, machine: Machine, epochs: int) -> None:
    facts = photos(class_counts=counts(number))
    assert wanted_epochs(seen(facts, 32, machine, model=model)) == epochs


@pytest.mark.parametrize(
    ("facts", "size", "machine", "name"),
    [
        (squares(32), 32, LAPTOP, "resnet20"),
        (squares(32), 32, GPU, "resnet18,stem=cifar"),
        (squares(32, class_counts=counts(5000)), 32, GPU, "resnet20"),
        (squares(64, class_counts=counts(10_000)), 64, LAPTOP, "resnet18,stem=small"),
        (squares(64, class_counts=counts(100_000)), 64, LAPTOP, "resnet18,stem=imagenet"),
        (squares(64, class_counts=counts(100_000)), 64, GPU, "resnet50,stem=small"),
        (photos(), 128, LAPTOP, "resnet18,stem=imagenet"),
        (photos(), 224, GPU, "resnet18,stem=imagenet"),
    ],
)
def test_the_network_fits_images_and_machine(
    facts: DataFacts, size: int, machine: Machine, name: str
) -> None:
    answer = choose_model(seen(facts, size, machine))
    assert answer.value == name
    model_facts(name).blank_network(Preprocessing(image_size=size), 3)  # can be built


def test_time_is_work_by_speed() -> None:
    # ResNet-20: 40.8 million multiply-adds (He et al. 2015, sec. 4.2; 0.27 million parameters).
    facts = squares(32, num_val=0)
    model = model_facts("resnet20")
    hours = hours_per_epoch(seen(facts, 32), model)
    assert hours * 3600 == pytest.approx(50_000 * 40.8e6 / (2 * 30e9), rel=0.01)
    slow = replace(LAPTOP, has_bf16=False)
    assert hours_per_epoch(seen(facts, 32, slow), model) == pytest.approx(2.5 * hours)
    with_val = squares(32, num_val=15_000)
    assert hours_per_epoch(seen(with_val, 32), model) == pytest.approx(1.1 * hours)
    assert hours_per_epoch(seen(facts, 32, repeats=2), model) == pytest.approx(2 * hours)


def test_epochs_end_when_the_time_does() -> None:
    facts = photos(class_counts=counts(20_000), num_val=0)
    answer = choose_epochs(seen(facts, 224, model="resnet152"))
    assert answer.value == 10
    assert "; 64 epochs would be better and take" in answer.choices[0].reason
    assert choose_epochs(seen(facts, 224, model="resnet50:torchvision_v2", batch_size=64)).value == 5
    assert choose_epochs(seen(facts, 32, model="resnet20")).value == 64
