"""The options that say how a network is trained, and the settings that they come to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resnets.errors import ConfigError, printable

if TYPE_CHECKING:
    from resnets.recipes.settings import TrainingSettings

Model = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="NAME[,OPTION=VALUE...] from scratch; published weights or a model file to fine-tune. "
        "[by the images]",
    ),
]
Recipe = Annotated[
    str | None, typer.Option(metavar="NAME", help="Settings of a paper: resnets list --recipes")
]
Config = Annotated[
    Path | None, typer.Option(help="Settings in a TOML file; with --recipe, on top of those.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as optimizer.weight_decay=0."),
]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1. [a GPU if there is one]")]


def chosen_settings(
    *,
    data: str | None,
    model: str | None,
    recipe: str | None,
    config: Path | None,
    overrides: list[str] | None,
    options: Mapping[str, Any],
) -> TrainingSettings:
    """Put a file on top of a recipe, and the command line on top of both.

    Args:
        data: of the command line.
        model: likewise; it is in the result, with what a recipe adds to it.
        recipe: name of one.
        config: path of a file with settings.
        overrides: words of --set.
        options: values of other options by dotted key; None where nothing was said.

    Raises:
        ConfigError: with everything that is wrong with one of these.
        UnknownNameError: if there is no such recipe.
    """
    from resnets.recipes.settings import TrainingSettings
    from resnets.recipes.toml_files import merge, parse_overrides, read_settings

    if recipe is not None:
        settings = _with_recipe(recipe, config, data=data, model=model)
    else:
        settings = TrainingSettings() if config is None else read_settings(config)
        options = {**options, "model": model}
    settings = merge(settings, parse_overrides(overrides or []))
    given = {key: value for key, value in options.items() if value is not None}
    return merge(settings, given, source="the options")


def _with_recipe(
    recipe: str, config: Path | None, *, data: str | None, model: str | None
) -> TrainingSettings:
    from resnets.recipes.catalog import find_recipe
    from resnets.recipes.toml_files import by_dotted_key, merge, read_values

    found = find_recipe(recipe)
    if config is None:
        return found.settings(model=model, data=data)
    source, values = printable(str(config)), read_values(config)
    if values.get("complete"):
        raise ConfigError(
            "the options", [f"{source} is complete, and leaves nothing to a recipe: choose one"]
        )
    # The recipe itself looks at these two: what it sets depends on the network.
    said = {key: values.pop(key) for key in ("model", "data") if isinstance(values.get(key), str)}
    settings = found.settings(model=model or said.get("model"), data=data or said.get("data"))
    return merge(settings, by_dotted_key(values), source=source)
