from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import resnets
from resnets.deployment.predicting import predict
from resnets.errors import ConfigError, ImageError, WeightsError
from resnets.weights.classifier import Classifier
from resnets.weights.model_file import write_model
from resnets.weights.prediction import Prediction

PHOTOS = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def model() -> Classifier:
    network = resnets.create_model("resnet20", num_classes=3)
    preprocessing = resnets.Preprocessing(image_size=32)
    return Classifier.from_network(
        network, class_names=["cat", "dog", "eel"], preprocessing=preprocessing
    )


def names(answers: Iterator[Prediction | ImageError]) -> list[str]:
    return [
        Path(answer.image if isinstance(answer, Prediction) else f"!{answer.source}").name
        for answer in answers
    ]


IN_FOLDER = ["cat.jpg", "coffee.jpg", "eagle.jpg", "rocket.jpg"]


def test_folders_patterns_files_and_bytes(model: Classifier) -> None:
    assert names(predict(PHOTOS, model=model)) == IN_FOLDER
    assert names(predict(f"{PHOTOS}/*c*.jpg", model=model)) == ["cat.jpg", "coffee.jpg", "rocket.jpg"]
    given: list[Path | bytes | str] = [
        PHOTOS / "cat.jpg",
        (PHOTOS / "eagle.jpg").read_bytes(),
        str(PHOTOS),
    ]
    assert names(predict(given, model=model)) == ["cat.jpg", "", *IN_FOLDER]
    assert names(predict((PHOTOS / "cat.jpg").read_bytes(), model=model)) == [""]
    assert names(predict([], model=model)) == []
    assert resnets.predict is predict


def test_the_answers_are_those_of_the_classifier(model: Classifier) -> None:
    answers = list(predict(PHOTOS, model=model, top=2, crops=5, flip=True, batch_size=3))
    assert answers == model.predict(
        [PHOTOS / name for name in IN_FOLDER], top=2, crops=5, flip=True, batch_size=3
    )


def test_models_by_file_and_by_run_folder(model: Classifier, tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.safetensors", model.network, model.info)
    expected = list(predict(PHOTOS, model=model))
    for name in (path, str(path), tmp_path):
        assert list(predict(PHOTOS, model=name)) == expected
    with pytest.raises(WeightsError):
        predict(PHOTOS, model=tmp_path / "nowhere")  # before the first answer is asked for


def test_bad_files_are_answers_too(model: Classifier, tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"<html>")
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    answers = list(predict([tmp_path, "nowhere.jpg", b""], model=model))
    assert isinstance(answers[0], Prediction)
    assert [str(answer) for answer in answers[1:]] == [
        f"{tmp_path}/b.jpg: is an HTML page; was it saved by a failed download?",
        "nowhere.jpg: there is no such file",
        "the file is empty",
    ]


def test_the_decode_policy_can_be_changed(model: Classifier) -> None:
    (refused,) = predict(PHOTOS / "cat.jpg", model=model, decoding={"max_pixels": 1000})
    assert isinstance(refused, ImageError)
    assert refused.reason == "too large"
    file = io.BytesIO()
    Image.fromarray(np.ones((16, 16), np.float32)).save(file, "TIFF")
    assert isinstance(next(predict(file.getvalue(), model=model)), ImageError)
    assert isinstance(
        next(predict(file.getvalue(), model=model, decoding={"float_range": [0, 1]})), Prediction
    )
    assert model.preprocessing.decoding.float_range is None


def test_arguments_are_checked_before_the_first_answer(model: Classifier) -> None:
    with pytest.raises(ConfigError) as caught:
        predict(PHOTOS, model=model, decoding={"max_pixel": 3})
    assert (
        str(caught.value)
        == "1 problem in the decode policy: max_pixel is unknown, did you mean max_pixels?"
    )
    with pytest.raises(ConfigError, match="top must be at least 1, got 0"):
        predict(PHOTOS, model=model, top=0)


def test_a_large_folder_is_not_read_at_once(model: Classifier) -> None:
    read: list[int] = []

    def inputs() -> Iterator[Path]:
        for number in range(200):
            read.append(number)
            yield PHOTOS / "cat.jpg"

    answers = predict(inputs(), model=model, batch_size=4)
    assert read == []
    next(answers)
    assert len(read) <= 12


def test_without_a_model_the_one_in_the_package_answers() -> None:
    (answer,) = predict(PHOTOS / "cat.jpg")
    assert isinstance(answer, Prediction)
    assert answer == resnets.load("resnet18:tiny_imagenet").predict(PHOTOS / "cat.jpg")[0]
