"""Folders import only from those before them, and each is named for what it holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "resnets"
ORDER = [
    {"errors", "lazy_exports", "quantities"},
    {"registry", "config", "files", "allocator", "launch"},
    {"downloads"},
    {"units"},
    {"networks"},
    {"architectures"},
    {"data"},
    {"weights"},
    {"recipes"},
    {"evaluation"},
    {"reporting"},
    {"training"},
    {"analysis"},
    {"deployment"},
    {"experiments"},
    {"applications"},
    {"console"},
    {"commands"},
    {"cli"},
]
RANKS = {name: rank for rank, names in enumerate(ORDER) for name in names}
# The package itself only names what others hold, and the program only starts the command.
DOORS = {"__init__", "__main__"}
MODULES = sorted(SOURCE.rglob("*.py"))


def folder(path: Path) -> str:
    """The first part of a module's name below the package."""
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and module of every import, also those in functions and for type checkers."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} has a relative import"
            module = node.module or ""
            yield node.lineno, module
            if module == "resnets":
                yield from ((node.lineno, f"resnets.{alias.name}") for alias in node.names)


def test_every_folder_has_its_place() -> None:
    assert {folder(path) for path in MODULES} - DOORS <= set(RANKS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_one_way(path: Path) -> None:
    here = folder(path)
    if here in DOORS:
        return
    for line, module in imported(path):
        parts = module.split(".")
        if parts[0] != "resnets" or len(parts) == 1 or parts[1] == "__version__":
            continue
        assert parts[1] in RANKS, f"{path}:{line} imports {module} from the package's door"
        allowed = parts[1] == here or RANKS[parts[1]] < RANKS[here]
        # A registered row may hold checked settings; nothing else in its rank is shared.
        allowed = allowed or (here, parts[1]) == ("registry", "config")
        assert allowed, f"{path}:{line}: {here} must not import {module}"


def test_lazy_homes_go_the_same_way() -> None:
    for path in MODULES:
        if path.name != "__init__.py" or folder(path) in DOORS:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and str(node.value).startswith("resnets."):
                target = str(node.value).split(".")[1]
                assert RANKS[target] <= RANKS[folder(path)], f"{path}:{node.lineno}"


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "common", "helpers", "helper", "core", "base", "misc"}
    for path in SOURCE.rglob("*"):
        assert path.stem not in drawers, f"{path}: name a module for its concept"


def test_the_program_only_starts_the_command() -> None:
    assert {module for _, module in imported(SOURCE / "__main__.py") if "resnets" in module} == {
        "resnets.cli"
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 350
