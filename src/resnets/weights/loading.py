"""From the name of a model to a classifier."""

from __future__ import annotations

from pathlib import Path

from resnets.errors import ResNetsError, WeightsError
from resnets.registry import find_architecture
from resnets.weights.classifier import Classifier
from resnets.weights.model_file import SUFFIX, read_model


def load(model: str | Path) -> Classifier:
    """Load a model file.

    Args:
        model: path of a model file, or of a run folder that holds `model.safetensors`.

    Returns:
        The network with its preprocessing and class names.

    Raises:
        WeightsError: if there is no such file, or it is damaged or not a model file.
    """
    path = model_path(model)
    if not path.exists() and _names_architecture(str(model)):
        raise WeightsError(
            f"{model} is an architecture, whose weights would be random; give a model file, or make the "
            f"bare network with resnets.create_model({str(model)!r})"
        )
    return Classifier(*read_model(path))


def model_path(model: str | Path) -> Path:
    """Find the model file that is meant.

    Args:
        model: path of the file, or of a run folder that holds `model.safetensors`.
    """
    path = Path(model)
    return path / f"model{SUFFIX}" if path.is_dir() else path


def _names_architecture(name: str) -> bool:
    try:
        find_architecture(name)
    except ResNetsError:
        return False
    return True
