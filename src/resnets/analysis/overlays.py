"""Maps as pictures: the image, and beside it each map in colours over the image in grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from resnets.analysis.enlarging import Map
from resnets.analysis.heat_colours import heat_colours
from resnets.analysis.seen_window import SeenWindow

_PANEL = 448  # pixels; longer side of each picture
_GAP = 12
_CAPTION = 26
_FONT_SIZE = 16
_KEY_WIDTH = 184
_BACKGROUND, _INK, _UNSEEN = (255, 255, 255), (32, 32, 32), 205
_FAINTEST, _STRONGEST = 0.10, 0.80  # how much of a colour covers the grey, at 0 and at 1
_VEIL = 0.75  # of the light grey over what the network did not see


@dataclass(frozen=True, eq=False)
class Panel:
    """One map to show.

    Attributes:
        caption: under it.
        values: (h, w) from 0 to 1, for the square that the network saw.
    """

    caption: str
    values: Map


def draw_overlay(
    image: Image.Image, panels: Sequence[Panel], seen: SeenWindow, caption: str
) -> Image.Image:
    """Draw the image, and each map over it in grey, side by side.

    Args:
        image: upright, RGB.
        panels: from left to right.
        seen: what the network saw of the image.
        caption: of the image itself.
    """
    size = _panel_size(seen.width, seen.height)
    shown = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    pictures = [shown, *(draw_over_grey(shown, panel.values, seen) for panel in panels)]
    captions = [caption, *(panel.caption for panel in panels)]
    width, height = size
    step = max(width, _PANEL // 2) + _GAP
    sheet = Image.new("RGB", (_GAP + step * len(pictures), height + _GAP + _CAPTION), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT_SIZE)
    for number, (picture, words) in enumerate(zip(pictures, captions, strict=True)):
        left = _GAP + number * step
        sheet.paste(picture, (left, _GAP))
        fitting = _shorten(words, step - _GAP, font)
        draw.text((left, height + _GAP + 5), fitting, fill=_INK, font=font)
        if number == len(panels) and font.getlength(fitting) + _KEY_WIDTH < width:
            _draw_key(sheet, left + width - _KEY_WIDTH, height + _GAP + 5, font)
    return sheet


def _panel_size(width: int, height: int) -> tuple[int, int]:
    longer = max(width, height)
    return max(1, round(_PANEL * width / longer)), max(1, round(_PANEL * height / longer))


def draw_over_grey(image: Image.Image, values: Map, seen: SeenWindow) -> Image.Image:
    """Lay a map over an image in grey: the stronger, the more of its colour; outside, light grey.

    Args:
        image: upright, RGB.
        values: (h, w) from 0 to 1, for the square that the network saw.
        seen: what that is of the image.
    """
    grey = np.repeat(np.asarray(image.convert("L"), np.float32)[..., None], 3, axis=2)
    heat = seen.lay_back(values, image.size)
    cover = (_FAINTEST + (_STRONGEST - _FAINTEST) * heat)[..., None]
    covered = grey * (1 - cover) + heat_colours(heat) * cover
    picture: NDArray[np.float32] = grey * (1 - _VEIL) + _UNSEEN * _VEIL
    left, top, right, bottom = seen.inside(image.size)
    picture[top:bottom, left:right] = covered[top:bottom, left:right]
    return Image.fromarray(np.round(picture).clip(0, 255).astype(np.uint8))


def _draw_key(
    sheet: Image.Image, left: int, top: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> None:
    """Say which colour is little and which is much."""
    draw = ImageDraw.Draw(sheet)
    draw.text((left, top), "less", fill=_INK, font=font)
    bar_left, bar_right = left + 38, left + _KEY_WIDTH - 46
    colours = heat_colours(np.linspace(0, 1, bar_right - bar_left, dtype=np.float32))
    bar = np.repeat(colours.round().astype(np.uint8)[None], _FONT_SIZE - 4, axis=0)
    sheet.paste(Image.fromarray(bar), (bar_left, top + 4))
    draw.text((bar_right + 6, top), "more", fill=_INK, font=font)


def _shorten(words: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Cut words off where they do not fit."""
    if font.getlength(words) <= width:
        return words
    while words and font.getlength(words + "…") > width:
        words = words[:-1]
    return words + "…"
