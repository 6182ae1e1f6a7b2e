from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.training.situations import GIB, GPU, LAPTOP, photos, situation, squares

from resnets.data.augmentation.settings import Augmentation, Mixing
from resnets.data.preprocessing_policy import Preprocessing
from resnets.recipes.settings import (
    Averaging,
    FineTuning,
    Loss,
    Optimizer,
    Schedule,
    StochasticDepth,
    TrainingSettings,
)
from resnets.training import recipe_rules as rules
from resnets.training.schedules import schedule_problems
from resnets.training.situation import Situation

WEIGHTS = "resnet18:torchvision_v1"


def seen(size: int = 32, **fields: Any) -> Situation:
    fields = {"batch_size": 128, "epochs": 30, "model": "resnet20"} | fields
    return situation(
        TrainingSettings(preprocessing=Preprocessing(image_size=size), **fields), squares(size)
    )


@pytest.mark.parametrize(
    ("size", "fields", "rate"),
    [
        (32, {}, 0.1),
        (32, {"batch_size": 64}, 0.05),
        (128, {"model": "resnet18", "batch_size": 256}, 0.1),
        (128, {"model": "resnet18"}, 0.05),
        (128, {"model": WEIGHTS, "batch_size": 64}, 0.01),
        (128, {"optimizer": Optimizer(name="adamw"), "batch_size": 256}, 0.001),
        (128, {"optimizer": Optimizer(name="adamw"), "batch_size": 64}, 0.0005),
        (128, {"optimizer": Optimizer(name="lamb"), "batch_size": 2048}, 0.005),
        (128, {"optimizer": Optimizer(name="lamb"), "batch_size": 2048, "model": WEIGHTS}, 0.0005),
    ],
)
def test_rates_grow_with_the_batch(size: int, fields: dict[str, Any], rate: float) -> None:
    assert rules.choose_learning_rate(seen(size, **fields)).value == pytest.approx(rate)


@pytest.mark.parametrize(
    ("fields", "decay"),
    [
        ({}, 5e-4),
        ({"model": WEIGHTS}, 1e-4),
        ({"optimizer": Optimizer(name="adamw")}, 0.05),
        ({"optimizer": Optimizer(name="lamb")}, 0.02),
    ],
)
def test_weights_decay(fields: dict[str, Any], decay: float) -> None:
    assert rules.choose_weight_decay(seen(**fields)).value == decay


def test_many_images_need_less_decay() -> None:
    many = replace(seen(), facts=photos(class_counts=(500_000, 1, 1)))
    assert rules.choose_weight_decay(many).value == 1e-4
    assert rules.choose_decay(many).value == "weights"


@pytest.mark.parametrize(("epochs", "warmup"), [(30, 3.0), (100, 5.0), (3, 0.3), (1, 0.1)])
def test_schedules_fit_the_run(epochs: int, warmup: float) -> None:
    schedule = rules.choose_schedule(seen(epochs=epochs)).value
    assert schedule == Schedule(shape="cosine", warmup_epochs=warmup)
    assert isinstance(schedule, Schedule)
    assert not schedule_problems(schedule, epochs=epochs)
    assert rules.choose_schedule(seen(epochs=epochs, model=WEIGHTS)).value == Schedule(shape="cosine")


def test_labels_are_smoothed_once() -> None:
    answer = rules.choose_label_smoothing(seen())
    assert answer is not None
    assert answer.value == 0.1
    mixed = Augmentation(mixing=Mixing(mixup_alpha=0.2))
    assert rules.choose_label_smoothing(seen(augmentation=mixed)) is None
    assert rules.choose_label_smoothing(seen(loss=Loss(name="binary_cross_entropy"))) is None


def test_the_average_is_short_in_short_runs() -> None:
    # 390 steps an epoch.
    assert rules.choose_averaging(seen(epochs=30)).value == Averaging(decay=0.999)
    assert rules.choose_averaging(seen(epochs=10)).value == Averaging(decay=0.99)


def test_given_weights_are_adapted() -> None:
    assert rules.choose_fine_tuning(seen()) is None
    for epochs, head in ((10, 1), (1, 0)):
        answer = rules.choose_fine_tuning(seen(model=WEIGHTS, epochs=epochs))
        assert answer is not None
        assert answer.value == FineTuning(head_epochs=head, stage_decay=0.5)


def test_the_best_epoch_needs_validation() -> None:
    assert rules.choose_select(seen()).value == "best"
    assert rules.choose_select(replace(seen(), facts=photos(num_val=0))).value == "last"


def test_only_gpus_compile() -> None:
    assert rules.choose_compile(seen()).value is False
    assert rules.choose_compile(replace(seen(), machine=GPU)).value is True
    varying = replace(seen(stochastic_depth=StochasticDepth()), machine=GPU)
    assert rules.choose_compile(varying).value is False


def test_batches_are_divided_by_what_the_machine_has_and_not_by_what_is_free() -> None:
    tight = seen(precision="float32", batch_size=512)
    assert rules.choose_accumulation(tight) is None
    # Activations of 186 MiB for 128 images: 512 take about 1 GiB.
    small = replace(LAPTOP, memory_bytes=GIB)
    answer = rules.choose_accumulation(replace(tight, machine=small))
    assert answer is not None
    assert answer.value == 2
    busy = replace(LAPTOP, available_bytes=1)
    assert rules.choose_accumulation(replace(tight, machine=busy)) is None
