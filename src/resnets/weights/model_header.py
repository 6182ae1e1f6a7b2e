"""What stands before the tensors of a model file: read without PyTorch, and checked.

The format is described in `resnets.weights.model_file`.
"""

from __future__ import annotations

from pathlib import Path

from resnets.errors import WeightsError
from resnets.weights.container import find_container
from resnets.weights.exported_file import open_exported
from resnets.weights.info_format import parse_info
from resnets.weights.model_info import ModelInfo
from resnets.weights.opening import quote
from resnets.weights.safetensors_file import Header, read_header

SUFFIX = ".safetensors"


def read_info(path: str | Path) -> ModelInfo:
    """Read the description in a model file, and none of its tensors; or that in an exported file.

    Args:
        path: of the file.

    Raises:
        WeightsError: if it is neither.
    """
    return open_exported(path).info if find_container(path) == "onnx" else read_model_info(path)


def read_model_info(path: str | Path) -> ModelInfo:
    """Read the description in a model file, whose weights can be trained further.

    Args:
        path: of the file.

    Raises:
        WeightsError: if it is not a model file.
    """
    return parse_info(path, read_model_header(path).metadata["resnets"])


def read_model_header(path: str | Path) -> Header:
    """Read the header of a model file.

    Args:
        path: of the file.

    Raises:
        WeightsError: if it is not a model file.
    """
    container = find_container(path)
    if container != "safetensors":
        if container == "onnx":
            raise WeightsError(
                f"{quote(path)} is an exported file, whose network can be used and not be changed: take "
                "the model file that it was made of"
            )
        kind = {"zip": "a PyTorch or Keras", "torch pickle": "a pickled", "hdf5": "an HDF5"}[container]
        raise WeightsError(
            f"{quote(path)} is {kind} checkpoint, not a model file of resnets; make one of it with "
            "resnets convert"
        )
    header = read_header(path)
    metadata = header.metadata
    if metadata.keys() != {"format", "resnets", "sha256"} or metadata["format"] != "pt":
        raise WeightsError(
            f"{quote(path)} holds weights without the description of a resnets model file; make one of "
            "it with resnets convert"
        )
    return header
