"""A network whose answers can be told beforehand, and images for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from resnets import Classifier, Preprocessing
from resnets.config import validate
from resnets.data.dataset import Dataset, Split
from resnets.weights.model_info import ModelInfo

COLOURS = ("red", "green", "blue")


class ColourNet(nn.Module):
    """Answers with the mean of each channel, times `sharpness`."""

    def __init__(self, sharpness: float = 1.0) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(float(sharpness)))

    def forward(self, images: Tensor) -> Tensor:
        means: Tensor = images.mean((2, 3)) * self.sharpness
        return means


def colour_model(sharpness: float = 1.0, size: int = 8, **fields: Any) -> Classifier:
    """A model of three colours."""
    preprocessing = {"image_size": size, "mean": [0, 0, 0], "std": [1, 1, 1]}
    values: dict[str, Any] = {
        "architecture": "resnet20",
        "options": {"num_classes": 3},
        "class_names": list(COLOURS),
        "preprocessing": preprocessing,
        **fields,
    }
    return Classifier(ColourNet(sharpness), validate(ModelInfo, values, source="a test"))


def colour_images(answers: list[int], *, size: int = 8, seed: int | None = None) -> NDArray[np.uint8]:
    """Images of single colours; with a seed, of noise that is mostly of that colour."""
    images = np.zeros((len(answers), size, size, 3), np.uint8)
    images[np.arange(len(answers)), :, :, answers] = 200
    if seed is not None:
        images //= 4
        images += np.random.default_rng(seed).integers(0, 120, (len(answers), 1, 1, 3), np.uint8)
    return images


def colour_data(answers: list[int], labels: list[int], **fields: Any) -> Dataset:
    """A data set with one split, 'test', of images that `colour_model` answers so."""
    values: dict[str, Any] = {
        "name": "colours",
        "kind": "arrays",
        "root": Path("colours.npz"),
        "class_names": COLOURS,
        "splits": {"test": Split("test", colour_images(answers), np.array(labels))},
        **fields,
    }
    return Dataset(**values)


def preprocessing_of(model: Classifier) -> Preprocessing:
    return model.info.preprocessing
