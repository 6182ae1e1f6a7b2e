"""Pieces of HTML that sections of the report share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from resnets.data.pages import safe
from resnets.reporting.words import percent, shortened


def name(text: str) -> str:
    """Write a name from the data, apart from its direction; all of it to a pointer.

    Example:
        >>> name("<b>")
        '<bdi>&lt;b&gt;</bdi>'
    """
    short = shortened(text)
    whole = "" if short == text else f' title="{safe(text)}"'
    return f"<bdi{whole}>{safe(short)}</bdi>"


def path(text: str) -> str:
    """Write the path of an image, with places where a line may break.

    Example:
        >>> path("cat/1.jpg")
        '<code>cat/<wbr>1.jpg</code>'
    """
    return f"<code>{safe(text).replace('/', '/<wbr>')}</code>"


def share(value: float) -> str:
    """Write a share in one piece.

    Example:
        >>> share(0.5)
        '50.0&nbsp;%'
    """
    return percent(value).replace(" ", "&nbsp;")


def scrolling(label: str, parts: Iterable[str], *, tall: bool = False) -> str:
    """Let something wide or long scroll by itself, with keys as well.

    Args:
        label: what it is, for those who do not see it.
        parts: the HTML.
        tall: limit the height.
    """
    kind = "scroll tall" if tall else "scroll"
    start = f'<div class="{kind}" tabindex="0" role="region" aria-label="{safe(label)}">'
    return f"{start}{''.join(parts)}</div>"


def definitions(said: Mapping[str, str]) -> str:
    """Make a table of facts; those without words are left out.

    Args:
        said: words for each fact, as plain text.
    """
    rows = (
        f'<tr><th scope="row">{safe(key)}</th><td>{safe(words)}</td></tr>'
        for key, words in said.items()
        if words
    )
    return f'<table class="plain definitions"><tbody>{"".join(rows)}</tbody></table>'
