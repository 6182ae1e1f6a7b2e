"""Every kind of image, alone and in batches; the same answer whatever the company."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from resnets import create_model
from resnets.data.decode_policy import DecodePolicy
from resnets.data.preprocessing import prepare
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ConfigError, ImageError, UnsupportedError
from resnets.weights.classifier import Classifier
from resnets.weights.prediction import Prediction

from .model_files import small_classifier

PHOTOS = sorted((Path(__file__).parents[2] / "examples").glob("*.jpg"))
NAMES = tuple(f"class {i}" for i in range(10))


@pytest.fixture(scope="module")
def model() -> Classifier:
    return small_classifier(names=NAMES)


def noise(seed: int, height: int = 40, width: int = 50, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def as_png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def table(predictions: list[Prediction], model: Classifier) -> np.ndarray:
    """Probabilities in the order of the classes."""
    rows = np.zeros((len(predictions), len(model.class_names)))
    for row, prediction in zip(rows, predictions, strict=True):
        for c in prediction.classes:
            assert c.label == model.class_names[c.index]
            row[c.index] = c.probability
    return rows


def expected(model: Classifier, batch: torch.Tensor) -> np.ndarray:
    """With nothing but the network and softmax."""
    with torch.no_grad():
        result: np.ndarray = model.network(batch).softmax(1).numpy()
    return result


def test_probabilities_are_those_of_the_network(model: Classifier) -> None:
    images = [noise(i) for i in range(5)]
    answers = model.predict(images, top=10)
    batch = torch.stack([torch.from_numpy(prepare(image, model.preprocessing)) for image in images])
    np.testing.assert_allclose(table(answers, model), expected(model, batch), atol=1e-6)
    for answer in answers:
        values = [c.probability for c in answer.classes]
        assert values == sorted(values, reverse=True)
        assert sum(values) == pytest.approx(1, abs=1e-5)
        assert (answer.label, answer.probability) == (answer.classes[0].label, values[0])


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 64])
def test_company_changes_nothing(model: Classifier, batch_size: int) -> None:
    images: list[Any] = [*PHOTOS, *(noise(i, 30 + i) for i in range(7))]
    alone = [model.predict(image, top=10)[0] for image in images]
    together = model.predict(images, top=10, batch_size=batch_size)
    np.testing.assert_allclose(table(together, model), table(alone, model), atol=1e-5)
    for one, other in zip(alone, together, strict=True):
        assert [c.label for c in one.classes] == [c.label for c in other.classes]
        assert one.image == other.image


def test_every_kind_of_image(model: Classifier, tmp_path: Path) -> None:
    pixels = noise(3)
    path = tmp_path / "x.png"
    path.write_bytes(as_png(pixels))
    prepared = prepare(pixels, model.preprocessing)
    kinds: list[Any] = [
        path,
        str(path),
        as_png(pixels),
        bytearray(as_png(pixels)),
        memoryview(as_png(pixels)),
        Image.open(path),
        pixels,
        torch.from_numpy(pixels).permute(2, 0, 1),
        prepared,
        prepared.astype(np.float64),
        torch.from_numpy(prepared),
        torch.from_numpy(prepared).double().requires_grad_(),
    ]
    rows = table(model.predict(kinds, top=10), model)
    np.testing.assert_allclose(rows, np.tile(rows[0], (len(kinds), 1)), atol=1e-5)
    for kind in kinds:
        assert len(model.predict(kind)) == 1
    assert [answer.image for answer in model.predict(kinds)] == [str(path), str(path)] + [""] * 10


def test_half_precision_tensors(model: Classifier) -> None:
    prepared = torch.from_numpy(prepare(noise(3), model.preprocessing))
    rows = table(model.predict([prepared, prepared.half(), prepared.bfloat16()], top=10), model)
    np.testing.assert_allclose(rows[1], rows[0], atol=0.01)
    np.testing.assert_allclose(rows[2], rows[0], atol=0.1)


def test_batches_in_one_array(model: Classifier) -> None:
    pixels = np.stack([noise(i) for i in range(3)])
    values = torch.stack([torch.from_numpy(prepare(image, model.preprocessing)) for image in pixels])
    rows = expected(model, values)
    for batch in (pixels, torch.from_numpy(pixels).permute(0, 3, 1, 2), values, values.numpy()):
        np.testing.assert_allclose(table(model.predict(batch, top=10), model), rows, atol=1e-5)
    assert model.predict([]) == []
    assert model.predict(values[:0]) == []


def test_prepared_images_of_several_sizes(model: Classifier) -> None:
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn(3, side, side, generator=generator) for side in (32, 32, 48, 32, 40, 40)]
    rows = np.concatenate([expected(model, image[None]) for image in images])
    np.testing.assert_allclose(table(model.predict(images, top=10), model), rows, atol=1e-5)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("crops", [1, 5])
def test_test_time_augmentation_is_an_average(flip: bool, crops: Any) -> None:
    model = small_classifier(names=NAMES, preprocessing=Preprocessing(image_size=32, resize_size=40))
    image = noise(1, 40, 50)  # the shorter side is 40 already: crops are slices
    places = [(4, 9), (0, 0), (0, 18), (8, 0), (8, 18)][:crops]
    parts = [image[top : top + 32, left : left + 32] for top, left in places]
    if flip:
        parts += [part[:, ::-1] for part in parts]
    usual = Preprocessing(image_size=32)
    batch = torch.stack([torch.from_numpy(prepare(part, usual)) for part in parts])
    answers = model.predict([image, image], top=10, crops=crops, flip=flip)
    mean = expected(model, batch).mean(0)
    np.testing.assert_allclose(table(answers, model), np.stack([mean, mean]), atol=1e-5)


def test_prepared_images_can_be_flipped(model: Classifier) -> None:
    values = torch.randn(3, 32, 32)
    mean = expected(model, torch.stack([values, values.flip(-1)])).mean(0)
    np.testing.assert_allclose(
        table(model.predict(values, top=10, flip=True), model)[0], mean, atol=1e-5
    )


@pytest.mark.parametrize("top", [1, 3, 10, 11, 1000])
def test_no_more_classes_than_there_are(model: Classifier, top: int) -> None:
    assert len(model.predict(noise(0), top=top)[0].classes) == min(top, 10)


BAD: tuple[Any, ...] = (
    "nowhere.jpg",
    b"",
    b"\xff\xd8\xff\xe0",
    noise(0, 5, 5),
    np.zeros((3, 32, 32), np.int64),
    torch.zeros(32, 32, 32, 3, dtype=torch.uint8),
    torch.zeros(2, 3, 32, 32, dtype=torch.uint8),
    torch.zeros(1, 32, 32),
    torch.zeros(3, 1, 1),
    torch.zeros(3, 0, 0),
    None,
    7,
)


def test_bad_images_do_not_stop_the_others(model: Classifier) -> None:
    images = list(itertools.chain.from_iterable((noise(i), bad) for i, bad in enumerate(BAD)))
    answers = list(model.predict_each(images, batch_size=5, top=10))
    assert len(answers) == len(images)
    good, bad = answers[::2], answers[1::2]
    assert all(isinstance(answer, ImageError) for answer in bad)
    alone = [model.predict(noise(i), top=10)[0] for i in range(len(BAD))]
    assert all(isinstance(answer, Prediction) for answer in good)
    np.testing.assert_allclose(table(good, model), table(alone, model), atol=1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_predict_raises_the_first_error(model: Classifier, number: int) -> None:
    with pytest.raises(ImageError):
        model.predict([noise(0), BAD[number], noise(1)])


def test_the_words_for_a_wrong_shape(model: Classifier) -> None:
    with pytest.raises(ImageError) as caught:
        model.predict(np.zeros((32, 32, 3)))
    assert str(caught.value) == (
        "floating-point values are taken as preprocessed, (3, H, W) and one crop; got shape (32, 32, 3) "
        "and 1. Hand pixels over as uint8"
    )


@pytest.mark.parametrize("batch_size", [1, 4])
def test_images_are_read_when_they_are_needed(model: Classifier, batch_size: int) -> None:
    read = 0

    def images() -> Iterator[np.ndarray]:
        nonlocal read
        for number in range(100):
            read += 1
            yield noise(number)

    answers = model.predict_each(images(), batch_size=batch_size)
    assert read == 0
    for seen in range(1, 30):
        next(answers)
        batches = -(-seen // batch_size)
        assert read <= (batches + 2) * batch_size
    answers.close()  # type: ignore[attr-defined]
    assert read <= 11 * batch_size + 30


def test_errors_of_the_source_come_through(model: Classifier) -> None:
    def images() -> Iterator[np.ndarray]:
        yield noise(0)
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        model.predict(images())


def test_the_same_lazy_image_twice(model: Classifier) -> None:
    data = as_png(noise(0, 900, 1200))
    for _ in range(3):
        image = Image.open(io.BytesIO(data))
        answers = model.predict([image] * 4)
        assert len({answer.classes for answer in answers}) == 1


def test_frames_that_were_not_seen_are_noted(model: Classifier) -> None:
    file = io.BytesIO()
    frames = [Image.fromarray(noise(i)) for i in range(3)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    (answer,) = model.predict(file.getvalue())
    assert answer.notes == ("only the first of several frames or pages was seen",)
    assert answer.to_dict()["notes"] == list(answer.notes)


def test_grey_networks() -> None:
    torch.manual_seed(0)
    grey = Preprocessing(image_size=32, channels="L", mean=(0.5,), std=(0.25,))
    model = Classifier.from_network(
        create_model("resnet20", num_classes=3, in_channels=1),
        class_names=list("abc"),
        preprocessing=grey,
    )
    pixels = noise(0, channels=1)
    images: list[Any] = [
        pixels,
        pixels[..., 0],
        torch.from_numpy(pixels).permute(2, 0, 1),
        prepare(pixels, grey),
    ]
    rows = table(model.predict(images), model)
    np.testing.assert_allclose(rows, np.tile(rows[0], (4, 1)), atol=1e-5)


def test_the_policy_of_the_model_is_followed() -> None:
    policy = DecodePolicy(max_pixels=100)
    model = small_classifier(preprocessing=Preprocessing(image_size=32, decoding=policy))
    with pytest.raises(ImageError, match=r"has 50x40 pixels; at most 0\.0001 million are decoded"):
        model.predict(noise(0))


def test_a_classifier_does_not_train() -> None:
    network = create_model("resnet20", num_classes=2)
    assert network.training
    model = Classifier.from_network(
        network, class_names=["a", "b"], preprocessing=Preprocessing(image_size=32)
    )
    assert not model.network.training
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    model.predict(noise(0))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_networks_of_half_precision(model: Classifier) -> None:
    half = Classifier(create_model("resnet20", num_classes=10).bfloat16(), model.info)
    assert len(half.predict(noise(0))) == 1


ARGUMENTS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"top": 0}, "1 problem in the arguments of predict: top must be at least 1, got 0"),
    ({"batch_size": 0}, "1 problem in the arguments of predict: batch_size must be at least 1, got 0"),
    ({"crops": 3}, "1 problem in the arguments of predict: crops must be 1 or 5, got 3"),
    (
        {"top": -1, "batch_size": -1},
        "2 problems in the arguments of predict: top must be at least 1, got -1; batch_size must be at least 1, got -1",
    ),
)


@pytest.mark.parametrize(("arguments", "words"), ARGUMENTS)
def test_arguments_that_make_no_sense(model: Classifier, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model.predict_each([], **arguments)  # without taking an answer
    assert str(caught.value) == words


def test_crops_need_a_model_that_crops() -> None:
    model = small_classifier(preprocessing=Preprocessing(image_size=32, fit="pad"))
    with pytest.raises(ConfigError) as caught:
        model.predict(noise(0), crops=5)
    assert str(caught.value) == (
        "1 problem in the arguments of predict: crops=5 needs a model that crops, this one has 'pad'"
    )


def test_without_a_classifier_there_are_no_predictions() -> None:
    model = Classifier.from_network(
        create_model("resnet20", include_top=False), preprocessing=Preprocessing()
    )
    with pytest.raises(UnsupportedError) as caught:
        model.predict(noise(0))
    assert str(caught.value) == "this resnet20 has no classifier to predict with"


def test_ids_and_plain_values() -> None:
    model = small_classifier(class_ids=["n1", "n2", "n3"])
    answer = model.predict(noise(0), top=2)[0].to_dict()
    assert answer.keys() == {"image", "classes", "abstains", "notes"}
    first = answer["classes"][0]  # type: ignore[index]
    assert first.keys() == {"label", "id", "index", "probability"}
    assert model.info.class_ids[first["index"]] == first["id"]


def test_a_model_with_a_threshold_abstains_below_it(model: Classifier) -> None:
    assert not any(answer.abstains for answer in model.predict(PHOTOS))
    sure = sorted(answer.probability for answer in model.predict(PHOTOS, top=1))
    info = model.info.model_copy(update={"abstain_below": sure[1]})
    answers = Classifier(model.network, info).predict(PHOTOS, top=3)
    assert [answer.abstains for answer in answers] == [a.probability < sure[1] for a in answers]
    assert sum(answer.abstains for answer in answers) == 1
    assert [answer.to_dict()["abstains"] for answer in answers] == [a.abstains for a in answers]
    assert all(len(answer.classes) == 3 for answer in answers)  # what it would have said stays
