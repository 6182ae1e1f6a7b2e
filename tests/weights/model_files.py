"""Model files for tests: honest ones, and ones made by hand with whatever description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from resnets import create_model
from resnets.data.preprocessing_policy import Preprocessing
from resnets.weights.classifier import Classifier
from resnets.weights.model_file import digest


def small_classifier(
    *, seed: int = 0, names: tuple[str, ...] = ("cat", "dog", "eel"), **fields: Any
) -> Classifier:
    """A ResNet-20 with seeded random weights, for images of 32x32."""
    torch.manual_seed(seed)
    network = create_model("resnet20", num_classes=len(names))
    fields = {"preprocessing": Preprocessing(image_size=32), **fields}
    return Classifier.from_network(network, class_names=list(names), **fields)


def description(classifier: Classifier, **changes: Any) -> str:
    """What stands in the file, with other fields."""
    return json.dumps({"format_version": 1, **classifier.info.model_dump(mode="json"), **changes})


def write_by_hand(
    path: Path, words: str, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a file whose SHA-256 is right, whatever it says."""
    own = {name: tensor.contiguous() for name, tensor in tensors.items()}
    usual = {"format": "pt", "resnets": words, "sha256": digest(words, own)}
    path.write_bytes(save(own, usual if metadata is None else dict(metadata)))
    return path


def write_pets(path: Path, names: tuple[str, ...]) -> Path:
    """Thirty squares of noise with classes that take turns, to train on and to test with."""
    images = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), np.uint8)
    labels = np.arange(30) % len(names)
    np.savez(
        path,
        x_train=images,
        y_train=labels,
        x_test=images,
        y_test=labels,
        class_names=np.array(names),
    )
    return path
