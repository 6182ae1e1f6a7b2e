"""A network in one word, for the command line: NAME[,OPTION=VALUE...].

`resnet34,shortcut=A` is `create_model("resnet34", shortcut="A")`. Lists are joined by '-':
`resnet18,depths=1-1-1-1`. Nothing here needs quotes in a shell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from resnets.errors import ConfigError


def parse_model(word: str) -> tuple[str, dict[str, Any]]:
    """Split a model into its name and its options.

    Args:
        word: as the user wrote it.

    Example:
        >>> parse_model("resnet34,shortcut=A,depths=1-2-2-1,zero_init_residual=true")
        ('resnet34', {'shortcut': 'A', 'depths': (1, 2, 2, 1), 'zero_init_residual': True})
    """
    name, *parts = re.split(r",(?![^()]*\))", word)  # B(3,1,3) is part of a name
    return name, parse_options(parts, source=word)


def parse_options(parts: Sequence[str], *, source: str) -> dict[str, Any]:
    """Read options.

    Args:
        parts: each OPTION=VALUE.
        source: where they came from; the error names it.

    Raises:
        ConfigError: if a part is not OPTION=VALUE, or an option is given twice.
    """
    options: dict[str, Any] = {}
    problems: list[str] = []
    for part in parts:
        key, equals, value = part.partition("=")
        if not (equals and key and value):
            problems.append(f"options are written OPTION=VALUE, got {part!r}")
        elif key in options:
            problems.append(f"{key} is given twice")
        else:
            options[key] = _value(value)
    if problems:
        raise ConfigError(source, problems)
    return options


def format_options(options: Mapping[str, Any]) -> str:
    """Write options as `parse_model` reads them; what is None or empty is left out.

    Example:
        >>> format_options({"depths": (3, 4), "stem": None, "include_top": True})
        'depths=3-4,include_top=true'
    """
    return ",".join(
        f"{key}={_word(value)}" for key, value in options.items() if value not in (None, (), [])
    )


def _value(text: str) -> bool | int | float | str | tuple[int, ...]:
    if text in ("true", "false"):
        return text == "true"
    try:
        if "-" in text and re.fullmatch(r"[0-9]+(-[0-9]+)*-?", text):
            return tuple(int(number) for number in text.split("-") if number)
        return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else float(text)
    except ValueError:  # a word, or a number of thousands of digits
        return text


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "-".join(map(str, value)) + ("-" if len(value) == 1 else "")
    return str(value)
