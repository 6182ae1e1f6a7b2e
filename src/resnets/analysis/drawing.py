"""`draw`: networks, or their units, as one SVG file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from torch import nn

from resnets.analysis.description import Description, describe
from resnets.analysis.network_drawing import draw_networks
from resnets.analysis.unit_drawing import draw_units
from resnets.errors import ConfigError
from resnets.files import write_text

Subject = Literal["network", "unit"]


def draw(
    models: Sequence[str | nn.Module | Description],
    path: str | Path,
    *,
    subject: Subject = "network",
    image_size: int | None = None,
) -> Path:
    """Draw networks side by side.

    Args:
        models: names of architectures, networks, or what `describe` made of them.
        path: of the file to write, ending in .svg; a file of that name is replaced.
        subject: 'network' for every layer and shortcut, 'unit' for the slots of one unit of each (of
            a single network: one unit of each form).
        image_size: height and width of the images, in pixels; None for the paper's.

    Returns:
        The path.

    Raises:
        ConfigError: if the path does not end in .svg, or there is nothing to draw.
        UnsupportedError: if a unit is asked for and a network has none.
        OutputError: if the file cannot be written.
    """
    if Path(path).suffix.lower() != ".svg":
        raise ConfigError("the drawing", [f"drawings are SVG files; name it *.svg, got {str(path)!r}"])
    if not models:
        raise ConfigError("the drawing", ["models must name at least one network"])
    descriptions = [
        model if isinstance(model, Description) else describe(model, image_size=image_size)
        for model in models
    ]
    picture = draw_networks(descriptions) if subject == "network" else draw_units(descriptions)
    return write_text(path, picture)
