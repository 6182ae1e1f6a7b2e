from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.training.situations import LAPTOP, squares

from resnets.data.augmentation.settings import Augmentation
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ConfigError, UnknownNameError
from resnets.recipes.settings import (
    Averaging,
    FineTuning,
    Loss,
    Optimizer,
    Schedule,
    TrainingSettings,
)
from resnets.training.choices import Choice, choose
from resnets.training.data_facts import DataFacts

FACTS = squares(32)
NEEDED = (
    "model",
    "epochs",
    "batch_size",
    "preprocessing",
    "augmentation",
    "select",
    "precision",
    "channels_last",
    "compile",
)


def test_everything_is_filled_in_and_told() -> None:
    settings, choices = choose(TrainingSettings(), FACTS, LAPTOP)
    assert all(getattr(settings, key) not in (None, "") for key in NEEDED)
    assert settings.optimizer == Optimizer(learning_rate=0.1, weight_decay=5e-4, decay="weights")
    assert settings.schedule == Schedule(shape="cosine", warmup_epochs=2.6)
    assert settings.loss == Loss(label_smoothing=0.1)
    assert settings.averaging == Averaging(decay=0.999)
    assert (settings.fine_tuning, settings.crop) == (None, None)
    assert choices[0] == Choice(
        "preprocessing.image_size", "32", "all images have 32x32 pixels, and need no resizing"
    )
    keys = [choice.key for choice in choices]
    assert len(set(keys)) == len(keys)
    for choice in choices:
        value: object = settings
        for part in choice.key.split("."):
            value = getattr(value, part)
        said = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()
        assert choice.value == (f"{value:g}" if isinstance(value, float) else said) or said in (
            choice.value.lower(),
            "resnet20",
        )
        assert choice.reason
        assert not choice.reason.endswith(".")


def test_settings_stay_valid_as_they_are_written_down() -> None:
    for model in ("", "resnet18:torchvision_v1"):
        settings, _ = choose(TrainingSettings(model=model, repeats=3), FACTS, LAPTOP)
        assert TrainingSettings.model_validate(settings.model_dump(mode="json")) == settings


def test_what_the_user_said_is_kept() -> None:
    said = TrainingSettings(
        model="resnet14,stem=small",
        epochs=3,
        batch_size=50,
        preprocessing=Preprocessing(image_size=24),
        augmentation=Augmentation(),
        optimizer=Optimizer(name="adamw", weight_decay=0.3),
        schedule=Schedule(shape="constant"),
        loss=Loss(label_smoothing=0.0),
        averaging=Averaging(decay=0.0),
        select="last",
        precision="float32",
        channels_last=False,
        compile=True,
        accumulation=5,
    )
    settings, choices = choose(said, FACTS, LAPTOP)
    for key in said.model_fields_set - {"preprocessing", "optimizer"}:
        assert getattr(settings, key) == getattr(said, key), key
    assert settings.preprocessing is not None
    assert settings.preprocessing.image_size == 24
    assert settings.optimizer == Optimizer(
        name="adamw", weight_decay=0.3, learning_rate=0.000442, decay="weights"
    )
    told = {choice.key for choice in choices}
    assert told == {
        "preprocessing.channels",
        "preprocessing.mean",
        "optimizer.learning_rate",
        "optimizer.decay",
    }


def test_a_complete_recipe_leaves_out_what_it_means_to_leave_out() -> None:
    recipe = TrainingSettings(model="resnet20", optimizer=Optimizer(learning_rate=0.1))
    settings, choices = choose(recipe, FACTS, LAPTOP, complete=True)
    assert settings.optimizer == recipe.optimizer
    assert (settings.schedule, settings.loss, settings.averaging) == (Schedule(), Loss(), None)
    assert settings.batch_size == 128
    again, nothing = choose(settings, FACTS, LAPTOP, complete=True)
    assert (again, nothing) == (settings, ())
    assert {choice.key.split(".")[0] for choice in choices} <= {*NEEDED}


def test_given_weights_are_fine_tuned() -> None:
    settings, _ = choose(TrainingSettings(model="resnet18:torchvision_v1"), FACTS, LAPTOP)
    assert settings.fine_tuning == FineTuning()
    assert settings.optimizer.learning_rate == pytest.approx(0.01)
    assert settings.schedule.warmup_epochs == 0


def test_the_same_data_on_the_same_machine_gives_the_same_settings() -> None:
    first = choose(TrainingSettings(), FACTS, LAPTOP)
    assert choose(TrainingSettings(), FACTS, LAPTOP) == first
    assert choose(TrainingSettings(), FACTS, replace(LAPTOP, available_bytes=1)) == first
    assert choose(TrainingSettings(seed=7), FACTS, LAPTOP)[1] == first[1]


@pytest.mark.parametrize(
    ("said", "facts"),
    [
        ({"model": "resnet18:torchvision_v1", "preprocessing": Preprocessing(image_size=8)}, FACTS),
        ({"model": "resnet18,stem=imagenet", "preprocessing": Preprocessing(image_size=8)}, FACTS),
        ({"model": "resnet14,features_only=true"}, FACTS),
        ({"model": "resnet14"}, squares(32, num_sampled=0, median_side=0, low_side=0, same_size=False)),
        ({"model": "resnet14"}, squares(32, class_counts=(0, 0, 0), num_val=0)),
        ({"model": "resnet14"}, squares(32, class_counts=(), class_names=())),
    ],
)
def test_what_cannot_be_trained_is_left_to_the_requirements(said: Any, facts: DataFacts) -> None:
    settings, _ = choose(TrainingSettings(**said), facts, LAPTOP)
    assert settings.epochs


def test_models_that_there_are_not() -> None:
    with pytest.raises(UnknownNameError):
        choose(TrainingSettings(model="resnet5O"), FACTS, LAPTOP)
    with pytest.raises(ConfigError, match=r"stm is unknown, did you mean stem\?"):
        choose(TrainingSettings(model="resnet18,stm=small"), FACTS, LAPTOP)
