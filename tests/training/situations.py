"""Data, machines and situations as rules meet them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from resnets.recipes.settings import TrainingSettings
from resnets.training.data_facts import DataFacts
from resnets.training.machine import Machine
from resnets.training.model_facts import model_facts
from resnets.training.situation import Situation

GIB = 2**30
LAPTOP = Machine("cpu", "a processor", 2, 16 * GIB, 12 * GIB, has_bf16=True)
GPU = Machine("cuda", "a GPU", 8, 80 * GIB, 78 * GIB, has_bf16=True)


def photos(**changes: Any) -> DataFacts:
    """3,000 photos of cats, dogs and birds, some 375 pixels high."""
    facts = DataFacts(
        name="pets",
        known_as="",
        class_names=("bird", "cat", "dog"),
        class_counts=(1000, 1000, 1000),
        num_val=600,
        num_sampled=500,
        median_side=375,
        low_side=280,
        same_size=False,
        grey_share=0.0,
    )
    return replace(facts, **changes)


def squares(side: int, **changes: Any) -> DataFacts:
    """50,000 small pictures of one size."""
    few = {"class_counts": (20_000, 20_000, 10_000), "same_size": True}
    return photos(**(few | {"median_side": side, "low_side": side} | changes))


def situation(
    settings: TrainingSettings | None = None,
    facts: DataFacts | None = None,
    machine: Machine = LAPTOP,
) -> Situation:
    """A situation in which the model is known if the settings name one."""
    settings = settings or TrainingSettings()
    model = model_facts(settings.model) if settings.model else None
    return Situation(settings, facts or photos(), machine, model)
