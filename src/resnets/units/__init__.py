"""The one unit that every network is a stack of, and the parts that fill its slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resnets.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from resnets.units.aggregated_branches import aggregated_branch as aggregated_branch
    from resnets.units.aggregated_branches import exchange_branches as exchange_branches
    from resnets.units.branches import convolution_branch as convolution_branch
    from resnets.units.branches import drop_convolutions as drop_convolutions
    from resnets.units.branches import extend_branch as extend_branch
    from resnets.units.forms import dense_unit as dense_unit
    from resnets.units.forms import original_unit as original_unit
    from resnets.units.forms import plain_unit as plain_unit
    from resnets.units.forms import preactivation_unit as preactivation_unit
    from resnets.units.highway import GatedMerge as GatedMerge
    from resnets.units.highway import highway_unit as highway_unit
    from resnets.units.layers import max_pool as max_pool
    from resnets.units.layers import preactivation as preactivation
    from resnets.units.merges import Add as Add
    from resnets.units.merges import Concatenate as Concatenate
    from resnets.units.merges import ResidualOnly as ResidualOnly
    from resnets.units.residual_unit import ResidualUnit as ResidualUnit
    from resnets.units.shortcuts import PadShortcut as PadShortcut
    from resnets.units.shortcuts import choose_shortcut as choose_shortcut
    from resnets.units.shortcuts import project as project
    from resnets.units.shortcuts import subsample as subsample
    from resnets.units.squeeze_excitation import SqueezeExcitation as SqueezeExcitation
    from resnets.units.stochastic_depth import StochasticDepth as StochasticDepth
    from resnets.units.unit_shape import UnitShape as UnitShape

_HOMES = {
    "Add": "resnets.units.merges",
    "Concatenate": "resnets.units.merges",
    "GatedMerge": "resnets.units.highway",
    "PadShortcut": "resnets.units.shortcuts",
    "ResidualOnly": "resnets.units.merges",
    "ResidualUnit": "resnets.units.residual_unit",
    "SqueezeExcitation": "resnets.units.squeeze_excitation",
    "StochasticDepth": "resnets.units.stochastic_depth",
    "UnitShape": "resnets.units.unit_shape",
    "aggregated_branch": "resnets.units.aggregated_branches",
    "choose_shortcut": "resnets.units.shortcuts",
    "convolution_branch": "resnets.units.branches",
    "dense_unit": "resnets.units.forms",
    "exchange_branches": "resnets.units.aggregated_branches",
    "drop_convolutions": "resnets.units.branches",
    "extend_branch": "resnets.units.branches",
    "highway_unit": "resnets.units.highway",
    "max_pool": "resnets.units.layers",
    "original_unit": "resnets.units.forms",
    "plain_unit": "resnets.units.forms",
    "preactivation": "resnets.units.layers",
    "preactivation_unit": "resnets.units.forms",
    "project": "resnets.units.shortcuts",
    "subsample": "resnets.units.shortcuts",
}
__all__ = sorted(_HOMES)
__getattr__ = lazy_exports(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
