"""What several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def add_command(app: typer.Typer, name: str, command: Callable[..., Any], *, epilog: str) -> None:
    r"""Make a function a command.

    Args:
        app: to add it to.
        name: of the command.
        command: its docstring is the help; a line of \b keeps the lines after it as they are.
        epilog: what to do next.
    """
    words = inspect.cleandoc(command.__doc__ or "").replace("\\b", "\b")
    app.command(name, help=words, epilog=epilog)(command)
