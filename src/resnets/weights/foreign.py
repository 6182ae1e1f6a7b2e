"""Networks from the files of other libraries, whatever their format."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from resnets.architectures.creation import create_model
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import WeightsMismatchError
from resnets.weights.catalog import published_weights
from resnets.weights.checkpoint import read_checkpoint
from resnets.weights.container import find_container
from resnets.weights.from_keras import identify_keras, keras_to_ours
from resnets.weights.hdf5 import read_hdf5
from resnets.weights.identify import Identification, assumed_preprocessing, describe, find_matches
from resnets.weights.opening import quote

KERAS_LAYOUTS = ("keras", "classification_models")


@dataclass(frozen=True)
class Foreign:
    """A network from another library's file.

    Attributes:
        network: with the file's weights, in evaluation mode.
        found: what the weights are.
        container: format of the file.
        unwrapped: how the state dict lay in the file, in words; '' if it was the file.
        ignored: what was left out, with the reason.
        notes: what else was decided, in sentences.
    """

    network: nn.Module
    found: Identification
    container: str
    unwrapped: str = ""
    ignored: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_foreign(
    path: str | Path,
    *,
    layout: str | None = None,
    options: Mapping[str, Any] | None = None,
    wrapper: str | None = None,
) -> Foreign:
    """Make the network that a file of another library has weights for, with these weights.

    Args:
        path: of a file of safetensors, of `torch.save`, or of Keras (HDF5 or `.keras`).
        layout: of origin, if it is known.
        options: of our architecture, that tensors cannot tell.
        wrapper: which state dict to take if there are several, such as 'ema'.

    Raises:
        WeightsError: if the file is damaged or not safe.
        WeightsMismatchError: if no network here has such weights.
    """
    container = find_container(path)
    if container == "hdf5" or (container == "zip" and _is_keras_archive(path)):
        return _read_keras(path, options or {})
    checkpoint = read_checkpoint(path, wrapper=wrapper)
    matches = find_matches(checkpoint, layout=layout, options=options)
    found = describe(matches)
    network = _fill(found.architecture, found.options, matches[0].tensors)
    where = [f"under {checkpoint.wrapper!r}"] if checkpoint.wrapper else []
    where += [f"behind the prefix {checkpoint.prefix!r}"] if checkpoint.prefix else []
    return Foreign(
        network, found, container, " ".join(where), checkpoint.ignored, tuple(checkpoint.notes)
    )


def _read_keras(path: str | Path, options: Mapping[str, Any]) -> Foreign:
    layers = read_hdf5(path)
    keras = identify_keras(layers)
    if keras is None:
        raise WeightsMismatchError(
            f"{quote(path)} holds {len(layers)} layers of Keras, which are not those of a network that "
            "keras.applications or classification_models share with resnets"
        )
    with torch.device("meta"):
        network = create_model(keras.architecture, **{**keras.options, **options})
    network.load_state_dict(keras_to_ours(layers, network), strict=True, assign=True)
    layout: Literal["keras", "classification_models"] = (
        "keras" if keras.publisher == "Keras applications" else "classification_models"
    )
    spec_options = {**keras.options, **options}
    preprocessing = _usual_preprocessing(keras.architecture)
    found = Identification(
        layout=layout,
        form=keras.publisher,
        architecture=keras.architecture,
        options=spec_options,
        num_classes=spec_options.get("num_classes", 1000) if keras.include_top else None,
        preprocessing=preprocessing,
        assumed=assumed_preprocessing(preprocessing, f"convention of {keras.publisher}"),
    )
    return Foreign(network.eval(), found, "HDF5")


def _is_keras_archive(path: str | Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "model.weights.h5" in archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _usual_preprocessing(architecture: str) -> Preprocessing:
    """What the publisher's own weights of this architecture were trained to see."""
    rows = [row for row in published_weights(architecture) if row.layout in KERAS_LAYOUTS]
    return rows[0].preprocessing if rows else Preprocessing()


def _fill(
    architecture: str, options: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
) -> nn.Module:
    with torch.device("meta"):
        network = create_model(architecture, **options)
    # Every tensor was compared with the network's when the table was matched; strict says it again.
    own = {name: tensor.clone() for name, tensor in tensors.items()}
    network.load_state_dict(own, strict=True, assign=True)
    return network.eval()
