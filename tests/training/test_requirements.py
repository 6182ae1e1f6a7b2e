from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.situations import GPU, LAPTOP, photos, squares

from resnets.data.augmentation.settings import Augmentation, PadCrop
from resnets.data.dataset import Dataset, Split
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ConfigError, DataError
from resnets.recipes.settings import (
    EarlyStopping,
    FineTuning,
    Growth,
    Schedule,
    StochasticDepth,
    TrainingSettings,
)
from resnets.training.requirements import check_requirements

FACTS = squares(32)
DATASET = Dataset(
    "pets",
    "arrays",
    Path("pets"),
    FACTS.class_names,
    {"train": Split("train", [], np.zeros(0, np.int64))},
)
BASE: dict[str, Any] = {
    "model": "resnet14",
    "epochs": 4,
    "batch_size": 32,
    "preprocessing": Preprocessing(image_size=32),
}


def problems(facts: Any = FACTS, **fields: Any) -> str:
    with pytest.raises((ConfigError, DataError)) as error:
        check_requirements(TrainingSettings(**(BASE | fields)), DATASET, facts, LAPTOP)
    return str(error.value)


def test_what_can_be_trained_passes() -> None:
    check_requirements(TrainingSettings(**BASE), DATASET, FACTS, LAPTOP)
    check_requirements(TrainingSettings(**BASE, precision="fp16"), DATASET, FACTS, GPU)
    weights = BASE | {"model": "resnet18:torchvision_v1", "fine_tuning": FineTuning()}
    check_requirements(TrainingSettings(**weights), DATASET, FACTS, LAPTOP)
    few = photos(class_counts=(1, 1, 1))
    check_requirements(TrainingSettings(**BASE), DATASET, few, LAPTOP)  # a batch is then smaller


def test_data_that_nothing_can_be_learned_from() -> None:
    with pytest.raises(DataError) as error:
        check_requirements(TrainingSettings(**BASE), DATASET, photos(class_counts=(0, 0, 0)), LAPTOP)
    assert str(error.value) == "1 problem in pets: there are no training images with a class"
    assert problems(photos(class_names=("cat",), class_counts=(9,))) == (
        "1 problem in pets: there is only one class, 'cat'; a classifier needs two"
    )
    assert problems(photos(class_counts=(4, 0, 0))) == (
        "1 problem in pets: there are classes without training images: 'cat', 'dog'; add some, or "
        "remove them"
    )
    assert problems(photos(num_sampled=0, median_side=0)) == (
        "1 problem in pets: none of 3,000 training images can be read; see why with resnets data check pets"
    )


def test_all_problems_are_told_at_once() -> None:
    assert problems(photos(class_counts=(4, 0, 1)), schedule=Schedule(warmup_epochs=9.0)) == (
        "2 problems in pets: there are classes without training images: 'cat'; add some, or remove "
        "them; schedule.warmup_epochs must be less than the 4 epochs of the run, got 9"
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"model": "resnet14,num_classes=5"},
            "the model says num_classes=5, and the data has 3 classes: leave num_classes out",
        ),
        (
            {"model": "resnet14,in_channels=1"},
            "the model says in_channels=1, and images are given to it as RGB (preprocessing.channels): "
            "leave in_channels out",
        ),
        (
            {"model": "resnet14,features_only=true"},
            "the model has no classifier, which is what a training needs: leave the option out",
        ),
        (
            {"fine_tuning": FineTuning()},
            "fine_tuning needs given weights, and resnet14 has none: leave it out, or choose a model "
            "file or published weights (resnets list 'resnet14' --weights)",
        ),
        (
            {"model": "resnet18,stem=imagenet", "preprocessing": Preprocessing(image_size=16)},
            "image_size must be at least 32, the stride of the last map; got 16",
        ),
        (
            {"model": "resnet18:torchvision_v1", "preprocessing": Preprocessing(image_size=16)},
            "preprocessing.image_size must be at least 32, the stride of the network; got 16",
        ),
        (
            {"model": "resnet18,stem=imagenet", "train_image_size": 24},
            "train_image_size must be at least 32, the stride of the network; got 24",
        ),
        (
            {"batch_size": 4, "accumulation": 4},
            "batch_size 4 in 4 parts (accumulation) leaves one image at once, and batch norms need two: "
            "choose a larger batch_size or fewer parts",
        ),
        (
            {"augmentation": Augmentation(pad_crop=PadCrop(pad=32, padding="reflect"))},
            "augmentation.pad_crop.pad must be less than image_size 32 to reflect; got 32",
        ),
        (
            {"model": "resnet18:torchvision_v1", "fine_tuning": FineTuning(head_epochs=5)},
            "fine_tuning.head_epochs must be at most epochs, 4; got 5",
        ),
        (
            {"progressive_depth": (Growth(epoch=0, every=2), Growth(epoch=4, every=1))},
            "progressive_depth must start its depths before epoch 4; got 4",
        ),
        (
            {"precision": "fp16"},
            "precision 'fp16' needs a GPU: a processor takes 'bf16' or 'float32'",
        ),
        (
            {"model": "plain14", "stochastic_depth": StochasticDepth()},
            "the depth of this network cannot vary: stages.0.units.0 has no shortcut to fall back on",
        ),
        (
            {"freeze": ("stm",)},
            "'stm' is no part of this network, did you mean 'stem'?",
        ),
    ],
)
def test_settings_that_do_not_fit(fields: dict[str, Any], sentence: str) -> None:
    assert problems(**fields) == f"1 problem in the settings of the training: {sentence}"


def test_what_needs_validation() -> None:
    none = squares(32, num_val=0)
    said = problems(none, select="best", early_stopping=EarlyStopping())
    needs = (
        "needs images of validation, and there are none: give val_share a share of the training images"
    )
    assert said == (
        f"2 problems in the settings of the training: select = 'best' {needs}, or leave it out; "
        f"early_stopping {needs}, or leave it out"
    )
