"""For the reference: sections of our docstrings under the names that mkdocstrings knows."""

from __future__ import annotations

from typing import Any

import griffe


class OurSections(griffe.Extension):
    """Lets `Example:` be shown as code, and not as a quotation."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of whatever was found in a module.

        Args:
            obj: a module, class, function or attribute.
        """
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
