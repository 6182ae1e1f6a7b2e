"""Reads pages of ours, and checks that each element is closed by its own end."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "img", "link", "br", "wbr"}


class Page(HTMLParser):
    """Collects elements, their attributes and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []

    @property
    def tags(self) -> list[str]:
        """Names of the elements, in order."""
        return [tag for tag, _ in self.elements]

    @property
    def attributes(self) -> list[tuple[str, str]]:
        """Of all elements."""
        return [pair for _, attributes in self.elements for pair in attributes.items()]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read_page(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page._open == []
    return page
