"""The weights that come with the package: model files in half precision, which need no network.

They are called like published ones, ARCHITECTURE:TAG, where the tag is the data set: `resnet20:cifar10`.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from resnets.registry import normalize
from resnets.weights.model_header import SUFFIX, read_info
from resnets.weights.model_info import Metric, ModelInfo

DEFAULT_MODEL = "resnet18:tiny_imagenet"
"""What `predict` and `explain` use where no model is named: it knows 200 everyday things."""

_FOLDER = Path(__file__).with_name("shipped")


@dataclass(frozen=True)
class ShippedModel:
    """A model file of the package.

    Attributes:
        name: what users write: 'resnet20:cifar10'.
        file: the model file.
    """

    name: str
    file: Path

    @cached_property
    def info(self) -> ModelInfo:
        """What the file says about its network."""
        return read_info(self.file)

    @property
    def num_bytes(self) -> int:
        """Of the file."""
        return self.file.stat().st_size

    def metric(self, name: str) -> Metric | None:
        """A figure from the model's card, None if it has no such.

        Args:
            name: of the figure, such as 'top1'.
        """
        return next((metric for metric in self.info.metrics if metric.name == name), None)


def shipped_models(pattern: str = "*") -> list[ShippedModel]:
    """Select the models in the package: the default first, the rest by name.

    Args:
        pattern: of their names, with shell wildcards; without a ':', of the architecture alone.

    Example:
        >>> shipped_models()[0].name == DEFAULT_MODEL
        True
    """
    pattern = pattern.lower() if ":" in pattern else f"{pattern.lower()}:*"
    return [model for model in _all() if fnmatch.fnmatchcase(model.name, pattern)]


def find_shipped(name: object) -> ShippedModel | None:
    """Look up a model in the package, None if there is no such.

    Args:
        name: as in 'resnet20:cifar10'; case, and '-' for '_', do not matter.
    """
    key = weights_key(str(name))
    return next((model for model in _all() if weights_key(model.name) == key), None)


def weights_key(name: str) -> str:
    """The form in which names of weights are compared.

    Args:
        name: ARCHITECTURE:TAG.
    """
    architecture, _, tag = name.partition(":")
    return f"{normalize(architecture)}:{tag.strip().lower().replace('-', '_')}"


def shipped_file(name: str) -> Path:
    """Where a model of the package lies, or would lie.

    Args:
        name: ARCHITECTURE:TAG.
    """
    architecture, _, tag = name.partition(":")
    return _FOLDER / f"{architecture}-{tag}{SUFFIX}"  # ':' is no letter of a file's name everywhere


def _all() -> list[ShippedModel]:
    # No tag has a '-'.
    parts = [(path, *path.stem.rpartition("-")) for path in _FOLDER.glob(f"*{SUFFIX}")]
    models = [ShippedModel(f"{architecture}:{tag}", path) for path, architecture, _, tag in parts]
    return sorted(models, key=lambda model: (model.name != DEFAULT_MODEL, model.name))
