"""From the name of a model to a classifier."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from resnets.downloads.transfer import Progress
from resnets.errors import ResNetsError, WeightsError
from resnets.registry import find_architecture
from resnets.weights.catalog import find_weights
from resnets.weights.classifier import Classifier
from resnets.weights.container import find_container
from resnets.weights.exported_network import read_exported
from resnets.weights.model_file import read_model
from resnets.weights.model_header import SUFFIX
from resnets.weights.pretrained import describe_published, read_published
from resnets.weights.shipped import DEFAULT_MODEL, find_shipped


def load(
    model: str | Path = DEFAULT_MODEL, *, on_progress: Callable[[Progress], None] | None = None
) -> Classifier:
    """Load a model: the network with its preprocessing and class names.

    Args:
        model: path of a model file, of a run folder that holds `model.safetensors`, or of an exported
            file; weights in the package, as in 'resnet20:cifar10'; or published weights, as in
            'resnet50:torchvision_v2', which are downloaded once.
        on_progress: called often while a file arrives.

    Raises:
        WeightsError: if there is no such file, or it is damaged or neither of these.
        MissingDependencyError: if it is an exported file, and onnx or onnxruntime is not installed.
        UnknownNameError: if there are no such published weights.
        DownloadError: if published weights cannot be had.
    """
    path = model_path(model)
    if not os.path.exists(path):  # noqa: PTH110 - never raises
        if ":" in str(model) and "/" not in str(model):
            row = find_weights(str(model))
            network = read_published(row, on_progress=on_progress)
            return Classifier(network, describe_published(row, network))
        if _names_architecture(str(model)):
            raise WeightsError(
                f"{model} is an architecture, whose weights would be random; give a model file or "
                f"published weights (resnets list '{model}' --weights)"
            )
    if find_container(path) == "onnx":
        return Classifier(*read_exported(path))
    return Classifier(*read_model(path))


def model_path(model: str | Path) -> Path:
    """Find the model file that is meant.

    Args:
        model: path of the file, or of a run folder that holds `model.safetensors`; or weights in the
            package, unless a file is called like them.
    """
    path = Path(model)
    if os.path.isdir(path):  # noqa: PTH112 - never raises
        return path / f"model{SUFFIX}"
    shipped = find_shipped(model)
    return path if shipped is None or os.path.exists(path) else shipped.file  # noqa: PTH110 - the same


def _names_architecture(name: str) -> bool:
    try:
        find_architecture(name)
    except ResNetsError:
        return False
    return True
