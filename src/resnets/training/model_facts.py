"""What is known of a model by its name or file, before it is built and before anything is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnets.architectures import creation
from resnets.architectures.notation import parse_model
from resnets.config import Settings
from resnets.data.preprocessing_policy import Preprocessing
from resnets.registry import find_architecture
from resnets.weights.catalog import find_weights
from resnets.weights.loading import model_path
from resnets.weights.model_header import SUFFIX, read_model_info
from resnets.weights.shipped import find_shipped

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ModelFacts:
    """A model that a training starts from.

    Attributes:
        name: for `create_model`: of an architecture, of published weights, or a path.
        said: options that the user gave with it.
        architecture: its architecture.
        options: all of the architecture's, with the user's.
        trained_with: the preprocessing of its weights; None if they are random.
        made_for: height and width of the images that it was designed or trained for, in pixels.
    """

    name: str
    said: Mapping[str, Any]
    architecture: str
    options: Settings
    trained_with: Preprocessing | None
    made_for: int

    @property
    def has_weights(self) -> bool:
        """It was trained before."""
        return self.trained_with is not None

    def option(self, name: str) -> Any:
        """The value of an option; None where the architecture has no such option."""
        return getattr(self.options, name, None)

    def needed_options(self, preprocessing: Preprocessing, num_classes: int) -> dict[str, Any]:
        """What `resnets.create_model` is to be given besides the name, for these images and classes.

        Args:
            preprocessing: of the images.
            num_classes: of the data.

        Returns:
            The user's options, and classes, channels and image size where they say nothing.
        """
        needed: dict[str, Any] = {
            "num_classes": num_classes,
            "in_channels": preprocessing.num_channels,
        }
        if self.option("include_top") is False:
            needed["include_top"] = True  # published weights without a classifier
        if not self.has_weights:
            # With weights it would exchange the stem, and what the weights know of it would be lost.
            needed["image_size"] = preprocessing.image_size
        return needed | dict(self.said)

    def blank_network(self, preprocessing: Preprocessing, num_classes: int) -> nn.Module:
        """Build the network without memory or values, to count what it costs.

        Args:
            preprocessing: of the images.
            num_classes: of the data.
        """
        import torch

        with torch.device("meta"):
            return self.random_network(preprocessing, num_classes)

    def random_network(self, preprocessing: Preprocessing, num_classes: int) -> nn.Module:
        """Build the network with random weights, to see how fast it is; nothing is downloaded.

        Args:
            preprocessing: of the images.
            num_classes: of the data.

        Raises:
            ConfigError: with every option that the architecture cannot take.
        """
        needed = self.needed_options(preprocessing, num_classes)
        return creation.create_model(self.architecture, **self.options.model_dump() | needed)


def model_facts(model: str) -> ModelFacts:
    """Find out what a model is.

    Args:
        model: as in `TrainingSettings.model`, not empty.

    Raises:
        UnknownNameError: if there is no such architecture, or no such weights.
        WeightsError: if there is no such file, or it is not a model file.
        ConfigError: with every option that the architecture cannot take.

    Example:
        >>> facts = model_facts("resnet18,stem=small")
        >>> facts.option("stem"), facts.has_weights, facts.made_for
        ('small', False, 224)
    """
    name, said = (model, {}) if Path(model).exists() else parse_model(model)
    if "/" in name or name.endswith(SUFFIX) or Path(name).is_file() or find_shipped(name):
        info = read_model_info(model_path(name))
        architecture, own, trained_with = info.architecture, info.options, info.preprocessing
    elif ":" in name:
        row = find_weights(name)
        architecture, own, trained_with = row.architecture, row.options, row.preprocessing
    else:
        found = find_architecture(name)
        _, options = creation.resolve(name, said)
        made_for = said.get("image_size", found.image_size)
        return ModelFacts(name, said, found.name, options, None, made_for)
    _, options = creation.resolve(architecture, {**own, **said})
    return ModelFacts(name, said, architecture, options, trained_with, trained_with.image_size)
