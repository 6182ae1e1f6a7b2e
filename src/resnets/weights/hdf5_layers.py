"""The layers of an open Keras file, with their weights, in the file's order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import h5py

from resnets.errors import WeightsError
from resnets.weights.hdf5 import MAX_BYTES, MAX_RATIO, Array, KerasLayer
from resnets.weights.hdf5_safety import Budget, Objects, attribute_texts, find_objects, read_dataset
from resnets.weights.opening import show


def read_layers(file: BinaryIO, size: int) -> list[KerasLayer]:
    """Read the layers that have weights.

    Args:
        file: at the beginning of HDF5 data.
        size: of the file, in bytes.

    Raises:
        WeightsError: if the file is not one of Keras', damaged or not safe.
    """
    budget = Budget(size, MAX_BYTES, MAX_RATIO)
    try:
        with h5py.File(file, "r") as root:
            layers = _find_layers(find_objects(root), budget)
    except WeightsError:
        raise
    except Exception as error:  # whatever the library meets in a broken file
        raise WeightsError(f"it is damaged: {error}") from error
    if not layers:
        raise WeightsError("it has neither Keras' attribute 'layer_names' nor its group 'layers'")
    return layers


def _find_layers(objects: Objects, budget: Budget) -> list[KerasLayer]:
    for prefix in ("model_weights/", ""):
        group = objects.groups.get(prefix)
        names = None if group is None else attribute_texts(group, "layer_names")
        if names is not None:
            return _ordered_layers(objects, prefix, names, budget)
    return _numbered_layers(objects, budget)


def _ordered_layers(
    objects: Objects, prefix: str, names: Sequence[str], budget: Budget
) -> list[KerasLayer]:
    """Layers and weights in the order that the attributes give."""
    layers: list[KerasLayer] = []
    for name in names:
        group = objects.groups.get(f"{prefix}{name}/")
        weight_names = None if group is None else attribute_texts(group, "weight_names")
        if weight_names is None:
            raise WeightsError(f"the layer {show(name)} is announced and missing")
        weights: dict[str, Array] = {}
        for weight in weight_names:
            dataset = objects.datasets.pop(f"{prefix}{name}/{weight}", None)
            if dataset is None:
                raise WeightsError(f"the weight {show(weight)} of layer {show(name)} is missing")
            weights[weight] = read_dataset(dataset, budget)
        layers += _split(name, weights)
    return layers


def _split(name: str, weights: Mapping[str, Array]) -> Iterator[KerasLayer]:
    """A network inside a network is one layer in the file: part it by the names of its weights."""
    owners = list(dict.fromkeys(weight.rpartition("/")[0] for weight in weights))
    for owner in owners:
        own = {n: array for n, array in weights.items() if n.rpartition("/")[0] == owner}
        yield KerasLayer(owner if len(owners) > 1 else name, own)


def _numbered_layers(objects: Objects, budget: Budget) -> list[KerasLayer]:
    """Keras 3: layers are numbered within their class; what is no layer's weight is left out."""
    owners: dict[str, list[str]] = {}
    for path in objects.datasets:
        owner, _, number = path.rpartition("/vars/")
        top = owner.partition("/")[0]
        if top in ("layers", "_layer_checkpoint_dependencies") and number.isdecimal():
            owners.setdefault(owner, []).append(number)
    layers: list[KerasLayer] = []
    for owner in sorted(owners, key=_natural):
        if not {"seed_generator", "optimizer"}.isdisjoint(owner.split("/")):
            continue  # of dropout and of training
        variables = f"{owner}/vars/"
        names = attribute_texts(objects.groups[variables], "name")
        weights = {
            number: read_dataset(objects.datasets[variables + number], budget)
            for number in sorted(owners[owner], key=int)
        }
        layers.append(KerasLayer(names[0] if names else owner.rpartition("/")[2], weights))
    return layers


def _natural(path: str) -> list[tuple[str, int]]:
    """Sort 'conv2d', 'conv2d_1', ..., 'conv2d_10' as they were counted."""
    parts = [re.fullmatch(r"(.*?)(?:_([0-9]{1,9}))?", part, re.DOTALL) for part in path.split("/")]
    return [(part[1], int(part[2] or 0)) for part in parts if part]
