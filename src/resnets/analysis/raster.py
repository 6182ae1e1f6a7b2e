"""SVG drawings as PNG files, for programs that show no SVG: the extra `plots`."""

from __future__ import annotations

import io
import re

from PIL import Image

from resnets.errors import MissingDependencyError, UnsupportedError

_VARIABLE = re.compile(r"(--[\w-]+): ([^;]+);")
_PROBE = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><text y="15">a</text></svg>'


def to_png(svg: str, *, scale: float = 2.0) -> bytes:
    """Draw an SVG file of ours as pixels, in the colours for a light page.

    Args:
        svg: the file's text.
        scale: pixels for each unit of the drawing.

    Raises:
        MissingDependencyError: if resvg_py is not installed.
        UnsupportedError: if this machine has no font, and all words would be missing.
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise MissingDependencyError("drawing PNG files", "resvg_py", extra="plots") from None
    if Image.open(io.BytesIO(svg_to_bytes(svg_string=_PROBE))).getbbox() is None:
        raise UnsupportedError("drawing PNG files needs a font, and this machine has none")
    drawn: bytes = svg_to_bytes(svg_string=_with_plain_colours(svg), zoom=scale)
    return drawn


def _with_plain_colours(svg: str) -> str:
    """Put the values of CSS variables, which resvg does not know, in their places."""
    for_light = svg.partition("<style>")[2].partition("@media")[0]
    values = dict(_VARIABLE.findall(for_light))
    return re.sub(r"var\((--[\w-]+)\)", lambda found: values.get(found[1], found[0]), svg)
