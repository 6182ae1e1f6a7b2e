"""The families, one file each: builder, table of variants, paper.

Importing this registers them, and those that other packages offer as entry points of the group
`resnets.architectures`. No torch is needed until a network is made.
"""

from __future__ import annotations

import importlib.metadata
import warnings

from resnets.architectures import (
    densenet,
    highway,
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
    for family in (resnet, plain, vgg, resnet_v2, resnext, se_resnet, wide_resnet, densenet, highway):
        for architecture in family.ARCHITECTURES:
            register_architecture(architecture)
        for rule in family.NAME_RULES:
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
