"""`resnets list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from resnets import console
from resnets.commands.options import Json

if TYPE_CHECKING:
    from resnets.registry import Architecture
    from resnets.weights.shipped import ShippedModel


def list_command(
    pattern: Annotated[
        str, typer.Argument(help="With wildcards: 'resnext*'.", show_default=False)
    ] = "*",
    family: Annotated[str | None, typer.Option(help="Only this family: resnet_v2.")] = None,
    sort: Annotated[
        Literal["family", "name", "parameters", "cost"],
        typer.Option(help="Cost is multiply-adds for one image of the paper's size."),
    ] = "family",
    weights: Annotated[
        bool, typer.Option("--weights", help="List weights instead: in the package, and published ones.")
    ] = False,
    recipes: Annotated[
        bool, typer.Option("--recipes", help="List recipes of training instead.")
    ] = False,
    json: Json = False,
) -> None:
    r"""List the architectures with their size, cost and paper, or weights, or recipes.

    \b
    resnets list
    resnets list 'resnet50*' --weights
    resnets list 'seresn*' --sort cost
    resnets list --family resnet_v2 --json
    resnets list --recipes
    """
    if recipes:
        _list_recipes(pattern, json=json)
        return
    if weights:
        _list_weights(pattern, json=json)
        return
    from resnets.architectures.creation import list_models, select_architectures
    from resnets.errors import UnknownNameError
    from resnets.registry import registered_name_rules
    from resnets.weights.shipped import shipped_models

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
    trained = [] if family else [model.name for model in shipped_models(pattern)]
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
            *([f"Trained, in the package: {'  '.join(trained)}"] if trained else []),
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


def _list_weights(pattern: str, *, json: bool) -> None:
    from resnets.errors import UnknownNameError
    from resnets.weights.catalog import published_weights
    from resnets.weights.shipped import shipped_models

    rows, shipped = published_weights(pattern), shipped_models(pattern)
    if not rows and not shipped:
        known = [model.name for model in shipped_models()] + [row.name for row in published_weights()]
        raise UnknownNameError("published weights", pattern, known=known, hint="resnets list --weights")
    if json:
        documents = [_shipped_document(model) for model in shipped]
        console.print_json(
            {"shipped": documents, "weights": [row.model_dump(mode="json") for row in rows]}
        )
        return
    columns: list[tuple[str, Literal["left", "right"]]] = [
        ("weights", "left"),
        ("top-1 %", "right"),
        ("top-5 %", "right"),
        ("images", "right"),
        ("MiB", "right"),
        ("classes", "right"),
        ("licence", "left"),
        ("publisher's name", "left"),
    ]
    texts = [_shipped_texts(model) for model in shipped]
    for row in rows:
        best = row.reported[0] if row.reported else None
        texts.append(
            [
                row.name,
                f"{best.top1:.2f}" if best else "-",
                f"{best.top5:.2f}" if best else "-",
                str(row.preprocessing.image_size),
                f"{row.file.size_mib:.0f}" if row.file.size_mib else "-",
                str(row.num_classes or "-"),
                row.licence,
                row.published_as,
            ]
        )
    console.print_blocks([console.table(columns, texts), _weights_summary(len(shipped), len(rows))])


def _weights_summary(num_shipped: int, num_published: int) -> str:
    from resnets.weights.catalog import left_out_weights

    lines = [""]
    if num_shipped:
        lines.append(f"{num_shipped} are in the package: measured here on the test set that is named.")
    if num_published:
        left_out = sum(len(item.sets) for item in left_out_weights())
        lines.append(
            f"{num_published} sets of published weights, downloaded when they are used. Accuracies on "
            f"ImageNet's validation images, as publishers report them.\n{left_out} more are published "
            "that these networks cannot express."
        )
    return "\n".join(lines)


def _shipped_texts(model: ShippedModel) -> list[str]:
    info = model.info
    top1, top5 = model.metric("top1"), model.metric("top5")
    return [
        model.name,
        f"{100 * top1.value:.2f}" if top1 else "-",
        f"{100 * top5.value:.2f}" if top5 else "-",
        str(info.preprocessing.image_size),
        f"{model.num_bytes / 2**20:.1f}",
        str(len(info.class_names)),
        info.licence.weights if info.licence else "not stated",
        f"in the package, on {top1.data}" if top1 else "in the package",
    ]


def _shipped_document(model: ShippedModel) -> dict[str, object]:
    info = model.info
    return {
        "name": model.name,
        "file": str(model.file),
        "num_bytes": model.num_bytes,
        "architecture": info.architecture,
        "num_classes": len(info.class_names),
        "image_size": info.preprocessing.image_size,
        "metrics": [metric.model_dump(mode="json") for metric in info.metrics],
        "licence": info.licence.model_dump(mode="json") if info.licence else None,
        "abstain_below": info.abstain_below,
    }


def _list_recipes(pattern: str, *, json: bool) -> None:
    from resnets.errors import UnknownNameError
    from resnets.recipes.catalog import list_recipes, select_recipes

    rows = select_recipes(pattern)
    if not rows:
        raise UnknownNameError("recipe", pattern, known=list_recipes(), hint="resnets list --recipes")
    if json:
        console.print_json({"recipes": [row.model_dump(mode="json") for row in rows]})
        return
    columns: list[tuple[str, Literal["left", "right"]]] = [
        ("recipe", "left"),
        ("for", "left"),
        ("model", "left"),
        ("top-1 error %", "right"),
        ("from", "left"),
    ]
    texts = []
    for row in rows:
        best = row.published_error
        error = f"{best.top1:g}" if best else "-"
        texts.append([row.name, row.data, row.model, error, row.origin])
    summary = (
        f"\n{len(rows)} recipes. Errors of the model, as published: they were not measured here.\n"
        "What a recipe is, costs and promises: resnets describe NAME"
    )
    console.print_blocks([console.table(columns, texts), summary])
