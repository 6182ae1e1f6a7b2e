"""The verbs as commands; each calls the function of its name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from resnets import __version__, console
from resnets.errors import ResNetsError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from resnets.analysis.description import Description
    from resnets.registry import Architecture

app = typer.Typer(
    name="resnets",
    help="Residual networks for image recognition.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: resnets list  |  resnets describe resnet50",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"resnets {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; works anywhere.")
    ] = False,
) -> None:
    pass


def _complete_model(start: str) -> list[str]:
    from resnets.architectures.creation import list_models

    return [name for name in list_models() if name.startswith(start)]


@app.command("list", epilog="Next: resnets describe NAME")
def list_command(
    pattern: Annotated[
        str, typer.Argument(help="With wildcards: 'resnext*'.", show_default=False)
    ] = "*",
    family: Annotated[str | None, typer.Option(help="Only this family: resnet_v2.")] = None,
    sort: Annotated[
        Literal["family", "name", "parameters", "cost"],
        typer.Option(help="Cost is multiply-adds for one image of the paper's size."),
    ] = "family",
    json: Json = False,
) -> None:
    r"""List the architectures with their size, cost and paper.

    \b
    resnets list
    resnets list 'seresn*' --sort cost
    resnets list --family resnet_v2 --json
    """
    from resnets.architectures.creation import list_models, select_architectures
    from resnets.errors import UnknownNameError
    from resnets.registry import registered_name_rules

    rows = select_architectures(pattern, family=family)
    if not rows:
        raise UnknownNameError("architecture", pattern, known=list_models(), hint="resnets list")
    keys = {
        "family": lambda _: 0,
        "name": lambda row: row.name,
        "parameters": lambda row: row.parameters or 0,
        "cost": lambda row: row.multiply_adds or 0,
    }
    rows.sort(key=keys[sort])
    forms = [rule.form for rule in registered_name_rules()]
    if json:
        console.print_json({"architectures": [_row_document(row) for row in rows], "name_forms": forms})
        return
    columns: list[tuple[str, Literal["left", "right"]]] = [
        ("name", "left"),
        ("family", "left"),
        ("parameters", "right"),
        ("multiply-adds", "right"),
        ("input", "right"),
        ("paper", "left"),
        ("defined by", "left"),
    ]
    console.print_blocks(
        [
            console.table(columns, [_row_texts(row) for row in rows]),
            f"\n{len(rows)} architectures. Multiply-adds: for one image of the input size.",
            f"Any depth or width: {'  '.join(forms)}",
        ]
    )


def _row_document(row: Architecture) -> dict[str, object]:
    return {
        "name": row.name,
        "family": row.family.name,
        "parameters": row.parameters,
        "multiply_adds": row.multiply_adds,
        "image_size": row.image_size,
        "paper": str(row.published_in),
        "source": row.source,
    }


def _row_texts(row: Architecture) -> list[str]:
    from resnets.quantities import count

    return [
        row.name,
        row.family.name,
        count(row.parameters) if row.parameters else "-",
        count(row.multiply_adds) if row.multiply_adds else "-",
        str(row.image_size),
        str(row.published_in),
        row.source,
    ]


@app.command("describe", epilog="Next: resnets describe vgg19 plain34 resnet34 --draw nets.svg")
def describe_command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="NAME[,OPTION=VALUE...], such as resnet34,shortcut=A.",
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

    parsed = [parse_model(model) for model in models]
    for name, options in parsed:
        resolve(name, options)  # a typing error is told before torch is loaded

    from resnets.analysis.description import describe
    from resnets.analysis.drawing import draw as draw_file

    descriptions = [
        describe(name, image_size=image_size, batch_size=batch_size, **options)
        for name, options in parsed
    ]
    if json:
        console.print_json({"networks": [item.to_dict() for item in descriptions]})
    else:
        for item in descriptions:
            _print_description(item, per_unit=units)
    if draw is not None:
        console.say(f"wrote {draw_file(descriptions, draw)}")
    if draw_unit is not None:
        console.say(f"wrote {draw_file(descriptions, draw_unit, subject='unit')}")


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; no traceback ever reaches the user by itself.

    Args:
        arguments: of the command line, without the program's name.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in words
    try:
        code = app(
            args=[word for word in words if word != "--debug"],
            prog_name="resnets",
            standalone_mode=False,
        )
    except ResNetsError as error:
        console.report(error, debug=debug)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if is_usage_error := hasattr(error, "format_message"):
            _report_usage(error)
        else:
            console.report_bug(error, debug=debug)
        return 2 if is_usage_error else 1
    return code if isinstance(code, int) else 0


def _report_usage(error: Exception) -> None:
    """Tell what the parser of the command line refused."""
    words = error.format_message().replace("Value error, ", "")  # type: ignore[attr-defined]
    console.say(f"resnets: error: {words}")
    if context := getattr(error, "ctx", None):
        console.say(f"Help: {context.command_path} --help")
