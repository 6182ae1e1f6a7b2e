"""Keras' files to our networks and back.  keras-team/keras 3, keras/src/applications.

The order of the layers is Keras': by distance from the output, so that a projection stands beside the
last layers of its unit's branch. A bias in front of a norm (ResNet) only shifts what the norm subtracts:
it is taken from the running mean, and is zero on the way back.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resnets.architectures.creation import NetworkSpec, create_model
from resnets.errors import ResNetsError, UnsupportedError, WeightsMismatchError
from resnets.weights import from_classification_models
from resnets.weights.hdf5 import KerasLayer
from resnets.weights.keras_layout import KINDS, Kind, Layout, Slot, find_slots, kind_of, shapes_of
from resnets.weights.opening import show

_RESNET = Layout(
    stem=(("conv1_conv", "stem.conv"), ("conv1_bn", "stem.norm")),
    unit_name="conv{stage2}_block{unit1}",
    unit=(
        ("_1_conv", "residual.conv1"),
        ("_1_bn", "residual.norm1"),
        ("_2_conv", "residual.conv2"),
        ("_2_bn", "residual.norm2"),
        ("_0_conv", "shortcut.conv"),
        ("_3_conv", "residual.conv3"),
        ("_0_bn", "shortcut.norm"),
        ("_3_bn", "residual.norm3"),
    ),
    final=(("predictions", "classifier"),),
    biased=True,
)

_RESNET_V2 = Layout(
    stem=(("conv1_conv", "stem.conv"),),
    unit_name="conv{stage2}_block{unit1}",
    unit=(
        ("_preact_bn", "preactivation.norm"),
        ("_1_conv", "residual.conv1"),
        ("_1_bn", "residual.norm1"),
        ("_2_conv", "residual.conv2"),
        ("_2_bn", "residual.norm2"),
        ("_0_conv", "shortcut.conv"),
        ("_3_conv", "residual.conv3"),
    ),
    final=(("post_bn", "final.norm"), ("predictions", "classifier")),
)

_DENSENET = Layout(
    stem=(("conv1_conv", "stem.conv"), ("conv1_bn", "stem.norm")),
    transition=(("pool{stage1}_bn", "norm"), ("pool{stage1}_conv", "conv")),
    unit_name="conv{stage2}_block{unit1}",
    unit=(
        ("_0_bn", "preactivation.norm"),
        ("_1_conv", "residual.conv1"),
        ("_1_bn", "residual.norm1"),
        ("_2_conv", "residual.conv2"),
    ),
    final=(("bn", "final.norm"), ("predictions", "classifier")),
)

_VGG = Layout(
    stem=(),
    unit_name="block{stage1}_",
    unit=(("conv{unit1}", "residual.conv1"),),
    final=(
        ("fc1", "classifier.linear1"),
        ("fc2", "classifier.linear2"),
        ("predictions", "classifier.linear3"),
    ),
)

KERAS_LAYOUTS: dict[str, Layout] = {
    **{f"resnet{depth}_keras": _RESNET for depth in (50, 101, 152)},
    **{f"resnetv2_{depth}_keras": _RESNET_V2 for depth in (50, 101, 152)},
    **{f"densenet{depth}_keras": _DENSENET for depth in (121, 169, 201)},
    **{f"vgg{depth}": _VGG for depth in (16, 19)},
}
LAYOUTS = KERAS_LAYOUTS | from_classification_models.LAYOUTS

Shapes = dict[Kind, list[list[tuple[int, ...]]]]
"""Of every array of every layer, by kind."""


@dataclass(frozen=True)
class KerasIdentification:
    """The network that a Keras file is of.

    Attributes:
        architecture: our name of it.
        options: for `create_model`, where they differ from the architecture's.
        publisher: 'Keras applications' or 'classification_models'.
    """

    architecture: str
    options: Mapping[str, Any]
    publisher: str

    @property
    def include_top(self) -> bool:
        """Whether the file has a classifier."""
        return bool(self.options.get("include_top", True))


def identify_keras(layers: Sequence[KerasLayer]) -> KerasIdentification | None:
    """Find the network that layers are of.

    Args:
        layers: of a file, as `read_hdf5` gives them.

    Returns:
        The network; None if it is none of those that we know, or another variant of one.
    """
    found = _by_kind(layers)
    if not found["convolution"] or found[None]:
        return None
    options: dict[str, Any] = {}
    if (in_channels := shapes_of(found["convolution"][0])[0][2]) != 3:
        options["in_channels"] = in_channels
    if not found["dense"]:
        options["include_top"] = False
    elif (num_classes := shapes_of(found["dense"][-1])[0][1]) != 1000:
        options["num_classes"] = num_classes
    shapes = {kind: [shapes_of(layer) for layer in found[kind]] for kind in KINDS}
    for name, layout in LAYOUTS.items():
        own = dict(options)
        if layout is _VGG and found["dense"]:
            side = math.isqrt(shapes_of(found["dense"][0])[0][0] // 512)
            own |= {} if side == 7 else {"image_size": 32 * side}
        if _expected_of(name, tuple(own.items())) == shapes:
            publisher = "Keras applications" if name in KERAS_LAYOUTS else "classification_models"
            return KerasIdentification(name, own, publisher)
    return None


@functools.lru_cache(maxsize=64)
def _expected_of(name: str, options: tuple[tuple[str, Any], ...]) -> Shapes | None:
    """The shapes of a network's layers; None if it cannot have such options."""
    try:
        with torch.device("meta"):
            network = create_model(name, **dict(options))
    except ResNetsError:
        return None
    return _expected(find_slots(network, LAYOUTS[name]))


