"""`resnets list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from resnets import console
from resnets.commands.options import Json

if TYPE_CHECKING:
    from resnets.registry import Architecture


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
