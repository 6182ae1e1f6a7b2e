"""What a training does where the user said nothing: rules, each with its reason.

Rules look at the data, the model and the kind of machine; nothing is timed and nothing is drawn, so that
the same data on the same machine gives the same settings. A run's `config.toml` holds what was chosen,
and another machine repeats the run from that. `docs/training_choices.md` lists the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel

from resnets.recipes.settings import TrainingSettings
from resnets.training import image_rules, model_rules, recipe_rules
from resnets.training.data_facts import DataFacts
from resnets.training.machine import Machine
from resnets.training.model_facts import model_facts
from resnets.training.precision import choose_precision
from resnets.training.situation import Answer, Choice, Situation

__all__ = ["Choice", "choose"]

Rule = Callable[[Situation], Answer | None]


def choose(
    settings: TrainingSettings, facts: DataFacts, machine: Machine, *, complete: bool = False
) -> tuple[TrainingSettings, tuple[Choice, ...]]:
    """Fill in what was not said.

    Args:
        settings: the user's, or a recipe's with the user's changes.
        facts: of the data.
        machine: what the training runs on.
        complete: the settings come from a recipe or an earlier run, which left nothing out by oversight:
            only fields that are None are chosen, and optimizer, schedule, loss and average stay as they
            are. Otherwise the default recipe fills in what was not said about those too.

    Returns:
        Settings in which whatever a training needs is said, and what was chosen, in order.

    Raises:
        UnknownNameError: if there is no such model.
        ConfigError: with every option that the model cannot take.
        WeightsError: if the model is a file that is missing or not a model file.
    """
    situation = Situation(
        settings, facts, machine, model_facts(settings.model) if settings.model else None
    )
    chosen: list[Choice] = []
    for key, opening, rule in _RULES:
        if not _is_open(situation.settings, key, opening, complete=complete):
            continue
        answer = rule(situation)
        if answer is not None:
            changed = _with(situation.settings, key.split("."), answer.value)
            situation = replace(situation, settings=changed)
            chosen += answer.choices
        if situation.model is None and situation.settings.model:
            situation = replace(situation, model=model_facts(situation.settings.model))
    return situation.settings, tuple(chosen)


def _precision(situation: Situation) -> Answer:
    found = choose_precision(situation.machine)
    return Answer(found.precision, (Choice("precision", found.precision, found.reason),))


def _channels_last(situation: Situation) -> Answer:
    found = choose_precision(situation.machine)
    text = str(found.channels_last).lower()
    return Answer(found.channels_last, (Choice("channels_last", text, found.layout_reason),))


Opening = Literal["empty", "partly", "unsaid"]

_RULES: tuple[tuple[str, Opening, Rule], ...] = (
    # A rule sees what those above it chose.
    ("preprocessing", "partly", image_rules.choose_preprocessing),
    ("crop", "empty", image_rules.choose_crop),
    ("augmentation", "empty", image_rules.choose_augmentation),
    ("batch_size", "empty", model_rules.choose_batch_size),
    ("model", "empty", model_rules.choose_model),
    ("epochs", "empty", model_rules.choose_epochs),
    ("optimizer.learning_rate", "empty", recipe_rules.choose_learning_rate),
    ("optimizer.weight_decay", "unsaid", recipe_rules.choose_weight_decay),
    ("optimizer.decay", "unsaid", recipe_rules.choose_decay),
    ("schedule", "unsaid", recipe_rules.choose_schedule),
    ("loss.label_smoothing", "unsaid", recipe_rules.choose_label_smoothing),
    ("averaging", "unsaid", recipe_rules.choose_averaging),
    ("fine_tuning", "empty", recipe_rules.choose_fine_tuning),
    ("select", "empty", recipe_rules.choose_select),
    ("precision", "empty", _precision),
    ("channels_last", "empty", _channels_last),
    ("compile", "empty", recipe_rules.choose_compile),
    ("accumulation", "unsaid", recipe_rules.choose_accumulation),
)
"""What is chosen, in order: 'empty' fields are None or '', 'partly' filled ones lack some of their own
fields, 'unsaid' ones have a default that nobody asked for."""


def _is_open(settings: TrainingSettings, key: str, opening: Opening, *, complete: bool) -> bool:
    """Tell whether a field is to be chosen."""
    part: BaseModel = settings
    *path, name = key.split(".")
    said = True
    for step in path:
        said = said and step in part.model_fields_set
        part = getattr(part, step)
    value = getattr(part, name)
    if opening == "unsaid":
        return not complete and not (said and name in part.model_fields_set)
    if value is None or value == "":
        return True
    if opening == "partly":
        return not complete and 0 < len(value.model_fields_set) < len(type(value).model_fields)
    return False


def _with(settings: Any, path: list[str], value: object) -> Any:
    """Settings with another value at a place inside."""
    if len(path) > 1:
        value = _with(getattr(settings, path[0]), path[1:], value)
    return settings.model_copy(update={path[0]: value})
