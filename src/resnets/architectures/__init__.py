"""The families, one file each: builder, table of variants, paper.

Importing this registers them, and those that other packages offer as entry points of the group
`resnets.architectures`. No torch is needed until a network is made.
"""

from __future__ import annotations

import importlib.metadata
import warnings

from resnets.architectures import (
    classification_models_dialect,
    densenet,
    highway,
    keras_dialect,
    plain,
    resnet,
    resnet_v2,
    resnext,
    se_resnet,
    vgg,
    wide_resnet,
)
from resnets.registry import register_architecture, register_name_rule

__all__ = ["register_architecture"]

ENTRY_POINTS = "resnets.architectures"


def _register_families() -> None:
    families = (resnet, plain, vgg, resnet_v2, resnext, se_resnet, wide_resnet, densenet, highway)
    modules = (*families, keras_dialect, classification_models_dialect)
    rows = [architecture for module in modules for architecture in module.ARCHITECTURES]
    names = list(dict.fromkeys(row.family.name for row in rows))
    for row in sorted(rows, key=lambda row: names.index(row.family.name)):  # dialects with their family
        register_architecture(row)
    for rule in (rule for module in modules for rule in module.NAME_RULES):
        register_name_rule(rule)


def _load_entry_points() -> None:
    """Import what other packages offer; a broken one must not take the rest down."""
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except Exception as error:
            warnings.warn(
                f"the architectures of {entry.value!r} could not be loaded: {error!r}. "
                "Update or uninstall the package that offers them",
                stacklevel=2,
            )


_register_families()
_load_entry_points()
