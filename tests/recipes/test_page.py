"""The page of recipes is what docs/tables.py writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("tables", DOCS / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    written = (DOCS / "recipes.md").read_text("utf-8")
    assert written == tables.recipes_page(), "run: python docs/tables.py"
