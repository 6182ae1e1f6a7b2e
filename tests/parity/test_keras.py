"""Keras' networks and files of weights, with our names for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import resnets
from resnets.registry import find_architecture
from resnets.weights.from_keras import identify_keras, keras_to_ours, ours_to_keras
from resnets.weights.hdf5 import read_hdf5
from resnets.weights.keras_writer import write_keras_h5

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

TOLERANCE = 1e-5
IMAGES = np.random.default_rng(1).normal(size=(2, 64, 64, 3)).astype(np.float32)  # NHWC


@dataclass(frozen=True)
class Case:
    """One network of theirs that is a network of ours."""

    theirs: str
    ours: str
    top: bool = True
    side: int = 64
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.theirs}-{'top' if self.top else 'no_top'}"


NAMES = {
    **{f"ResNet{depth}": f"resnet{depth}_keras" for depth in (50, 101, 152)},
    **{f"ResNet{depth}V2": f"resnetv2_{depth}_keras" for depth in (50, 101, 152)},
    **{f"DenseNet{depth}": f"densenet{depth}_keras" for depth in (121, 169, 201)},
    "VGG16": "vgg16",
    "VGG19": "vgg19",
}
TOPS = [
    Case(theirs, ours, options={"image_size": 64} if theirs.startswith("VGG") else {})
    for theirs, ours in NAMES.items()
]
HEADLESS = [
    Case(name, NAMES[name], top=False, side=32)
    for name in ("ResNet50", "ResNet50V2", "DenseNet121", "VGG16")
]


@pytest.fixture(scope="module")
def keras() -> ModuleType:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    module: ModuleType = pytest.importorskip("keras")
    if module.backend.backend() != "torch":
        pytest.skip("keras runs on another backend")
    return module


def make_theirs(keras: ModuleType, case: Case, seed: int = 0) -> Any:
    """Their network with random weights, whose norms have roughly the statistics of the images."""
    keras.utils.clear_session()
    top = {"classes": 7, "classifier_activation": None} if case.top else {}
    model = getattr(keras.applications, case.theirs)(
        weights=None, include_top=case.top, input_shape=(case.side, case.side, 3), **top
    )
    randomize(keras, model, IMAGES[:, : case.side, : case.side], np.random.default_rng(seed))
    return model


def randomize(keras: ModuleType, model: Any, images: Any, random: np.random.Generator) -> None:
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in model.layers:
        weights = layer.get_weights()
        if layer in norms:
            size = weights[0].shape
            weights[:2] = random.uniform(0.5, 1.5, size), random.normal(0, 0.2, size)
            layer.momentum = 0.0
        elif weights:
            fan_in = weights[0][..., 0].size
            weights[0] = random.normal(0, (2 / fan_in) ** 0.5, weights[0].shape)
            weights[1:] = [random.normal(0, 0.1, bias.shape) for bias in weights[1:]]
        layer.set_weights(weights)
    with torch.no_grad():
        model(images, training=True)
    for layer in norms:
        gamma, beta, mean, variance = layer.get_weights()
        variance = np.maximum(variance, 1e-3)  # of a map of few pixels, it may be below 0
        mean += 0.2 * variance**0.5 * random.normal(size=mean.shape)
        variance *= random.uniform(0.5, 1.5, variance.shape)
        layer.set_weights([gamma, beta, mean, variance])


def assert_same_outputs(theirs: Any, ours: nn.Module, case: Case) -> None:
    images = IMAGES[:, : case.side, : case.side]
    with torch.no_grad():
        expected = theirs(images, training=False).detach().cpu().numpy()
        got = ours.eval()(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    expected = expected if case.top else expected.transpose(0, 3, 1, 2)
    assert got.shape == expected.shape
    scale = np.abs(expected).max()
    assert scale > 0.01
    difference = np.abs(got - expected).max() / scale
    assert difference <= TOLERANCE, f"{difference:.1e} of {scale:.1e}"


def save(theirs: Any, path: Path) -> Path:
    """Write only the weights, or the whole network where the file is not one of weights."""
    write = theirs.save_weights if path.name.endswith(".weights.h5") else theirs.save
    write(path)
    return path


def options_of(case: Case) -> dict[str, Any]:
    kind = {"num_classes": 7} if case.top else {"include_top": False}
    return kind | dict(case.options)


def from_file(path: Path, case: Case) -> nn.Module:
    """Our network with the weights of a file, which says itself what it is of."""
    layers = read_hdf5(path)
    found = identify_keras(layers)
    assert found is not None
    assert (found.architecture, found.publisher) == (case.ours, "Keras applications")
    assert found.options == options_of(case)
    pooling = {} if found.include_top else {"pooling": "none"}
    network = resnets.create_model(found.architecture, **found.options, **pooling)
    network.load_state_dict(keras_to_ours(layers, network))
    return network


@pytest.mark.parametrize("case", [*TOPS, *HEADLESS], ids=str)
def test_there_and_back(case: Case, keras: ModuleType, tmp_path: Path) -> None:
    """Half of the cases in each of the layouts of Keras 3 and of its forerunners."""
    theirs = make_theirs(keras, case)
    before = theirs.get_weights()
    path = save(theirs, tmp_path / ("theirs.h5" if case.top else "theirs.weights.h5"))
    ours = from_file(path, case)
    assert_same_outputs(theirs, ours, case)

    theirs.set_weights([np.zeros_like(array) for array in before])
    path = tmp_path / ("ours.weights.h5" if case.top else "ours.h5")
    theirs.load_weights(write_keras_h5(path, ours_to_keras(ours)))
    assert_same_outputs(theirs, ours, case)
    same = [np.array_equal(a, b) for a, b in zip(before, theirs.get_weights(), strict=True)]
    # What folds, the biases and means of ResNet, comes back as the same function; all else bit for bit.
    folds = case.ours.startswith("resnet") and "v2" not in case.ours
    convolutions = sum(isinstance(layer, keras.layers.Conv2D) for layer in theirs.layers)
    assert same.count(False) == (2 * convolutions if folds else 0)


def test_archives(keras: ModuleType, tmp_path: Path) -> None:
    theirs = make_theirs(keras, TOPS[0])
    assert_same_outputs(theirs, from_file(save(theirs, tmp_path / "model.keras"), TOPS[0]), TOPS[0])


@pytest.mark.parametrize("case", TOPS[3:6], ids=str)
def test_multiply_adds(case: Case, keras: ModuleType) -> None:
    """Where the stride stands decides; summed over Keras' own layers."""
    theirs = getattr(keras.applications, case.theirs)(weights=None)
    total = 0
    for layer in theirs.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            places = np.prod(layer.output.shape[1:-1])  # height times width
            total += int(places) * int(np.prod(layer.kernel.shape))
    row = find_architecture(case.ours)
    assert row.multiply_adds == total
    trainable = sum(int(np.prod(weight.shape)) for weight in theirs.trainable_weights)
    assert row.parameters == trainable
