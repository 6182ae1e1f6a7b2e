"""Options that a recipe adds to whatever model it is asked to train."""

from __future__ import annotations

from typing import Any

from resnets.architectures.creation import resolve
from resnets.architectures.notation import format_options, parse_model
from resnets.errors import UnknownNameError


def add_options(model: str, **options: Any) -> str:
    """Add options that the model can take and that were not given.

    Args:
        model: name with options; a model file or published weights are made already, and stay as they
            are.
        **options: of the architecture, by name.

    Example:
        >>> add_options("resnet18,stem=deep", stem="small", zero_init_residual=True, dropout=0.2)
        'resnet18,stem=deep,zero_init_residual=true'
    """
    name, given = parse_model(model)
    try:
        architecture, _ = resolve(name, given)
    except UnknownNameError:
        return model
    known = architecture.family.options.model_fields
    added = {key: value for key, value in options.items() if key in known and key not in given}
    return ",".join([model, format_options(added)]) if added else model


def num_units(model: str) -> int:
    """Count the units of a model, over all stages; 0 for a model file or published weights."""
    name, given = parse_model(model)
    try:
        _, settings = resolve(name, given)
    except UnknownNameError:
        return 0
    return sum(getattr(settings, "depths", ()))
