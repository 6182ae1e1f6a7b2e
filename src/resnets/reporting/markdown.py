"""Pieces of Markdown and of the YAML before it, with names from outside shown and not obeyed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from resnets.errors import printable

Yaml: TypeAlias = "str | int | float | Sequence[Yaml] | Mapping[str, Yaml]"

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~@$]|:(?=//)|&(?=#|\w)|(?<=www)\.)", re.IGNORECASE)
# What Markdown, GitHub's tables and links, and formulas take for their own.
_BARE = re.compile("[a-z][a-z0-9_.-]*")
_NO_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
# To YAML 1.1, which PyYAML reads.


def plain(text: str) -> str:
    r"""Write a plain text as Markdown that shows it.

    Example:
        >>> print(plain("<b>a_b|c</b> https://x.y"))
        \<b\>a\_b\|c\</b\> https\://x.y
    """
    return _SPECIAL.sub(r"\\\1", printable(text))


def fenced(text: str, language: str = "") -> str:
    """Show lines as they are.

    Args:
        text: the lines.
        language: for colours.
    """
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    lines = "\n".join(map(printable, text.strip("\n").splitlines()))
    return f"{fence}{language}\n{lines}\n{fence}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """Make a table.

    Args:
        heads: of the columns, as Markdown.
        rows: cells, as Markdown.
        numbers: columns at the end that are numbers, which stand at the right.
    """
    marks = ["---"] * (len(heads) - numbers) + ["---:"] * numbers
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, marks, *rows))


def yaml_lines(value: Mapping[str, Yaml], indent: int = 0) -> Iterator[str]:
    r"""Write plain values as YAML; whatever could be taken for something else than a text is quoted.

    Args:
        value: to write.
        indent: spaces before each line.

    Example:
        >>> print("\n".join(yaml_lines({"tags": ["no", {"a": 1.5}], "name": "x: #y"})))
        tags:
        - "no"
        - a: 1.5
        name: "x: #y"
    """
    space = " " * indent
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield f"{space}{key}:"
            yield from yaml_lines(inner, indent + 2)
        elif isinstance(inner, Sequence) and not isinstance(inner, str):
            yield f"{space}{key}:"
            yield from _items(inner, indent)
        else:
            yield f"{space}{key}: {_scalar(inner)}"


def _items(values: Sequence[Yaml], indent: int) -> Iterator[str]:
    for value in values:
        if isinstance(value, Mapping):
            first, *rest = yaml_lines(value, indent + 2)
            yield f"{' ' * indent}- {first.lstrip()}"
            yield from rest
        else:
            assert isinstance(value, str | int | float)
            yield f"{' ' * indent}- {_scalar(value)}"


def _scalar(value: str | int | float) -> str:
    if not isinstance(value, str):
        return repr(value)
    if _BARE.fullmatch(value) and value not in _NO_TEXT:
        return value
    return json.dumps(printable(value), ensure_ascii=False)  # YAML takes JSON's texts as they are
