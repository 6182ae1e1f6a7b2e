"""ResNeXt's branch in its three equivalent forms, and the conversion of weights between them.

Xie et al. 2017, arXiv:1611.05431, fig. 3:
    a   C paths of 1x1, 3x3, 1x1 convolutions, summed
    b   C paths of 1x1, 3x3 convolutions, concatenated before one 1x1
    c   one path with a grouped 3x3: what everybody trains
They are equal only if a's last norm acts on the sum of the paths, not on each path.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from resnets.units.branches import StrideOn, convolution_branch
from resnets.units.layers import ReLU, convolution, named_layers
from resnets.units.residual_unit import ResidualUnit
from resnets.units.unit_shape import UnitShape

BlockForm = Literal["a", "b", "c"]


class ParallelPaths(nn.ModuleList):
    """Paths that read the same input; their outputs are summed or concatenated.

    Args:
        paths: the branches.
        concatenate: join along the channels instead of adding.

    Shape:
        (N, C, H, W) -> (N, C', H', W'); concatenated, C' is the sum over the paths.
    """

    def __init__(self, paths: list[nn.Module], *, concatenate: bool) -> None:
        super().__init__(paths)
        self.concatenate = concatenate

    def forward(self, x: Tensor) -> Tensor:
        """Run all paths and join them."""
        outputs = [path(x) for path in self]
        if self.concatenate:
            return torch.cat(outputs, dim=1)
        total: Tensor = sum(outputs[1:], start=outputs[0])
        return total


def aggregated_branch(
    shape: UnitShape, *, cardinality: int, form: BlockForm = "c", stride_on: StrideOn = "spatial"
) -> nn.Sequential:
    """Make a ResNeXt branch.

    Args:
        shape: of the unit; its width is that of all paths together.
        cardinality: C, the number of paths.
        form: which of the three equivalent forms.
        stride_on: which convolution strides.

    Shape:
        (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))
    """
    if form == "c":
        return convolution_branch(shape, kernel_sizes=(1, 3, 1), stride_on=stride_on, groups=cardinality)
    one = replace(shape, width=shape.width // cardinality)
    paths: list[nn.Module] = [_path(one, form, stride_on) for _ in range(cardinality)]
    layers: dict[str, nn.Module] = {"paths": ParallelPaths(paths, concatenate=form == "b")}
    if form == "b":
        layers["conv3"] = convolution(shape.width, shape.out_channels, 1)
    layers["norm3"] = nn.BatchNorm2d(shape.out_channels)
    return named_layers(layers)


def _path(shape: UnitShape, form: BlockForm, stride_on: StrideOn) -> nn.Sequential:
    if form == "a":
        return convolution_branch(shape, kernel_sizes=(1, 3, 1), stride_on=stride_on, last_norm=False)
    narrow = replace(shape, out_channels=shape.width)
    path = convolution_branch(narrow, kernel_sizes=(1, 3), stride_on=stride_on)
    path.add_module("act2", ReLU())
    return path


def exchange_branches(
    network: nn.Module, target: nn.Module, *, cardinality: int, source: BlockForm, form: BlockForm
) -> nn.Module:
    """Copy a network and give the copy's units branches of another form, with the same weights.

    Args:
        network: whose branches have the form `source`.
        target: of the same architecture in the other form; its branches are used up.
        cardinality: C.
        source: the form of the network.
        form: the form of the target.
    """
    converted = copy.deepcopy(network)
    for name, unit in converted.named_modules():
        if not isinstance(unit, ResidualUnit):
            continue
        old, new = unit.residual, target.get_submodule(name).residual
        assert isinstance(new, nn.Module)
        joined = join_paths(old.state_dict(), cardinality, source)
        new.load_state_dict(split_paths(joined, cardinality, form), assign=True)
        frozen = {_layer_kind(key) for key, p in old.named_parameters() if not p.requires_grad}
        for key, parameter in new.named_parameters():
            parameter.requires_grad_(_layer_kind(key) not in frozen)
        unit.residual = new.train(old.training)
    return converted


def _layer_kind(name: str) -> str:
    """The layer and kind of a parameter, 'conv1.weight', whichever path it is in."""
    return ".".join(name.split(".")[-2:])


def split_paths(branch: Mapping[str, Tensor], cardinality: int, form: BlockForm) -> dict[str, Tensor]:
    """Turn the tensors of a form c branch into those of form a or b.

    Args:
        branch: names relative to the branch (`conv1.weight`), as form c has them.
        cardinality: C.
        form: the form to make; 'c' gives the tensors back as they are.

    Returns:
        New names and tensors; tensors are copies.
    """
    if form == "c":
        return {name: tensor.clone() for name, tensor in branch.items()}
    tensors: dict[str, Tensor] = {}
    for name, tensor in branch.items():
        layer, _, kind = name.partition(".")
        axis = _split_axis(layer, form)
        if axis is None:
            tensors[name] = tensor.clone()
            continue
        # num_batches_tracked is one number for all channels: every path gets it.
        parts = tensor.chunk(cardinality, axis) if tensor.ndim else [tensor] * cardinality
        for i, part in enumerate(parts):
            tensors[f"paths.{i}.{layer}.{kind}"] = part.clone()
    return tensors


def join_paths(branch: Mapping[str, Tensor], cardinality: int, form: BlockForm) -> dict[str, Tensor]:
    """Turn the tensors of a branch into those of form c; the inverse of `split_paths`."""
    tensors = {n: t.clone() for n, t in branch.items() if not n.startswith("paths.")}
    for name, tensor in branch.items():
        if not name.startswith("paths.0."):
            continue
        inner = name.removeprefix("paths.0.")
        parts = [branch[f"paths.{i}.{inner}"] for i in range(cardinality)]
        axis = _split_axis(inner.partition(".")[0], form)
        assert axis is not None
        tensors[inner] = torch.cat(parts, dim=axis) if tensor.ndim else tensor.clone()
    return tensors


def _split_axis(layer: str, form: BlockForm) -> int | None:
    """The axis along which form c's tensor is cut into paths; None if the paths share it."""
    if layer in ("conv1", "norm1", "conv2", "norm2"):
        return 0  # each path owns a slice of the output channels
    if layer == "conv3" and form == "a":
        return 1  # and reads back its own slice of the input channels
    return None
