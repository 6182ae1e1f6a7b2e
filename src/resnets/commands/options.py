"""What several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from resnets.errors import ConfigError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
MaxPixels = Annotated[
    int | None, typer.Option(min=64, help="Largest image, width times height. [50 million]")
]
FloatRange = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Values that are black and white in 32-bit images."),
]


def decoding_options(max_pixels: int | None, float_range: str | None) -> dict[str, Any]:
    """Fields of `DecodePolicy` that the command line gives.

    Args:
        max_pixels: of `MaxPixels`.
        float_range: of `FloatRange`.

    Raises:
        ConfigError: if the range is no two numbers.
    """
    decoding: dict[str, Any] = {}
    if max_pixels is not None:
        decoding["max_pixels"] = max_pixels
    if float_range is not None:
        try:
            low, high = map(float, float_range.split(","))
        except ValueError:
            raise ConfigError(
                "the options", [f"--float-range needs two numbers such as 0,1, got {float_range!r}"]
            ) from None
        decoding["float_range"] = [low, high]
    return decoding


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
