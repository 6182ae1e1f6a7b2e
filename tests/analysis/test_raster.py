"""Drawings as PNG files, where resvg_py is installed and the machine has a font."""

from __future__ import annotations

import io
import logging
import sys
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

import resnets
from resnets.analysis.raster import to_png
from resnets.errors import MissingDependencyError, UnsupportedError

DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20">
<style>:root { --paper: #fff; --ink: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --paper: #000; --ink: #5aaee8; } }
.dot { fill: var(--ink); }</style>
<rect width="100%" height="100%" style="fill: var(--paper)"/><circle class="dot" cx="10" cy="10" r="8"/>
<text x="25" y="15">var(--x)</text></svg>"""


def drawn(svg: str, *, scale: float = 2.0) -> Image.Image:
    pytest.importorskip("resvg_py")
    try:
        return Image.open(io.BytesIO(to_png(svg, scale=scale))).convert("RGB")
    except UnsupportedError as error:
        pytest.skip(str(error))


def test_in_the_colours_of_a_light_page() -> None:
    image = drawn(DRAWING, scale=3.0)
    assert image.size == (180, 60)
    assert image.getpixel((30, 30)) == (0x00, 0x72, 0xB2)
    assert image.getpixel((179, 59)) == (255, 255, 255)


def test_words_are_drawn() -> None:
    words = drawn(DRAWING).crop((48, 0, 120, 40)).convert("L")
    assert words.getextrema() == (0, 255)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingDependencyError) as caught:
        to_png(DRAWING)
    assert str(caught.value) == "drawing PNG files needs resvg_py: pip install 'resnets[plots]'"


def test_without_a_font(monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("resvg_py")
    without = partial(library.svg_to_bytes, skip_system_fonts=True)
    monkeypatch.setattr(library, "svg_to_bytes", without)
    with pytest.raises(UnsupportedError) as caught:
        to_png(DRAWING)
    assert str(caught.value) == "drawing PNG files needs a font, and this machine has none"


def test_a_comparison_has_its_chart_as_pixels(tmp_path: Path) -> None:
    comparison = resnets.compare([])
    chart = drawn(comparison.to_svg())
    comparison.save(tmp_path)
    saved = Image.open(tmp_path / "chart.png")
    assert saved.convert("RGB").tobytes() == chart.tobytes()
    assert saved.width > 1500
    assert len(chart.getcolors(2**20) or ()) > 100  # all colours of the legend, and their mixtures


def test_a_comparison_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    (tmp_path / "chart.png").write_bytes(b"of an older comparison")
    with caplog.at_level(logging.WARNING, "resnets"):
        resnets.compare([]).save(tmp_path)
    assert caplog.messages == [
        "chart.png is left out: drawing PNG files needs resvg_py: pip install 'resnets[plots]'"
    ]
    assert not (tmp_path / "chart.png").exists()
    assert (tmp_path / "chart.svg").is_file()
