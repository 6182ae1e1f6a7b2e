"""The description of a model as text, as model files and exported files hold it."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from resnets import __version__
from resnets.errors import WeightsError
from resnets.weights.model_info import ModelInfo
from resnets.weights.opening import quote, show

FORMAT_VERSION = 1
_MAX_LETTERS = 2_000_000
# The names of 22,000 classes take a fourth of it.


def format_info(info: ModelInfo) -> str:
    """Write a description as JSON, with the version of this format.

    Args:
        info: the description.
    """
    return json.dumps({"format_version": FORMAT_VERSION, **info.model_dump(mode="json")})


def parse_info(path: str | Path, words: str) -> ModelInfo:
    """Read a description.

    Args:
        path: of the file, for errors.
        words: the description.

    Raises:
        WeightsError: if it makes no sense, is too long, or is of a newer format.
    """
    if len(words) > _MAX_LETTERS:
        raise WeightsError(f"{quote(path)} has a description of more than {_MAX_LETTERS:,} letters")
    try:
        values = json.loads(words)
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
