from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import optimize
from sklearn.metrics import log_loss

from resnets import Classifier, Preprocessing, calibrate, create_model, evaluate, load
from resnets.data.dataset import Dataset, Split
from resnets.errors import ConfigError, WeightsError
from resnets.evaluation.abstention import choose_threshold
from resnets.evaluation.calibration import COLDEST, HOTTEST, fit_temperature, halves, store_info
from resnets.weights.safetensors_file import read_header, read_tensors

from .models import colour_data, colour_images, colour_model


def drawn(temperature: float, count: int = 3000) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scores, and labels that come as often as the scores divided by the temperature say."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (count, 5))
    scaled = np.exp(logits / temperature)
    chances = np.cumsum(scaled / scaled.sum(1, keepdims=True), axis=1)
    return logits, (generator.uniform(size=(count, 1)) > chances).sum(1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0, 6.0])
def test_the_temperature_has_the_lowest_loss_there_is(temperature: float) -> None:
    logits, labels = drawn(temperature)

    def loss(t: float) -> float:
        scaled = np.exp(logits / t - (logits / t).max(1, keepdims=True))
        return float(log_loss(labels, scaled / scaled.sum(1, keepdims=True), labels=range(5)))

    theirs = optimize.minimize_scalar(
        loss, bounds=(0.1, 15), method="bounded", options={"xatol": 1e-8}
    ).x
    assert fit_temperature(logits, labels) == pytest.approx(theirs, rel=1e-5)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.15)


def test_more_images_than_one_part_give_the_same() -> None:
    logits, labels = drawn(2.0)
    repeated = fit_temperature(np.tile(logits, (3, 1)), np.tile(labels, 3))
    assert repeated == pytest.approx(fit_temperature(logits, labels), rel=1e-6)


def test_images_that_cannot_tell_end_at_the_limits() -> None:
    sure = np.eye(3)
    assert fit_temperature(sure, np.arange(3)) == pytest.approx(COLDEST, rel=1e-3)
    assert fit_temperature(sure, np.array([1, 2, 0])) == pytest.approx(HOTTEST, rel=1e-3)


def test_halves_divide_every_class() -> None:
    labels = np.array([2, 0, 0, 1, 0, 2, 2, 2, 1])
    second = halves(labels)
    assert [int(second[labels == c].sum()) for c in range(3)] in ([1, 1, 2], [2, 1, 2])
    assert halves(np.zeros(1, np.int64)).tolist() == [False]


def noisy(*splits: str) -> Dataset:
    """Splits of images that a sharp model is far too sure of."""
    made = {}
    for number, name in enumerate(splits):
        answers = np.random.default_rng(number).integers(0, 3, 300)
        images = colour_images(answers.tolist(), seed=100 + number)
        made[name] = Split(name, images, answers)
    return colour_data([], [], splits=made)


def test_val_is_fitted_to_and_test_reported_on() -> None:
    model, data = colour_model(40), noisy("train", "val", "test")
    before = evaluate(model, data, split="test")
    after = calibrate(model, data)
    fit = after.calibration
    assert fit is not None
    assert (after.split, len(after)) == ("test", 300)
    assert (fit.fitted_on, fit.num_images, fit.cross_fitted) == ("val", 300, False)
    val = evaluate(colour_model(40), data, split="val")
    assert fit.temperature == pytest.approx(fit_temperature(val.logits, val.labels))
    assert fit.temperature > 2
    assert (fit.error_before, fit.loss_before) == (before.calibration_error, before.loss)
    assert (fit.error, fit.loss) == (after.calibration_error, after.loss)
    assert fit.error < fit.error_before / 2
    assert after.top1 == before.top1
    assert after.conditions.temperature == fit.temperature == model.info.temperature


def test_a_calibrated_model_is_as_sure_everywhere() -> None:
    model, data = colour_model(40), noisy("train", "val", "test")
    reported = calibrate(model, data)
    again = evaluate(model, data, split="test")
    assert again.probabilities == pytest.approx(reported.probabilities, abs=1e-6)
    assert again.conditions.temperature == model.info.temperature
    image = data.splits["test"].images[0]
    assert isinstance(image, np.ndarray)
    (answer,) = model.predict(image)
    assert answer.probability == pytest.approx(again.confidences[0], abs=1e-6)


