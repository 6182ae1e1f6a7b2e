"""Pages that need nothing else: style, pictures and script are inside; names are shown, not obeyed."""

from __future__ import annotations

import base64
import hashlib
import html
import io
from collections.abc import Iterable

from PIL import Image

from resnets.data.decoding import ImageSource, decode
from resnets.data.page_style import STYLE
from resnets.errors import ImageError, printable

THUMBNAIL = 160
"""Pixels of a thumbnail's longer side; twice what is shown, for dense screens."""


def document(title: str, parts: Iterable[str], *, style: str = "", script: str = "") -> str:
    """Make a page.

    The browser loads nothing from elsewhere and runs no other script than this one.

    Args:
        title: as plain text.
        parts: of the main column, as HTML.
        style: rules besides those that all pages share.
        script: what runs when the page is there.
    """
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{safe(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n"
        + (f"<script>{script}</script>\n" if script else "")
        + "</body>\n</html>\n"
    )


def safe(text: str) -> str:
    """Write a plain text as HTML that shows it."""
    return html.escape(printable(text))


def picture(source: ImageSource | None, *, words: str = "") -> str:
    """Make an image element of a thumbnail; '' for what cannot be decoded.

    Args:
        source: of the image.
        words: that say what it shows, for those who cannot see it; '' where the text beside it does.
    """
    try:
        image = decode(source).image.convert("RGB") if source is not None else None
    except ImageError:
        image = None
    if image is None:
        return ""
    small = max(image.size) < THUMBNAIL // 2
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    data = base64.b64encode(file.getvalue()).decode()
    crisp = " class=small" if small else ""
    return f'<img{crisp} alt="{safe(words)}" src="data:image/jpeg;base64,{data}">'
