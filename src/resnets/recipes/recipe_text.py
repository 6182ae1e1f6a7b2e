"""A recipe in words, rows and TOML, as the command prints it."""

from __future__ import annotations

import textwrap
from typing import Any

import tomli_w

from resnets.recipes.catalog import Expected, Recipe

_WIDTH = 100
_COLUMN = 10


def recipe_lines(recipe: Recipe) -> list[str]:
    """Say what a recipe is, one paragraph for each section of its docstring."""
    lines = [f"{recipe.name}  | {recipe.origin}  | {recipe.data}  | {recipe.model}", recipe.summary, ""]
    facts = {title.lower(): text for title, text in recipe.documentation.items()}
    facts["doubtful"] = ""
    if recipe.unverified:
        facts["doubtful"] = f"not stated by the source, or recalled: {', '.join(recipe.unverified)}"
    for title, text in facts.items():
        if text:
            lines += textwrap.wrap(
                text,
                _WIDTH,
                initial_indent=title.ljust(_COLUMN),
                subsequent_indent=" " * _COLUMN,
                break_on_hyphens=False,
            )
    return [*lines, ""]


def expected_row(expected: Expected) -> list[str]:
    """One row of the table of errors: model, data, top-1, top-5, how, source."""
    source = expected.source if expected.verified else f"{expected.source} (recalled)"
    top5 = "-" if expected.top5 is None else f"{expected.top5:g}"
    return [expected.model, expected.data, f"{expected.top1:g}", top5, expected.how, source]


def settings_text(recipe: Recipe) -> str:
    """What a recipe sets, as TOML; what it leaves out has its default or is chosen."""
    written = recipe.settings().model_dump(mode="json", exclude_none=True, exclude_unset=True)
    return tomli_w.dumps(written).strip()


def recipe_document(recipe: Recipe) -> dict[str, Any]:
    """Everything about a recipe, for JSON."""
    return {
        **recipe.model_dump(mode="json"),
        "summary": recipe.summary,
        "documentation": recipe.documentation,
        "settings": recipe.settings().model_dump(mode="json", exclude_none=True),
    }