def test_fitting_twice_gives_the_same_temperature() -> None:
    model, data = colour_model(40), noisy("train", "val", "test")
    first, second = calibrate(model, data), calibrate(model, data)
    assert first.calibration == second.calibration


def test_without_other_images_each_half_is_calibrated_by_the_other() -> None:
    model, data = colour_model(40), noisy("train", "test")
    before = evaluate(model, data)
    after = calibrate(model, data)
    assert after.calibration is not None
    assert (after.calibration.cross_fitted, after.calibration.fitted_on) == (True, "test")
    assert model.info.temperature == pytest.approx(fit_temperature(before.logits, before.labels))
    second = halves(before.labels)
    for half in (second, ~second):
        used = fit_temperature(before.logits[~half], before.labels[~half])
        assert after.logits[half] * used == pytest.approx(before.logits[half], rel=1e-5)


@pytest.mark.parametrize(("answers", "recognised"), [([0, 1, 2] * 10, 30), ([0], 1)])
def test_images_that_cannot_tell_leave_the_model_as_it_is(answers: list[int], recognised: int) -> None:
    model = colour_model(temperature=1.5)
    found = calibrate(model, colour_data(answers, answers))
    assert (model.info.temperature, found.calibration) == (1.5, None)
    assert found.notes[-1] == (
        f"{len(answers)} images of colours test cannot tell how sure the model should be, it recognises "
        f"{recognised} of them: the model was left as it is"
    )


@pytest.mark.parametrize("split", ["train", "all"])
def test_training_images_are_refused(split: str) -> None:
    with pytest.raises(ConfigError) as caught:
        calibrate(colour_model(), noisy("train", "val", "test"), split=split)
    assert str(caught.value) == (
        "1 problem in the options: a temperature cannot be fitted to the training images, which the model "
        "knows"
    )


def test_published_weights_cannot_keep_a_temperature() -> None:
    with pytest.raises(ConfigError) as caught:
        calibrate("resnet50:torchvision_v2", noisy("train", "val"))
    assert str(caught.value) == (
        "1 problem in the options: resnet50:torchvision_v2 is no file that could keep a temperature: give a "
        "model file"
    )


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    network = create_model("resnet8", num_classes=3).half()
    model = Classifier.from_network(
        network,
        class_names=["red", "green", "blue"],
        preprocessing=Preprocessing(image_size=8),
        origin="x",
    )
    return model.save(tmp_path / "colours.safetensors")


def test_the_file_gets_the_temperature_and_nothing_else_changes(model_file: Path) -> None:
    header = read_header(model_file)
    before, info = read_tensors(model_file, header), load(model_file).info
    store_info(model_file, info.model_copy(update={"temperature": 1.25}))
    after = read_tensors(model_file, read_header(model_file))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert {tensor.dtype for tensor in after.values()} == {torch.float16, torch.int64}
    assert load(model_file).info == info.model_copy(update={"temperature": 1.25})


def test_a_file_that_changed_meanwhile_is_left_alone(model_file: Path) -> None:
    info = load(model_file).info
    content = bytearray(model_file.read_bytes())
    content[-1] ^= 1
    model_file.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        store_info(model_file, info)
    assert (
        str(caught.value) == f"{str(model_file)!r} has changed since it was loaded: nothing was written"
    )
    assert model_file.read_bytes() == content


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_is_above_zero(temperature: float) -> None:
    with pytest.raises(ConfigError) as caught:
        colour_model(temperature=temperature)
    assert str(caught.value) == (
        f"1 problem in a test: temperature must be greater than 0, got {temperature}"
    )


