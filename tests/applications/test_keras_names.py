"""The examples of Keras' documentation and of classification_models' README, with their import lines changed.

The published weights come from a server on this machine, with random values.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import resnets
from resnets import applications
from resnets.applications import Classifiers
from resnets.applications.imagenet_utils import decode_predictions, preprocess_input
from resnets.errors import ConfigError, DataError, UnknownNameError, UnsupportedError
from resnets.weights.from_keras import ours_to_keras
from resnets.weights.keras_writer import write_keras_h5

from ..weights.publishing import published

PHOTO = Path(__file__).parents[2] / "examples" / "cat.jpg"

pytest.importorskip("h5py")


@pytest.fixture
def resnet50(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    torch.manual_seed(0)
    network = resnets.create_model("resnet50_keras").eval()
    file = write_keras_h5(tmp_path / "resnet50.h5", ours_to_keras(network))
    server = published("resnet50_keras:keras", file, tmp_path / "cache", monkeypatch)
    with server:
        applications.ResNet50()  # downloads
    return network


def test_classify_with_resnet50(resnet50: torch.nn.Module) -> None:
    from resnets.applications import image
    from resnets.applications.resnet50 import ResNet50, decode_predictions, preprocess_input

    model = ResNet50(weights="imagenet")

    img = image.load_img(PHOTO, target_size=(224, 224))
    x = image.img_to_array(img)
    x = np.expand_dims(x, axis=0)
    x = preprocess_input(x)

    preds = model.predict(x)
    decoded = decode_predictions(preds, top=3)[0]

    bgr = np.asarray(img, np.float32)[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)
    with torch.no_grad():
        expected = resnet50(torch.from_numpy(bgr.transpose(2, 0, 1).copy())[None]).softmax(1)[0]
    assert preds.shape == (1, 1000)
    np.testing.assert_allclose(preds[0], expected.numpy(), atol=1e-6)
    best = np.argsort(-expected.numpy(), kind="stable")[:3]
    labels = resnets.label_set("imagenet")
    assert labels.ids is not None
    assert [entry[0] for entry in decoded] == [labels.ids[i] for i in best]
    assert decoded[0][2] == pytest.approx(expected.max().item(), abs=1e-6)


def test_extract_features(resnet50: torch.nn.Module) -> None:
    from resnets.applications.resnet50 import ResNet50

    x = np.random.default_rng(0).normal(size=(2, 64, 96, 3)).astype(np.float32)
    maps = ResNet50(weights="imagenet", include_top=False).predict(x)
    averages = ResNet50(weights="imagenet", include_top=False, pooling="avg").predict(x)
    maxima = ResNet50(weights="imagenet", include_top=False, pooling="max").predict(x)
    assert maps.shape == (2, 2, 3, 2048)
    np.testing.assert_allclose(averages, maps.mean((1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(maxima, maps.max((1, 2)), rtol=1e-4, atol=1e-5)


def test_classification_models_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = resnets.create_model("resnet18_cm").eval()
    file = write_keras_h5(tmp_path / "resnet18.h5", ours_to_keras(network))
    with published("resnet18_cm:cm", file, tmp_path / "cache", monkeypatch):
        ResNet18, preprocess_input = Classifiers.get("resnet18")  # noqa: N806 - as in the README

        x = np.random.default_rng(1).uniform(0, 255, (224, 224, 3))
        x = preprocess_input(x)
        x = np.expand_dims(x, 0)

        model = ResNet18(input_shape=(224, 224, 3), weights="imagenet", classes=1000)
        y = model.predict(x)
    with torch.no_grad():
        expected = network(torch.from_numpy(x.transpose(0, 3, 1, 2)).float()).softmax(1)
    np.testing.assert_allclose(y, expected.numpy(), atol=1e-6)
    assert len(decode_predictions(y)[0]) == 5


@pytest.mark.parametrize("name", Classifiers.models_names())
def test_every_name_builds(name: str) -> None:
    make, prepare = Classifiers.get(name)
    with torch.device("meta"):
        model = make(input_shape=(64, 64, 3), include_top=False, weights=None)
    assert sum(p.numel() for p in model.network.parameters()) > 5e6
    before = np.full((1, 4, 4, 3), 100.0)
    after = prepare(before)
    assert after.shape == before.shape
    assert (before == 100).all()  # Keras' own changes its input


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("caffe", [30 - 103.939, 20 - 116.779, 10 - 123.68]),
        ("tf", [10 / 127.5 - 1, 20 / 127.5 - 1, 30 / 127.5 - 1]),
        (
            "torch",
            [(10 / 255 - 0.485) / 0.229, (20 / 255 - 0.456) / 0.224, (30 / 255 - 0.406) / 0.225],
        ),
    ],
)
def test_preprocessing_by_mode(mode: str, expected: list[float]) -> None:
    x = np.array([[[[10.0, 20.0, 30.0]]]])
    np.testing.assert_allclose(preprocess_input(x, mode=mode)[0, 0, 0], expected, rtol=1e-5)  # type: ignore[arg-type]


def test_shapes_that_keras_would_print() -> None:
    model = applications.VGG16(weights=None, include_top=False)
    assert model.input_shape == (None, None, None, 3)
    assert model.output_shape == (None, None, None, 512)
    assert applications.DenseNet121(weights=None, classes=7).output_shape == (None, 7)


def test_scores_instead_of_probabilities() -> None:
    torch.manual_seed(0)
    model = applications.ResNet50V2(weights=None, classes=3, classifier_activation=None)
    scores = model.predict(np.zeros((1, 224, 224, 3)))
    with torch.no_grad():
        expected = model.network(torch.zeros(1, 3, 224, 224))
    np.testing.assert_allclose(scores, expected.numpy())


def test_errors() -> None:
    with pytest.raises(ConfigError) as wrong:
        applications.ResNet50(classes=10)
    assert str(wrong.value) == (
        "1 problem in the arguments of ResNet50: weights='imagenet' with include_top=True need "
        "classes=1000, got 10"
    )
    with pytest.raises(UnsupportedError, match=r"cannot be put behind a Keras tensor; call it instead$"):
        applications.ResNet50(weights=None, input_tensor=object())
    with pytest.raises(UnknownNameError, match=r"^no network of classification_models named 'resnet51'"):
        Classifiers.get("resnet51")
    with pytest.raises(
        DataError, match=r"^decode_predictions expects scores of shape \(N, 1000\), got \(1, 10\)$"
    ):
        decode_predictions(np.zeros((1, 10)))
    with pytest.raises(ConfigError, match="mode must be 'caffe', 'tf' or 'torch', got 'jax'"):
        preprocess_input(np.zeros(3), mode="jax")  # type: ignore[arg-type]
