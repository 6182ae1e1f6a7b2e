"""Public names that load their module on first use (PEP 562), so that importing loads no torch."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def lazy_exports(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Make a package's `__getattr__`.

    Args:
        package: the package's `__name__`.
        homes: for each public name, the module that defines it.

    Example:
        `__getattr__ = lazy_exports(__name__, {"ResidualUnit": "resnets.units.residual_unit"})`
    """

    def load(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(importlib.import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
