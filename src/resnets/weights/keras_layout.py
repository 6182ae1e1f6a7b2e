"""How a Keras file lays a network out: its layers in its order, each with the module of ours that it is.

A layout is a table of names. Layers are matched as Keras does it, by order, but convolutions, norms and
dense layers each among themselves: files of Keras 3 keep no other order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from resnets.networks import InputNorm
from resnets.weights.hdf5 import KerasLayer

Kind = Literal["convolution", "norm", "dense"]
KINDS: tuple[Kind, ...] = ("convolution", "norm", "dense")
CLASSES: dict[Kind, str] = {
    "convolution": "conv2d",
    "norm": "batch_normalization",
    "dense": "dense",
}
"""The names that Keras numbers."""

Rows = tuple[tuple[str, str], ...]
"""Their name of a layer and our name of the module. No name: Keras numbers it."""


@dataclass(frozen=True)
class Layout:
    """The layers of a kind of network, in the order of its files.

    A row without a counterpart in a unit or network (the projection, mostly) does not count.

    Attributes:
        stem: of the stem.
        unit: in a unit, without the unit's own name.
        final: behind the last unit.
        unit_name: what the names in a unit begin with; in it and in them, `{stage1}` and `{unit1}`
            count from 1, and `{stage2}` from 2.
        transition: in front of a stage.
        biased: convolutions that a norm follows have biases there and none here.
    """

    stem: Rows
    unit: Rows
    final: Rows
    unit_name: str = ""
    transition: Rows = ()
    biased: bool = False


@dataclass(frozen=True)
class Slot:
    """One module of ours and the layers that it is there: several for a grouped convolution.

    Attributes:
        names: of the layers.
        path: our module's name.
        module: our module.
        biased: the layer has a bias that our module leaves to the norm behind it.
        channels: of the map that a dense layer reads flattened; None if it reads no map.
    """

    names: tuple[str, ...]
    path: str
    module: nn.Module
    biased: bool = False
    channels: int | None = None

    @property
    def kind(self) -> Kind:
        """What Keras would call the layer."""
        if isinstance(self.module, nn.Conv2d):
            return "convolution"
        return "dense" if isinstance(self.module, nn.Linear) else "norm"

    @property
    def norm_behind(self) -> str:
        """The buffer that takes the bias of a convolution whose module has none."""
        head, _, last = self.path.rpartition(".")
        return f"{head}.{last.replace('conv', 'norm')}.running_mean"

    def theirs(self) -> list[dict[str, Tensor]]:
        """The arrays of each layer by Keras' names, in Keras' order."""
        module = self.module
        if isinstance(module, nn.Conv2d):
            return self._their_convolutions(module)
        if isinstance(module, nn.Linear):
            weight = _to_map(module.weight, self.channels).permute(2, 3, 1, 0)  # (H, W, C, C')
            return [{"kernel": weight.reshape(module.in_features, -1), "bias": module.bias}]
        scale = {} if isinstance(module, InputNorm) else {"gamma": module.weight}
        norm = module.norm if isinstance(module, InputNorm) else module
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        return [
            scale  # type: ignore[list-item]
            | {
                "beta": module.bias,
                "moving_mean": norm.running_mean,
                "moving_variance": norm.running_var,
            }
        ]

    def _their_convolutions(self, module: nn.Conv2d) -> list[dict[str, Tensor]]:
        parts = module.weight.chunk(len(self.names))
        layers = [{"kernel": part.permute(2, 3, 1, 0)} for part in parts]
        if module.bias is not None:
            layers[0]["bias"] = module.bias
        elif self.biased:
            layers[0]["bias"] = torch.zeros_like(module.weight[:, 0, 0, 0])
        return layers

    def ours(self, layers: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """The state of our module, by full names.

        Args:
            layers: the arrays of each layer, by the names that `theirs` gives.
        """
        arrays = layers[0]
        if self.kind == "convolution":
            state = {"weight": torch.cat([layer["kernel"].permute(3, 2, 0, 1) for layer in layers])}
            if not self.biased and "bias" in arrays:
                state["bias"] = arrays["bias"]
        elif self.kind == "dense":
            kernel = arrays["kernel"]
            channels = self.channels or kernel.shape[0]
            side = math.isqrt(kernel.shape[0] // channels)
            weight = kernel.reshape(side, side, channels, -1).permute(3, 2, 0, 1)
            state = {"weight": weight.flatten(1), "bias": arrays["bias"]}
        else:
            inner = "norm." if isinstance(self.module, InputNorm) else ""
            state = {
                "bias": arrays["beta"],
                f"{inner}running_mean": arrays["moving_mean"],
                f"{inner}running_var": arrays["moving_variance"],
                f"{inner}num_batches_tracked": torch.tensor(0),
            }
            if "gamma" in arrays:
                state["weight"] = arrays["gamma"]
        return {f"{self.path}.{name}": tensor.contiguous() for name, tensor in state.items()}


def _to_map(weight: Tensor, channels: int | None) -> Tensor:
    """Give a linear layer's weight the shape (C', C, H, W) of a convolution's."""
    channels = channels or weight.shape[1]
    side = math.isqrt(weight.shape[1] // channels)
    return weight.reshape(-1, channels, side, side)


def find_slots(network: nn.Module, layout: Layout) -> list[Slot]:
    """Lay a network out.

    Args:
        network: of the kind that the layout is about.
        layout: of its files.
    """
    modules = dict(network.named_modules())
    slots: list[Slot] = []
    numbers = dict.fromkeys(KINDS, 0)
    for theirs, path in _rows(network, layout):
        if (module := modules.get(path)) is None or isinstance(module, nn.Identity):
            continue
        first_dense = isinstance(module, nn.Linear) and not any(s.kind == "dense" for s in slots)
        slot = Slot(
            (theirs,) * getattr(module, "groups", 1),
            path,
            module,
            biased=layout.biased and isinstance(module, nn.Conv2d),
            channels=network.feature_info[-1].channels if first_dense else None,  # type: ignore[union-attr,index]
        )
        if not theirs or len(slot.names) > 1:
            slot = _numbered(slot, numbers)
        slots.append(slot)
    covered = {name for slot in slots for name in slot.module.state_dict(prefix=f"{slot.path}.")}
    assert covered == set(network.state_dict()), "the layout is of another network"
    return slots


def _rows(network: nn.Module, layout: Layout) -> Iterator[tuple[str, str]]:
    yield from layout.stem
    for s, stage in enumerate(network.get_submodule("stages").children()):
        for theirs, ours in layout.transition:
            yield theirs.format(stage1=s + 1), f"stages.{s}.transition.{ours}"
        for u, _ in enumerate(stage.get_submodule("units").children()):
            for theirs, ours in layout.unit:
                name = theirs and (layout.unit_name + theirs)
                place = {"stage1": s + 1, "stage2": s + 2, "unit1": u + 1}
                yield name.format(**place), f"stages.{s}.units.{u}.{ours}"
    yield from layout.final


def _numbered(slot: Slot, numbers: dict[Kind, int]) -> Slot:
    """Name layers as Keras does that were given no name."""
    word = CLASSES[slot.kind]
    first = numbers[slot.kind] + 1
    numbers[slot.kind] += len(slot.names)
    names = tuple(f"{word}_{first + i}" for i in range(len(slot.names)))
    return Slot(names, slot.path, slot.module, slot.biased, slot.channels)


def kind_of(layer: KerasLayer) -> Kind | None:
    """Tell what a layer is by the shapes of its arrays; None if it is something else.

    Args:
        layer: of a file.
    """
    ranks = [len(shape) for shape in shapes_of(layer)]
    if ranks in ([1, 1, 1], [1, 1, 1, 1]):
        return "norm"
    if ranks in ([4], [4, 1]):
        return "convolution"
    return "dense" if ranks in ([2], [2, 1]) else None


def shapes_of(layer: KerasLayer) -> list[tuple[int, ...]]:
    """The shapes of a layer's arrays, in order."""
    return [array.shape for array in layer.weights.values()]
