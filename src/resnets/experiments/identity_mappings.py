"""What happens when the shortcut is not the identity, and where norm and ReLU should stand.

He et al. 2016, arXiv:1603.05027, tables 1 and 2: a CIFAR ResNet-110 (or of any 6n+2 layers) whose units
differ in one part. The variants are units of this experiment, not options of the networks that people
use. Every variant but the first and the last of table 2 was found worse than what it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from resnets.architectures.resnet import ResNetOptions, cifar_settings, initialize
from resnets.config import validate
from resnets.errors import UnknownNameError
from resnets.networks.assembly import build_stack
from resnets.networks.initialization import set_gate_biases
from resnets.units.branches import convolution_branch
from resnets.units.forms import preactivation_unit
from resnets.units.highway import GatedMerge
from resnets.units.layers import named_layers, preactivation
from resnets.units.merges import Add
from resnets.units.residual_unit import ResidualUnit
from resnets.units.shortcuts import choose_shortcut
from resnets.units.unit_shape import UnitShape


class ScaledAdd(nn.Module):
    """s h(x) + r F(x), with constants.  Fig. 2b.

    Args:
        shortcut_scale: s.
        residual_scale: r.

    Shape:
        (N, C, H, W), (N, C, H, W) -> (N, C, H, W)
    """

    def __init__(self, shortcut_scale: float, residual_scale: float) -> None:
        super().__init__()
        self.shortcut_scale = shortcut_scale
        self.residual_scale = residual_scale

    def forward(self, shortcut: Tensor, residual: Tensor) -> Tensor:
        """Scale and add."""
        return self.shortcut_scale * shortcut + self.residual_scale * residual


class ShortcutGate(GatedMerge):
    """(1 - g) h(x) + F(x): only the shortcut is gated.  Fig. 2d."""

    def forward(self, shortcut: Tensor, residual: Tensor) -> Tensor:
        """Gate the shortcut and add."""
        openness: Tensor = self.gate(shortcut)
        return shortcut * (1 - openness) + residual


@dataclass(frozen=True)
class Variant:
    """One row of table 1 or 2.

    Attributes:
        name: of the variant.
        table: 1 or 2.
        place: figure in the paper.
        error: of ResNet-110 on CIFAR-10 as printed, in percent; None where the paper prints 'fail',
            that is over 20 %.
        make_unit: makes the unit of a given shape.
        gate_bias: b_g at the start; None without gates.
    """

    name: str
    table: int
    place: str
    error: float | None
    make_unit: Callable[[UnitShape], nn.Module]
    gate_bias: float | None = None


def _branch(shape: UnitShape, *, last_norm: bool = True) -> nn.Sequential:
    return convolution_branch(shape, kernel_sizes=(3, 3), last_norm=last_norm)


def _with_merge(merge: Callable[[UnitShape], nn.Module]) -> Callable[[UnitShape], nn.Module]:
    return lambda shape: ResidualUnit(
        _branch(shape),
        shortcut=choose_shortcut(shape, "A"),
        merge=merge(shape),
        activation=nn.ReLU(),
    )


def _gate(shape: UnitShape) -> nn.Sequential:
    channels = shape.out_channels
    return named_layers({"conv": nn.Conv2d(channels, channels, 1), "sigmoid": nn.Sigmoid()})


def _projected(shape: UnitShape) -> nn.Module:
    """Option C: a 1x1 convolution on every shortcut.  Fig. 2e."""
    return ResidualUnit(
        _branch(shape), shortcut=choose_shortcut(shape, "C"), merge=Add(), activation=nn.ReLU()
    )


def _dropped(shape: UnitShape) -> nn.Module:
    """Dropout of 0.5 on every shortcut.  Fig. 2f."""
    identity = choose_shortcut(shape, "A") or nn.Identity()
    return ResidualUnit(
        _branch(shape),
        shortcut=nn.Sequential(identity, nn.Dropout(0.5)),
        merge=Add(),
        activation=nn.ReLU(),
    )


def _norm_after_addition(shape: UnitShape) -> nn.Module:
    """ReLU(BN(x + F(x))).  Fig. 4b."""
    return ResidualUnit(
        _branch(shape, last_norm=False),
        shortcut=choose_shortcut(shape, "A"),
        merge=Add(),
        activation=named_layers({"norm": nn.BatchNorm2d(shape.out_channels), "act": nn.ReLU()}),
    )


def _relu_before_addition(shape: UnitShape) -> nn.Module:
    """Fig. 4c: x + ReLU(F(x))."""
    branch = _branch(shape)
    branch.add_module("act2", nn.ReLU())
    return ResidualUnit(branch, shortcut=choose_shortcut(shape, "A"), merge=Add())


def _relu_only(shape: UnitShape) -> nn.Module:
    """Fig. 4d: x + BN(W2 ReLU(BN(W1 ReLU(x))))."""
    return ResidualUnit(
        _branch(shape),
        preactivation=named_layers({"act": nn.ReLU()}),
        shortcut=choose_shortcut(shape, "A"),
        merge=Add(),
        share_preactivation=shape.changes_shape,
    )


def _full(shape: UnitShape) -> nn.Module:
    """Fig. 4e: x + W2 ReLU(BN(W1 ReLU(BN(x))))."""
    return preactivation_unit(_branch(shape, last_norm=False), shape, "A")


def _scaled(shortcut: float, residual: float) -> Callable[[UnitShape], nn.Module]:
    return _with_merge(lambda _: ScaledAdd(shortcut, residual))


_ORIGINAL = _with_merge(lambda _: Add())
_EXCLUSIVE = _with_merge(lambda shape: GatedMerge(_gate(shape)))
_SHORTCUT_ONLY = _with_merge(lambda shape: ShortcutGate(_gate(shape)))

VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("original", 1, "fig. 2a and 4a", 6.61, _ORIGINAL),
        Variant("scaling-0-1", 1, "fig. 2b", None, _scaled(0.0, 1.0)),
        Variant("scaling-0.5-1", 1, "fig. 2b", None, _scaled(0.5, 1.0)),
        Variant("scaling-0.5-0.5", 1, "fig. 2b", 12.35, _scaled(0.5, 0.5)),
        Variant("exclusive-gating-0", 1, "fig. 2c", None, _EXCLUSIVE, 0.0),
        Variant("exclusive-gating-6", 1, "fig. 2c", 8.70, _EXCLUSIVE, -6.0),
        Variant("exclusive-gating-7", 1, "fig. 2c", 9.81, _EXCLUSIVE, -7.0),
        Variant("shortcut-gating-0", 1, "fig. 2d", 12.86, _SHORTCUT_ONLY, 0.0),
        Variant("shortcut-gating-6", 1, "fig. 2d", 6.91, _SHORTCUT_ONLY, -6.0),
        Variant("projection", 1, "fig. 2e", 12.22, _projected),
        Variant("dropout", 1, "fig. 2f", None, _dropped),
        Variant("norm-after-addition", 2, "fig. 4b", 8.17, _norm_after_addition),
        Variant("relu-before-addition", 2, "fig. 4c", 7.84, _relu_before_addition),
        Variant("relu-only-preactivation", 2, "fig. 4d", 6.71, _relu_only),
        Variant("full-preactivation", 2, "fig. 4e", 6.37, _full),
    )
}
"""Rows of tables 1 and 2 by name; errors as printed there, medians of five runs."""


def build_variant(name: str, *, depth: int = 110, num_classes: int = 10) -> nn.Module:
    """Make the network of one row.

    Args:
        name: one of VARIANTS.
        depth: 6n+2.
        num_classes: outputs.

    Raises:
        UnknownNameError: if there is no such variant.
        DepthError: if no n fits.
    """
    if name not in VARIANTS:
        known = ", ".join(VARIANTS)
        raise UnknownNameError("variant of the unit", name, known=VARIANTS, hint=known)
    variant = VARIANTS[name]
    settings = cifar_settings(depth) | {"num_classes": num_classes}
    options = validate(ResNetOptions, settings, source=f"the experiment {name}")
    # The sum of the last pre-activation unit goes through norm and ReLU (arXiv:1603.05027, appendix).
    bare = name in ("relu-only-preactivation", "full-preactivation")
    network = build_stack(
        options,
        variant.make_unit,
        normalized_stem=not bare,
        make_final=preactivation if bare else None,
    )
    initialize(network, options)
    if variant.gate_bias is not None:
        set_gate_biases(network, variant.gate_bias)
    return network
