"""The forms in which the unit's slots are filled most often: plain, original, pre-activation, dense."""

from __future__ import annotations

from torch import nn

from resnets.units.layers import ReLU, preactivation
from resnets.units.merges import Add, Concatenate, ResidualOnly
from resnets.units.residual_unit import ResidualUnit
from resnets.units.shortcuts import ShortcutOption, choose_shortcut
from resnets.units.unit_shape import UnitShape


def plain_unit(branch: nn.Module) -> ResidualUnit:
    """No shortcut; activate last.  He et al. 2015, arXiv:1512.03385, fig. 3 (middle).

    Args:
        branch: F.
    """
    return ResidualUnit(branch, merge=ResidualOnly(), activation=ReLU())


def original_unit(branch: nn.Module, shape: UnitShape, shortcut: ShortcutOption) -> ResidualUnit:
    """Add first and activate last.  He et al. 2016, arXiv:1603.05027, fig. 4a.

    Args:
        branch: F, ending in a norm.
        shape: of the unit.
        shortcut: what to do where the shape changes.
    """
    return ResidualUnit(
        branch,
        shortcut=choose_shortcut(shape, shortcut),
        merge=Add(),
        activation=ReLU(),
    )


def preactivation_unit(
    branch: nn.Module,
    shape: UnitShape,
    shortcut: ShortcutOption,
    *,
    preactivate: bool = True,
    share: bool = False,
) -> ResidualUnit:
    """Norm and activate first, add last, so that the shortcut is the identity from end to end.

    He et al. 2016, arXiv:1603.05027, fig. 4e. Where the shape changes, norm and activation come before
    the split and the projection is bare.

    Args:
        branch: F, ending in a convolution.
        shape: of the unit.
        shortcut: what to do where the shape changes.
        preactivate: False if what comes before the unit has normed and activated already.
        share: split after norm and activation even where the shape stays.
    """
    return ResidualUnit(
        branch,
        preactivation=preactivation(shape.in_channels) if preactivate else None,
        shortcut=choose_shortcut(shape, shortcut, norm=False),
        merge=Add(),
        share_preactivation=preactivate and (share or shape.changes_shape),
    )


def dense_unit(branch: nn.Module, shape: UnitShape) -> ResidualUnit:
    """Norm and activate first, append the residual to the input.  Huang et al. 2016, arXiv:1608.06993.

    Args:
        branch: F, ending in a convolution to k channels.
        shape: of the unit; its out_channels are the k that are added.
    """
    return ResidualUnit(branch, preactivation=preactivation(shape.in_channels), merge=Concatenate())
