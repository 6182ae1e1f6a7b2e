"""Public names: what type checkers see, what loads, and what `__all__` says are the same."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

from resnets.lazy_exports import lazy_exports

PACKAGES = ["resnets", "resnets.units", "resnets.networks"]


def package_tree(package: types.ModuleType) -> ast.Module:
    assert package.__file__
    return ast.parse(Path(package.__file__).read_text("utf-8"))


def typed_imports(package: types.ModuleType) -> dict[str, str]:
    """Name and module of each import for type checkers."""
    found: dict[str, str] = {}
    for block in package_tree(package).body:
        if not (isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"):
            continue
        for node in block.body:
            assert isinstance(node, ast.ImportFrom)
            for alias in node.names:
                assert alias.asname == alias.name, f"{alias.name} is not exported on purpose"
                found[alias.name] = node.module or ""
    return found


@pytest.mark.parametrize("name", PACKAGES)
def test_typed_imports_equal_the_homes(name: str) -> None:
    package = importlib.import_module(name)
    assert typed_imports(package) == package._HOMES


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_loads_from_its_home(name: str) -> None:
    package = importlib.import_module(name)
    assert package._HOMES
    for public, home in package._HOMES.items():
        assert getattr(package, public) is getattr(importlib.import_module(home), public)


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_what_can_be_imported(name: str) -> None:
    package = importlib.import_module(name)
    dunder = [public for public in package.__all__ if public.startswith("__")]
    optional: set[str] = getattr(package, "_OPTIONAL", set())
    assert [p for p in package.__all__ if p not in dunder] == sorted(package._HOMES.keys() - optional)
    for public in package.__all__:
        assert hasattr(package, public)
    assert len(set(package.__all__)) == len(package.__all__)


@pytest.mark.parametrize("name", PACKAGES)
def test_dir_lists_the_public_names(name: str) -> None:
    package = importlib.import_module(name)
    code_names = {*package.__all__, *package._HOMES}
    fresh = importlib.util.module_from_spec(importlib.util.find_spec(name))  # type: ignore[arg-type]
    assert fresh.__spec__
    assert fresh.__spec__.loader
    fresh.__spec__.loader.exec_module(fresh)
    assert code_names <= set(dir(fresh)), "completion in a shell would not show them"


@pytest.mark.parametrize("name", PACKAGES)
def test_unknown_attribute(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        importlib.import_module(name).no_such_name  # noqa: B018
    assert str(caught.value) == f"module '{name}' has no attribute 'no_such_name'"


def test_loading_happens_once(monkeypatch: pytest.MonkeyPatch) -> None:
    package = types.ModuleType("lazy_example")
    monkeypatch.setitem(sys.modules, "lazy_example", package)
    load = lazy_exports("lazy_example", {"sqrt": "math"})
    assert "sqrt" not in vars(package)
    assert load("sqrt") is vars(package)["sqrt"]


def test_a_star_needs_no_extra() -> None:
    """A fresh process, in which nothing of scikit-learn can be imported."""
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from resnets import *\n"
        "assert callable(train) and 'ResNetClassifier' not in globals()\n"
        "from resnets.errors import MissingDependencyError\n"
        "try:\n    from resnets import ResNetClassifier\n"
        "except MissingDependencyError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "ResNetClassifier needs scikit-learn: pip install 'resnets[sklearn]'\n"


def test_a_broken_home_is_not_hidden() -> None:
    load = lazy_exports("resnets", {"thing": "no_such_module_anywhere"})
    with pytest.raises(ModuleNotFoundError) as caught:
        load("thing")
    assert str(caught.value) == "No module named 'no_such_module_anywhere'"


@pytest.mark.parametrize("package", ["resnets", "resnets.units", "resnets.networks"])
def test_no_public_name_is_hidden_by_a_module(package: str) -> None:
    """Importing `package.name` binds the module to the name, and the lazy export is never asked."""
    module = importlib.import_module(package)
    modules = {found.name for found in pkgutil.iter_modules(module.__path__)}
    assert not modules & set(module.__all__)
