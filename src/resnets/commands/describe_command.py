"""`resnets describe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from resnets import console
from resnets.commands.options import Json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from resnets.analysis.description import Description
    from resnets.weights.model_info import ModelInfo


def _complete_model(start: str) -> list[str]:
    from resnets.architectures.creation import list_models

    return [name for name in list_models() if name.startswith(start)]


def describe_command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="NAME[,OPTION=VALUE...], such as resnet34,shortcut=A, or a model file.",
            autocompletion=_complete_model,
        ),
    ],
    image_size: Annotated[
        int | None,
        typer.Option(min=1, help="Height and width of the images, in pixels. [paper's]"),
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
    r"""Describe networks: the unit and its slots, and what every stage costs.

    \b
    resnets describe resnet50
    resnets describe resnet18,shortcut=C --image-size 64 --units
    resnets describe plain34 resnet34 resnetv2_50 --draw-unit units.svg
    """
    from resnets.architectures.creation import resolve
    from resnets.architectures.notation import parse_model

    size = {} if image_size is None else {"image_size": image_size}
    infos = {model: _read_info(model) for model in models if _is_file(model)}
    parsed = [
        (infos[model].architecture, infos[model].options) if model in infos else parse_model(model)
        for model in models
    ]
    for name, options in parsed:
        resolve(name, options)  # a typing error is told before torch is loaded

    from resnets.analysis.description import describe
    from resnets.analysis.drawing import draw as draw_file

    descriptions = [
        describe(name, batch_size=batch_size, **{**options, **size}) for name, options in parsed
    ]
    if json:
        documents = [item.to_dict() for item in descriptions]
        for model, document in zip(models, documents, strict=True):
            if model in infos:
                document["file"] = infos[model].model_dump(mode="json")
        console.print_json({"networks": documents})
    else:
        for model, item in zip(models, descriptions, strict=True):
            if model in infos:
                _print_info(model, infos[model])
            _print_description(item, per_unit=units)
    if draw is not None:
        console.say(f"wrote {draw_file(descriptions, draw)}")
    if draw_unit is not None:
        console.say(f"wrote {draw_file(descriptions, draw_unit, subject='unit')}")


def _is_file(model: str) -> bool:
    return model.endswith(".safetensors") or Path(model).exists()


def _read_info(model: str) -> ModelInfo:
    from resnets.weights.loading import model_path
    from resnets.weights.model_file import read_info

    return read_info(model_path(model))


def _print_info(model: str, info: ModelInfo) -> None:
    from resnets.errors import printable
    from resnets.weights.info_text import info_lines

    console.print_blocks([printable(model), *info_lines(info), ""])


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
