"""What stands in the slots of a unit, read from the modules themselves.

Tables and drawings are made from this, so they show the network that was built, whoever changed it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn

from resnets.networks.classifiers import GlobalAverage, GlobalMaximum
from resnets.networks.stems import InputNorm
from resnets.units.aggregated_branches import ParallelPaths
from resnets.units.highway import GatedMerge
from resnets.units.layers import ReLU
from resnets.units.merges import Add, Concatenate, ResidualOnly
from resnets.units.residual_unit import ResidualUnit
from resnets.units.shortcuts import PadShortcut
from resnets.units.squeeze_excitation import SqueezeExcitation
from resnets.units.stochastic_depth import StochasticDepth

LayerKind = Literal["conv", "linear", "pool", "norm", "act", "pad", "scale", "drop", "other"]


@dataclass(frozen=True)
class Layer:
    """One layer, as readers name it.

    Attributes:
        kind: what it does.
        label: in words, such as '3x3 conv, 64, /2'.
        module: its name in the network.
        groups: of a convolution.
    """

    kind: LayerKind
    label: str
    module: str
    groups: int = 1


@dataclass(frozen=True)
class Paths:
    """Parallel paths of a branch.

    Attributes:
        count: of the paths.
        layers: of one path.
        concatenated: joined along the channels; otherwise summed.
    """

    count: int
    layers: tuple[Layer, ...]
    concatenated: bool


@dataclass(frozen=True)
class UnitAnatomy:
    """What stands in the slots of a unit.

    Attributes:
        preactivation: layers before the branch.
        residual: the branch F.
        shortcut: layers of h; empty for the identity.
        merge: 'add', 'concatenate', 'gate', 'none' (the shortcut is dropped) or the name of another way.
        activation: layers of f, after the merge.
        share_preactivation: whether h reads what the branch reads.
    """

    preactivation: tuple[Layer, ...]
    residual: tuple[Layer | Paths, ...]
    shortcut: tuple[Layer, ...]
    merge: str
    activation: tuple[Layer, ...]
    share_preactivation: bool

    @property
    def is_projected(self) -> bool:
        """Whether the shortcut is more than the identity."""
        return bool(self.shortcut)

    def formula(self) -> str:
        """The unit as the papers write it.

        Returns:
            Such as 'f(h(x) + F(x))', with x for an identity h or f left out.
        """
        seen = "a" if self.share_preactivation else "x"
        residual = "F(a)" if self.preactivation else "F(x)"
        shortcut = f"h({seen})" if self.shortcut else seen
        joined = {
            "add": f"{shortcut} + {residual}",
            "concatenate": f"[{shortcut}, {residual}]",
            "gate": f"T {residual} + (1 - T) {shortcut}",
            "none": residual,
        }.get(self.merge, f"{self.merge}({shortcut}, {residual})")
        return f"f({joined})" if self.activation else joined


def unit_anatomy(unit: ResidualUnit, name: str = "") -> UnitAnatomy:
    """Read a unit.

    Args:
        unit: of a network.
        name: of the unit in the network; layers are named from there.
    """
    prefix = f"{name}." if name else ""
    merges = {Add: "add", Concatenate: "concatenate", GatedMerge: "gate", ResidualOnly: "none"}
    return UnitAnatomy(
        preactivation=flat_layers(unit.preactivation, f"{prefix}preactivation"),
        residual=branch_layers(unit.residual, f"{prefix}residual"),
        shortcut=flat_layers(unit.shortcut, f"{prefix}shortcut"),
        merge=merges.get(type(unit.merge), type(unit.merge).__name__),
        activation=flat_layers(unit.activation, f"{prefix}activation"),
        share_preactivation=unit.share_preactivation and bool(list(unit.preactivation.children())),
    )


def branch_layers(module: nn.Module, name: str) -> tuple[Layer | Paths, ...]:
    """Read a branch: layers in order, parallel paths as one entry.

    Args:
        module: the branch.
        name: of the branch in the network.
    """
    found: list[Layer | Paths] = []
    children = list(module.named_children()) if type(module) is nn.Sequential else [("", module)]
    for child, layer in children:
        path = f"{name}.{child}" if child else name
        if isinstance(layer, ParallelPaths):
            inner = flat_layers(layer[0], f"{path}.0")
            found.append(Paths(len(layer), inner, layer.concatenate))
        elif not isinstance(layer, nn.Identity):
            found.append(_layer(layer, path))
    return tuple(found)


def flat_layers(module: nn.Module, name: str) -> tuple[Layer, ...]:
    """Read a chain of layers; an identity is no layer.

    Args:
        module: a layer or a chain of them.
        name: of the module in the network.
    """
    return tuple(layer for layer in branch_layers(module, name) if isinstance(layer, Layer))


def without_names(unit: UnitAnatomy) -> UnitAnatomy:
    """The same unit without what differs from place to place: module names, drop probabilities."""

    def bare(layer: Layer) -> Layer:
        return replace(layer, module="", label="" if layer.kind == "drop" else layer.label)

    return replace(
        unit,
        preactivation=tuple(map(bare, unit.preactivation)),
        residual=tuple(
            replace(layer, layers=tuple(map(bare, layer.layers)))
            if isinstance(layer, Paths)
            else bare(layer)
            for layer in unit.residual
        ),
        shortcut=tuple(map(bare, unit.shortcut)),
        activation=tuple(map(bare, unit.activation)),
    )


def _layer(layer: nn.Module, name: str) -> Layer:
    kind, label = _KINDS.get(type(layer), ("other", lambda other: type(other).__name__))
    return Layer(kind, label(layer), name, getattr(layer, "groups", 1))


def _pad_label(layer: PadShortcut) -> str:
    stride = f", /{layer.stride}" if layer.stride > 1 else ""
    return f"zero pad, +{layer.channels_before + layer.channels_behind}{stride}"


def _convolution_label(layer: nn.Conv2d) -> str:
    height, width = layer.kernel_size
    label = f"{height}x{width} conv, {layer.out_channels}"
    if layer.stride[0] > 1:
        label += f", /{layer.stride[0]}"
    if layer.groups > 1:
        label += f", {layer.groups} groups"
    if layer.dilation[0] > 1:
        label += f", dilation {layer.dilation[0]}"
    return label


_KINDS: dict[type[nn.Module], tuple[LayerKind, Callable[[Any], str]]] = {
    nn.Conv2d: ("conv", _convolution_label),
    nn.Linear: ("linear", lambda layer: f"linear, {layer.out_features}"),
    nn.BatchNorm2d: ("norm", lambda _: "norm"),
    InputNorm: ("norm", lambda _: "norm"),
    nn.ZeroPad2d: ("pad", lambda _: "zero pad"),
    nn.ReLU: ("act", lambda _: "ReLU"),
    ReLU: ("act", lambda _: "ReLU"),
    nn.MaxPool2d: (
        "pool",
        lambda layer: f"{layer.kernel_size}x{layer.kernel_size} max pool, /{layer.stride}",
    ),
    nn.AvgPool2d: (
        "pool",
        lambda layer: f"{layer.kernel_size}x{layer.kernel_size} average pool, /{layer.stride}",
    ),
    nn.Dropout: ("drop", lambda layer: f"dropout, {layer.p:.3g}"),
    nn.AdaptiveAvgPool2d: ("pool", lambda layer: f"average to {layer.output_size}x{layer.output_size}"),
    GlobalAverage: ("pool", lambda _: "global average"),
    GlobalMaximum: ("pool", lambda _: "global maximum"),
    PadShortcut: ("pad", _pad_label),
    SqueezeExcitation: ("scale", lambda layer: f"squeeze-excite, {layer.reduce.out_channels}"),
    StochasticDepth: ("drop", lambda layer: f"drop, {layer.drop_probability:.3g}"),
}
"""How each kind of layer is named; a layer of another kind goes by the name of its class."""
