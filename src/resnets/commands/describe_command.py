"""`resnets describe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resnets import console
from resnets.commands.options import Json
from resnets.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from resnets.analysis.description import Description
    from resnets.recipes.catalog import Recipe
    from resnets.weights.catalog import PublishedWeights
    from resnets.weights.model_info import ModelInfo


def _complete_model(start: str) -> list[str]:
    from resnets.architectures.creation import list_models
    from resnets.recipes.catalog import list_recipes
    from resnets.weights.shipped import shipped_models

    shipped = [model.name for model in shipped_models()]
    return [name for name in (*list_models(), *shipped, *list_recipes()) if name.startswith(start)]


def describe_command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="NAME[,OPTION=VALUE...], such as resnet34,shortcut=A; a model file or weights in the "
            "package, such as resnet20:cifar10; or a recipe.",
            autocompletion=_complete_model,
        ),
    ],
    image_size: Annotated[
        int | None,
        typer.Option(min=1, help="Height and width of the images, in pixels. [the weights', paper's]"),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Images per training step, for the memory.")
    ] = 1,
    units: Annotated[bool, typer.Option("--units", help="One row per unit.")] = False,
    draw: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw the layers side by side.")
    ] = None,
    draw_unit: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw a unit with its slots.")
    ] = None,
    json: Json = False,
) -> None:
    r"""Describe networks: the unit and its slots, and what every stage costs. Or recipes of training.

    \b
    resnets describe resnet50
    resnets describe resnet18,shortcut=C --image-size 64 --units
    resnets describe plain34 resnet34 resnetv2_50 --draw-unit units.svg
    resnets describe resnet_cifar
    """
    from resnets.recipes.catalog import find_recipe, is_recipe

    recipes = [find_recipe(word) for word in models if is_recipe(word) and not _is_file(word)]
    networks = [word for word in models if not is_recipe(word) or _is_file(word)]
    if recipes and not networks and (draw or draw_unit):
        first = recipes[0]
        raise ConfigError(
            "the drawing",
            [f"{first.name} is a recipe; draw its network: resnets describe {first.model}"],
        )
    size = {} if image_size is None else {"image_size": image_size}
    infos = {model: _read_info(model) for model in networks if _is_file(model)}
    descriptions = _describe(networks, infos, batch_size=batch_size, **size)
    if json:
        _print_documents(networks, infos, descriptions, recipes)
    else:
        for recipe in recipes:
            _print_recipe(recipe)
        for model, item in zip(networks, descriptions, strict=True):
            if model in infos:
                _print_info(model, infos[model])
            _print_description(item, per_unit=units)
    if draw is not None:
        _draw(descriptions, draw, "network")
    if draw_unit is not None:
        _draw(descriptions, draw_unit, "unit")


def _draw(descriptions: list[Description], file: Path, subject: Literal["network", "unit"]) -> None:
    from resnets.analysis.drawing import draw

    console.say(f"wrote {draw(descriptions, file, subject=subject)}")


def _describe(
    models: list[str], infos: dict[str, ModelInfo], *, batch_size: int, **size: int
) -> list[Description]:
    """Describe the networks; a typing error in any name is told before torch is loaded."""
    from resnets.architectures.creation import resolve
    from resnets.architectures.notation import parse_model

    parsed = [
        _as_shown(infos[model] if model in infos else _published(model))
        if model in infos or ":" in model
        else parse_model(model)
        for model in models
    ]
    for name, options in parsed:
        resolve(name, options)
    if not parsed:
        return []
    from resnets.analysis.description import describe

    return [describe(name, batch_size=batch_size, **{**options, **size}) for name, options in parsed]


def _published(model: str) -> PublishedWeights:
    """The row of published weights, which are not downloaded for it."""
    from resnets.weights.catalog import find_weights

    return find_weights(model)


def _as_shown(weights: ModelInfo | PublishedWeights) -> tuple[str, dict[str, Any]]:
    """The network of given weights, and the size of the images that it is shown."""
    return weights.architecture, {
        **weights.options,
        "image_size": weights.preprocessing.image_size,
    }


def _print_documents(
    models: list[str],
    infos: dict[str, ModelInfo],
    descriptions: list[Description],
    recipes: list[Recipe],
) -> None:
    from resnets.recipes.recipe_text import recipe_document

    documents = [item.to_dict() for item in descriptions]
    for model, document in zip(models, documents, strict=True):
        if model in infos:
            document["file"] = infos[model].model_dump(mode="json")
    found: dict[str, object] = {"networks": documents}
    if recipes:
        found["recipes"] = [recipe_document(recipe) for recipe in recipes]
    console.print_json(found)


def _is_file(model: str) -> bool:
    from resnets.weights.shipped import find_shipped

    return (
        model.endswith((".safetensors", ".onnx"))
        or Path(model).exists()
        or find_shipped(model) is not None
    )


def _read_info(model: str) -> ModelInfo:
    from resnets.weights.loading import model_path
    from resnets.weights.model_header import read_info

    return read_info(model_path(model))


def _print_info(model: str, info: ModelInfo) -> None:
    from resnets.errors import printable
    from resnets.weights.info_text import info_lines

    console.print_blocks([printable(model), *info_lines(info), *_proof_lines(model), ""])


def _proof_lines(model: str) -> list[str]:
    from resnets.errors import printable
    from resnets.weights.exported_file import SUFFIX, open_exported

    if not model.endswith(SUFFIX):
        return []
    return [f"exported   {printable(open_exported(model).proof.words)}"]


def _print_recipe(recipe: Recipe) -> None:
    from resnets.recipes.recipe_text import expected_row, recipe_lines, settings_text

    columns: list[tuple[str, Literal["left", "right"]]] = [
        ("model", "left"),
        ("data", "left"),
        ("top-1 error %", "right"),
        ("top-5", "right"),
        ("how", "left"),
        ("source", "left"),
    ]
    blocks: list[RenderableType] = [*recipe_lines(recipe)]
    if recipe.expected:
        blocks += [console.table(columns, [expected_row(row) for row in recipe.expected]), ""]
    blocks += ["# What it sets; the rest is the default, or chosen from data and machine."]
    console.print_blocks([*blocks, settings_text(recipe), ""])


def _print_description(description: Description, *, per_unit: bool) -> None:
    from resnets.analysis.description_text import cost_row, heading, options_line

    columns: list[tuple[str, Literal["left", "right"]]] = [
        ("part", "left"),
        ("units", "right"),
        ("output C×H×W", "right"),
        ("parameters", "right"),
        ("multiply-adds", "right"),
        ("FLOPs", "right"),
        (f"activations, batch {description.batch_size}", "right"),
    ]
    rows = description.parts if per_unit else description.stages
    blocks: list[RenderableType] = [
        *heading(description),
        console.table(columns, [cost_row(row) for row in rows]),
        "",
    ]
    if description.options:
        blocks += [options_line(description), ""]
    console.print_blocks(blocks)