def test_the_threshold_keeps_the_share_that_was_asked_for() -> None:
    model, data = colour_model(40), noisy("train", "val", "test")
    found = calibrate(model, data, keep_right=0.9)
    threshold = model.info.abstain_below
    assert found.calibration is not None
    assert found.calibration.abstain_below == threshold == found.conditions.abstain_below
    assert found.abstained is not None
    assert threshold is not None
    val = evaluate(model, data, split="val")  # the images that it was chosen from
    right = np.sort(val.confidences[val.hits])
    assert 0.9 <= (right >= threshold).mean() < 0.9 + 1 / len(right)
    again = evaluate(model, data, split="test")
    assert again.abstained is not None
    assert again.abstained.tolist() == (again.confidences < threshold).tolist()
    shares = {
        "answered": (again.confidences >= threshold).mean(),
        "answered_top1": again.hits[again.confidences >= threshold].mean(),
        "right_kept": (again.confidences[again.hits] >= threshold).mean(),
        "wrong_refused": (again.confidences[~again.hits] < threshold).mean(),
    }
    for name, share in shares.items():
        assert again.metric(name).value == pytest.approx(share), name
    assert again.top1 == found.top1 == again.hits.mean()  # of all images
    assert shares["answered_top1"] > again.top1
    kept = {metric.name: metric for metric in model.info.metrics}
    assert set(shares) <= set(kept)
    assert kept["right_kept"].data == "colours test"
    assert kept["right_kept"].num_images == again.hits.sum()
    image = data.splits["test"].images[int(again.abstained.argmax())]
    assert isinstance(image, np.ndarray)
    assert model.predict(image)[0].abstains == bool(again.abstained.any())


def test_each_half_has_the_threshold_of_the_other() -> None:
    model, data = colour_model(40), noisy("train", "test")
    found = calibrate(model, data, keep_right=0.8)
    assert found.abstained is not None
    second = halves(found.labels)
    for half in (second, ~second):
        used = colour_model(40)
        part = colour_data([], [], splits={"test": data.splits["test"]})
        raw = evaluate(used, part)
        temperature = fit_temperature(raw.logits[~half], raw.labels[~half])
        other = raw.logits[~half] / temperature
        sure = np.exp(other - np.log(np.exp(other).sum(1, keepdims=True))).max(1)
        right = np.sort(sure[raw.hits[~half]])
        least = right[len(right) - int(np.ceil(0.8 * len(right)))]
        assert found.abstained[half].tolist() == (found.confidences[half] < least - 1e-6).tolist()


def test_a_new_temperature_takes_the_threshold_away() -> None:
    model, data = colour_model(40), noisy("train", "val", "test")
    calibrate(model, data, keep_right=0.9)
    found = calibrate(model, data)
    assert (model.info.abstain_below, found.abstained) == (None, None)
    assert not {"answered", "right_kept"} & {metric.name for metric in model.info.metrics}
    assert found.notes[-1] == (
        "the model abstained below a threshold that does not fit the new probabilities, and now always "
        "answers; choose another with keep_right (--abstain)"
    )


def test_restricted_answers_are_all_given() -> None:
    model, data = colour_model(40, abstain_below=0.99), noisy("train", "val", "test")
    assert evaluate(model, data, split="test").abstained is not None
    found = evaluate(model, data, split="test", restrict=True)
    assert (found.abstained, found.conditions.abstain_below) == (None, None)


@pytest.mark.parametrize(
    ("share", "threshold"), [(1.0, 0.6), (0.76, 0.6), (0.75, 0.7), (0.5, 0.8), (0.01, 0.9)]
)
def test_thresholds_by_hand(share: float, threshold: float) -> None:
    confidences = np.array([0.2, 0.9, 0.6, 0.7, 0.8, 0.95])
    hits = np.array([False, True, True, True, True, False])
    assert choose_threshold(confidences, hits, share) == threshold
    assert choose_threshold(confidences, ~hits & False, share) == 0


@pytest.mark.parametrize("count", [10, 20, 30, 50, 70])
def test_the_last_bit_of_a_share_does_not_matter(count: int) -> None:
    confidences = np.arange(1, count + 1) / count
    kept = confidences >= choose_threshold(confidences, np.ones(count, np.bool_), 0.9)
    assert kept.sum() == 9 * count // 10
