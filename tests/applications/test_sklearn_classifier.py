"""`ResNetClassifier`: what it takes, what it gives, and that scikit-learn's tools work with it."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import resnets
from resnets.applications.sklearn_images import as_images, as_labels
from resnets.errors import ConfigError, DataError, MissingDependencyError

EXPECTED = (
    "X must be an array (N, H, W), (N, H, W, 1) or (N, H, W, 3) of whole numbers 0 to 255 or of "
    "floating-point numbers 0 to 1, or a sequence of paths; got "
)
RESHAPE = ". Rows of a table become images with X.reshape(len(X), height, width)"
PARAMETERS: dict[str, Any] = {
    "model": "resnet8",
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": np.float64(0.1),
    "random_state": 0,
}


def squares(number: int, *, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """Dark and light images in turn, 8x8."""
    labels = np.array(["dark", "light"])[np.arange(number) % 2]
    pixels = np.random.default_rng(seed).integers(0, 90, (number, 8, 8))
    return (pixels + 160 * (labels == "light")[:, None, None]).astype(np.uint8), labels


@pytest.fixture(scope="module")
def fitted() -> resnets.ResNetClassifier:
    images, labels = squares(48)
    return resnets.ResNetClassifier(**PARAMETERS).fit(images, labels)


def test_it_learns(fitted: resnets.ResNetClassifier) -> None:
    images, labels = squares(20, seed=1)
    assert fitted.classes_.tolist() == ["dark", "light"]
    assert fitted.score(images, labels) == 1.0
    probabilities = fitted.predict_proba(images)
    assert probabilities.shape == (20, 2)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-12)
    assert fitted.predict(images).tolist() == labels.tolist()
    assert [record.epoch for record in fitted.history_] == [1, 2, 3]


def test_all_kinds_of_images_are_seen_alike(fitted: resnets.ResNetClassifier, tmp_path: Path) -> None:
    images, _ = squares(4, seed=1)
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    expected = fitted.predict_proba(images)
    others: list[Any] = [images[..., None], images / 255, images.astype(int), images.tolist(), paths]
    for same in (*others, np.array([str(path) for path in paths])):
        np.testing.assert_allclose(fitted.predict_proba(same), expected, atol=1e-6)


def test_it_travels(fitted: resnets.ResNetClassifier, tmp_path: Path) -> None:
    images, _ = squares(4, seed=1)
    expected = fitted.predict_proba(images)
    copied = pickle.loads(pickle.dumps(fitted))
    assert (copied.predict_proba(images) == expected).all()
    fitted.model_.save(tmp_path / "model.safetensors")
    answer = resnets.load(tmp_path / "model.safetensors").predict(images[1])[0]
    assert answer.label == "light"
    assert answer.probability == pytest.approx(expected[1].max(), abs=1e-5)


def test_the_same_seed_gives_the_same_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = squares(40)
    base = resnets.ResNetClassifier(**PARAMETERS | {"epochs": 2}, validation_fraction=0.25, verbose=1)
    first = base.set_params(output=tmp_path / "run").fit(images, labels)
    second = clone(base).set_params(output=None, verbose=0).fit(images, labels)
    assert (first.predict_proba(images) == second.predict_proba(images)).all()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert "val-top1 " in lines[0]
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.slow
def test_grid_search() -> None:
    images, labels = squares(24)
    search = GridSearchCV(
        resnets.ResNetClassifier(**PARAMETERS),
        {"learning_rate": np.array([1e-6, 0.1]), "epochs": np.array([3])},
        cv=2,
    ).fit(images, labels)
    assert search.best_params_ == {"learning_rate": 0.1, "epochs": 3}
    assert search.score(images, labels) == 1.0


def test_parameters_are_checked_when_it_is_fitted() -> None:
    wrong = resnets.ResNetClassifier(**PARAMETERS | {"epochs": 0, "batch_size": 1.5})
    with pytest.raises(ConfigError) as caught:
        wrong.fit(*squares(8))
    assert str(caught.value) == (
        "2 problems in ResNetClassifier: epochs must be greater than or equal to 1, got 0; "
        "batch_size must be integer, got 1.5"
    )


def test_predicting_needs_fitting() -> None:
    with pytest.raises(NotFittedError):
        resnets.ResNetClassifier().predict(squares(2)[0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: np.zeros((5, 64)), f"{EXPECTED}float64 of shape (5, 64){RESHAPE}"),
        (lambda: np.zeros((5, 8, 8, 4)), f"{EXPECTED}float64 of shape (5, 8, 8, 4)"),
        (lambda: np.zeros((0, 8, 8)), f"{EXPECTED}float64 of shape (0, 8, 8)"),
        (lambda: np.zeros((5, 8, 8), bool), f"{EXPECTED}bool of shape (5, 8, 8)"),
        (list, f"{EXPECTED}float64 of shape (0,)"),
        (
            lambda: [np.zeros((8, 8)), np.zeros((9, 9))],
            f"{EXPECTED}images of several sizes: resize them, or give their paths",
        ),
        (
            lambda: np.full((2, 8, 8), 255.0),
            "floating-point numbers in X must be 0 to 1, without NaN or inf; got 255 to 255. Divide by "
            "255, or by what white is",
        ),
        (
            lambda: np.full((2, 8, 8), np.nan),
            "floating-point numbers in X must be 0 to 1, without NaN or inf; got nan to nan. Divide by "
            "255, or by what white is",
        ),
        (
            lambda: np.full((2, 8, 8), -1),
            "whole numbers in X must be 0 to 255, without NaN or inf; got -1 to -1",
        ),
    ],
)
def test_what_are_no_images(given: Callable[[], object], message: str) -> None:
    with pytest.raises(DataError) as caught:
        as_images(given())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            None,
            "ResNetClassifier requires y to be passed, but the target y is None: give the class of each "
            "image",
        ),
        ([0, 1], "X has 3 images and y 2 labels; each image needs one"),
        (["a", "a", "a"], "there is only one class, a; a classifier needs two"),
    ],
)
def test_what_are_no_labels(labels: object, message: str) -> None:
    with pytest.raises(DataError) as caught:
        as_labels(labels, num_images=3)
    assert str(caught.value) == message


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    spec = importlib.util.find_spec("resnets.applications.sklearn_classifier")
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(MissingDependencyError) as caught:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert str(caught.value) == "ResNetClassifier needs scikit-learn: pip install 'resnets[sklearn]'"