def keras_to_ours(layers: Sequence[KerasLayer], network: nn.Module) -> dict[str, Tensor]:
    """Turn the layers of a Keras file into the state of a network.

    Args:
        layers: of a file, as `read_hdf5` gives them.
        network: that they are of, made by `create_model`; it is left as it is.

    Returns:
        All tensors of the network's state dict, as float32.

    Raises:
        WeightsMismatchError: if the layers are not those of the network, all of them and in order.
    """
    slots = _slots_of(network)
    found = _by_kind(layers)
    _check_counts(found, slots, network)
    queues = {kind: iter(found[kind]) for kind in KINDS}
    state: dict[str, Tensor] = {}
    shifts: dict[str, Tensor] = {}
    for slot in slots:
        arrays = []
        for expected in slot.theirs():
            layer = next(queues[slot.kind])
            got, shapes = shapes_of(layer), [tuple(tensor.shape) for tensor in expected.values()]
            if got != shapes:
                raise WeightsMismatchError(
                    f"Keras weights do not fit {_name(network)}: the layer {show(layer.name)} has "
                    f"arrays of {_text(got)}, expected {_text(shapes)} for {slot.path}"
                )
            values = [torch.from_numpy(array.astype(np.float32)) for array in layer.weights.values()]
            arrays.append(dict(zip(expected, values, strict=True)))
        state |= slot.ours(arrays)
        if slot.biased:
            shifts[slot.norm_behind] = arrays[0]["bias"]
    for name, shift in shifts.items():
        state[name] = state[name] - shift  # a bias before a norm shifts only its mean
    return state


def ours_to_keras(network: nn.Module) -> list[KerasLayer]:
    """Turn a network into the layers of a Keras file.

    Args:
        network: made by `create_model`, of an architecture that Keras or classification_models has.

    Returns:
        The layers that have weights, in Keras' order and by its names.

    Raises:
        UnsupportedError: if Keras has no such network.
    """
    layers: list[KerasLayer] = []
    for slot in _slots_of(network):
        for name, arrays in zip(slot.names, slot.theirs(), strict=True):
            weights = {
                f"{name}/{kind}:0": tensor.detach().float().cpu().contiguous().numpy()
                for kind, tensor in arrays.items()
            }
            layers.append(KerasLayer(name, weights))
    return layers


def _slots_of(network: nn.Module) -> list[Slot]:
    layout = LAYOUTS.get(_name(network))
    if layout is None:
        raise UnsupportedError(
            f"Keras has no network like {_name(network)}; there is a layout for {', '.join(LAYOUTS)}"
        )
    return find_slots(network, layout)


def _name(network: nn.Module) -> str:
    spec = getattr(network, "spec", None)
    return spec.name if isinstance(spec, NetworkSpec) else type(network).__name__


def _by_kind(layers: Sequence[KerasLayer]) -> dict[Kind | None, list[KerasLayer]]:
    found: dict[Kind | None, list[KerasLayer]] = {kind: [] for kind in (*KINDS, None)}
    for layer in layers:
        if layer.weights:
            found[kind_of(layer)].append(layer)
    return found


def _expected(slots: Sequence[Slot]) -> Shapes:
    """The shapes of all layers, by kind."""
    expected: Shapes = {kind: [] for kind in KINDS}
    for slot in slots:
        expected[slot.kind] += [[tuple(t.shape) for t in arrays.values()] for arrays in slot.theirs()]
    return expected


def _check_counts(
    found: Mapping[Kind | None, Sequence[KerasLayer]], slots: Sequence[Slot], network: nn.Module
) -> None:
    got = {kind: len(found[kind]) for kind in KINDS}
    expected = {kind: len(shapes) for kind, shapes in _expected(slots).items()}
    if found[None]:
        other = found[None][0]
        raise WeightsMismatchError(
            f"Keras weights do not fit {_name(network)}: the layer {show(other.name)} with arrays of "
            f"{_text(shapes_of(other))} is neither a convolution nor a norm nor dense"
        )
    if got != expected:
        counts = [
            f"{c['convolution']} convolutions, {c['norm']} norms and {c['dense']} dense layers"
            for c in (got, expected)
        ]
        raise WeightsMismatchError(
            f"Keras weights do not fit {_name(network)}: got {counts[0]}, expected {counts[1]}"
        )


def _text(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join("x".join(map(str, shape)) for shape in shapes)
