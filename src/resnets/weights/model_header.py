"""What stands before the tensors of a model file: read without PyTorch, and checked.

The format is described in `resnets.weights.model_file`.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from resnets import __version__
from resnets.errors import WeightsError
from resnets.weights.container import find_container
from resnets.weights.model_info import ModelInfo
from resnets.weights.opening import quote, show
from resnets.weights.safetensors_file import Header, read_header

FORMAT_VERSION = 1
SUFFIX = ".safetensors"
_MAX_DESCRIPTION = 2_000_000
# Letters; the names of 22,000 classes take a fourth of it.


def read_info(path: str | Path) -> ModelInfo:
    """Read the description in a model file, and none of its tensors.

    Args:
        path: of the file.
    """
    return parse_info(path, read_model_header(path))


def read_model_header(path: str | Path) -> Header:
    """Read the header of a model file.

    Args:
        path: of the file.

    Raises:
        WeightsError: if it is not a model file.
    """
    container = find_container(path)
    if container != "safetensors":
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
    if len(metadata["resnets"]) > _MAX_DESCRIPTION:
        raise WeightsError(f"{quote(path)} has a description of more than {_MAX_DESCRIPTION:,} letters")
    return header


def parse_info(path: str | Path, header: Header) -> ModelInfo:
    """Read the description in a header.

    Args:
        path: of the file.
        header: that `read_model_header` gave.

    Raises:
        WeightsError: if it makes no sense, or is of a newer format.
    """
    try:
        values = json.loads(header.metadata["resnets"])
        version = values.pop("format_version")
        if version != FORMAT_VERSION:
            raise WeightsError(
                f"{quote(path)} has the format {show(version)}; this resnets {__version__} reads "
                f"{FORMAT_VERSION}. A newer resnets wrote it: pip install --upgrade resnets"
            )
        return ModelInfo.model_validate(values)
    except WeightsError:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else first["msg"]
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
    raise WeightsError(
        f"{quote(path)} has a description that makes no sense: {show(reason, length=300)}"
    )
