"""Layers of Keras files become networks and come back; what does not fit is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import resnets
from resnets.errors import MissingDependencyError, UnsupportedError, WeightsMismatchError
from resnets.weights.from_keras import LAYOUTS, identify_keras, keras_to_ours, ours_to_keras
from resnets.weights.hdf5 import KerasLayer, read_hdf5
from resnets.weights.keras_layout import find_slots
from resnets.weights.keras_writer import write_keras_h5


def meta_layers(name: str, **options: Any) -> list[KerasLayer]:
    """The layers of a network without memory: arrays of the right shape that take none."""
    network = resnets.create_model(name, **options)
    return [
        KerasLayer(
            layer.name, {n: np.broadcast_to(np.float32(0), a.shape) for n, a in layer.weights.items()}
        )
        for layer in ours_to_keras(network)
    ]


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    network = resnets.create_model("resnet18_cm", num_classes=5)
    for buffer in network.buffers():
        if buffer.dtype.is_floating_point:
            buffer.uniform_(0.5, 1.5)
    return network


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet50_keras", {}),
        ("resnet50_keras", {"num_classes": 5, "in_channels": 1}),
        ("resnet101_keras", {"include_top": False}),
        ("resnetv2_50_keras", {"num_classes": 3}),
        ("densenet121_keras", {}),
        ("vgg16", {"num_classes": 2, "image_size": 64}),
        ("vgg19", {"include_top": False}),
        ("resnet50_cm", {"num_classes": 11586}),
        ("seresnet50_cm", {}),
        ("seresnet18_cm", {"include_top": False}),
        ("seresnext50_cm", {}),
        ("resnext50_cm", {}),
    ],
    ids=str,
)
def test_networks_are_recognized(name: str, options: dict[str, Any]) -> None:
    found = identify_keras(meta_layers(name, **options))
    assert found is not None
    assert (found.architecture, found.options) == (name, options)
    assert found.publisher == ("classification_models" if name.endswith("_cm") else "Keras applications")
    assert found.include_top == options.get("include_top", True)


def test_every_layout_covers_its_network() -> None:
    for name in LAYOUTS:
        for options in ({}, {"include_top": False}):
            with torch.device("meta"):
                ours_network = resnets.create_model(name, **options)
            slots = find_slots(ours_network, LAYOUTS[name])
            names = [layer for slot in slots for layer in slot.names]
            assert len(set(names)) == len(names), name


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ([], "nothing"),
        ([KerasLayer("a", {"k": np.zeros((3, 3, 3, 64), "f4")})], "one convolution"),
        ([KerasLayer("a", {"k": np.zeros((3, 3, 3), "f4")})], "no known layer"),
    ],
    ids=str,
)
def test_other_networks_are_not(layers: list[KerasLayer], why: str) -> None:
    assert identify_keras(layers) is None, why


def test_a_variant_is_not_recognized() -> None:
    layers = meta_layers("resnet18_cm")
    assert identify_keras(layers[:-3] + layers[-2:]) is None
    assert identify_keras([*layers, layers[-1]]) is None


@pytest.mark.parametrize("file", ["a.h5", "a.weights.h5"])
def test_there_and_back(network: torch.nn.Module, file: str, tmp_path: Path) -> None:
    layers = read_hdf5(write_keras_h5(tmp_path / file, ours_to_keras(network)))
    state = keras_to_ours(layers, network)
    expected = network.state_dict()
    assert state.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(state[name], tensor), name


def test_long_lists_of_names_are_parted(tmp_path: Path) -> None:
    layers = [KerasLayer(f"{i:0100}", {f"{i:0100}/k": np.array([i], np.float32)}) for i in range(2000)]
    back = read_hdf5(write_keras_h5(tmp_path / "a.h5", layers))
    assert [layer.name for layer in back] == [layer.name for layer in layers]


def test_what_does_not_fit(network: torch.nn.Module) -> None:
    layers = ours_to_keras(network)
    cases = {
        "got 20 convolutions, 19 norms and 1 dense layers, "
        "expected 21 convolutions, 19 norms and 1 dense layers": [
            x for x in layers if x.name != "conv0"
        ],
        "the layer 'fc1' has arrays of 512x5, expected 512x5 and 5 for classifier": [
            *layers[:-1],
            KerasLayer("fc1", dict(list(layers[-1].weights.items())[:1])),
        ],
        "the layer 'odd' with arrays of 2x3x4 is neither a convolution nor a norm nor dense": [
            *layers,
            KerasLayer("odd", {"w": np.zeros((2, 3, 4), "f4")}),
        ],
    }
    for problem, given in cases.items():
        with pytest.raises(WeightsMismatchError) as caught:
            keras_to_ours(given, network)
        assert str(caught.value) == f"Keras weights do not fit resnet18_cm: {problem}"


def test_networks_that_keras_does_not_have() -> None:
    with pytest.raises(UnsupportedError) as caught:
        ours_to_keras(resnets.create_model("resnet20"))
    assert str(caught.value) == (
        f"Keras has no network like resnet20; there is a layout for {', '.join(LAYOUTS)}"
    )


def test_missing_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError) as caught:
        write_keras_h5(tmp_path / "a.h5", [])
    assert str(caught.value) == "writing .h5 files needs h5py: pip install 'resnets[weights]'"
