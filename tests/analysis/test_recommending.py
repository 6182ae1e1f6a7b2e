from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from tests.analysis.recommended import known_speed, write_shades

import resnets
from resnets.analysis.recommendation import Recommendation
from resnets.errors import CheckFailedError, ConfigError, Interrupted, MemoryLimitError
from resnets.recipes.settings import TrainingSettings
from resnets.recipes.toml_files import merge
from resnets.training.choices import choose
from resnets.training.data_facts import data_facts
from resnets.training.machine import this_machine


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shades(tmp_path_factory.mktemp("data") / "shades.npz")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    known_speed(monkeypatch)


@pytest.fixture(scope="module")
def found(data: Path) -> Recommendation:
    with pytest.MonkeyPatch.context() as patch:
        known_speed(patch)
        return resnets.recommend(data, weights="none", minutes=0.5, device="cpu")


def models(found: Recommendation) -> list[str]:
    return [each.model for each in found.ranked]


def test_the_order_is_that_of_mistakes(found: Recommendation) -> None:
    odds = [each.expected.odds for each in found.ranked]
    assert odds == sorted(odds)
    assert set(models(found)) == {"resnet8", "resnet14", "resnet20"}
    assert all(0 < each.expected.low < each.expected.high < 1 for each in found.ranked)
    assert found.ranked[0].reason.startswith(f"{found.ranked[0].model} it is; ")


def test_epochs_fit_into_the_time(found: Recommendation) -> None:
    # 104 images of training and a third of 30 of validation, and a tenth: 1.254, 2.508, 5.016 s an epoch
    assert {each.model: each.epochs for each in found.ranked} == {
        "resnet8": 23, "resnet14": 11, "resnet20": 5,
    }  # fmt: skip
    by_model = {each.model: each for each in found.ranked}
    assert by_model["resnet8"].training_seconds == pytest.approx(23 * 1.254)
    assert by_model["resnet8"].wanted_epochs == 100
    assert "23 of 100 epochs fit into 30.0 s" in by_model["resnet8"].reason
    assert all(each.training_seconds <= 30 for each in found.ranked)


def test_the_command_trains_exactly_what_is_recommended(found: Recommendation, data: Path) -> None:
    for each in found.ranked:
        program, verb, place, *words = each.command
        assert (program, verb, place) == ("resnets", "train", str(data))
        given = dict(zip(words[::2], words[1::2], strict=True))
        assert set(given) == {"--model", "--epochs", "--device"}
        said = merge(TrainingSettings(), {"epochs": int(given["--epochs"])})
        said = said.model_copy(update={"data": place, "model": given["--model"]})
        facts = data_facts(resnets.open_dataset(data, needs_val=True))
        settings, choices = choose(said, facts, this_machine("cpu"))
        assert settings.model_copy(update={"complete": True}) == each.settings
        assert choices == each.choices


def test_one_of_them_is_what_train_takes_by_itself(found: Recommendation) -> None:
    assert [each.model for each in found.ranked if each.is_plan] == ["resnet20"]


def test_small_and_fast_networks(data: Path) -> None:
    small = resnets.recommend(data, weights="none", minutes=60, target="size", device="cpu")
    sizes = {each.model: each.file_bytes for each in small.ranked}
    # Seven convolutions of 3x3 between 3, 16, 16, 16, 32, 32, 64 and 64 channels, as many batch norms with
    # four numbers for each of 240 channels and a count, and a classifier of 64 by 3 with 3 biases.
    weights = 9 * (3 * 16 + 2 * 16**2 + 16 * 32 + 32**2 + 32 * 64 + 64**2)
    assert sizes["resnet8"] == 4 * (weights + 4 * 240 + 7 + 64 * 3 + 3)
    assert sizes["resnet8"] < sizes["resnet14"] < sizes["resnet20"]
    assert small.ranked[0].model == "resnet8"
    best = resnets.recommend(data, weights="none", minutes=60, device="cpu")
    assert best.ranked[0].model == "resnet20"


def test_limits_leave_out_with_the_reason(data: Path) -> None:
    found = resnets.recommend(data, weights="none", latency_ms=2.5, max_mb=2, minutes=0.03, device="cpu")
    assert models(found) == ["resnet8"]
    assert {(left.model, left.image_size): left.why for left in found.left_out} == {
        ("resnet20", 8): "it takes 3 ms for an image here, more than 2.5",
        ("resnet14", 8): "one epoch takes 2.5 s here, more than the 1.8 s that the training may take",
    }


def test_what_memory_is_too_small_for_is_left_out(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(_estimate: object, settings: TrainingSettings, _machine: object) -> None:
        if settings.model == "resnet20":
            raise MemoryLimitError("training needs too much")

    monkeypatch.setattr("resnets.analysis.keeping_limits.check_memory", check)
    found = resnets.recommend(data, weights="none", device="cpu")
    assert [(left.model, left.why) for left in found.left_out] == [
        ("resnet20", "training needs too much")
    ]
    assert set(models(found)) == {"resnet8", "resnet14"}


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            {"max_mb": 0.1},
            "none of 3 networks keeps the limits. The closest is resnet8 at 8 pixels: its file would "
            "have 0.301 MB, more than 0.1",
        ),
        (
            {"latency_ms": 0.4},
            "none of 3 networks keeps the limits. The closest is resnet8 at 8 pixels: it takes 1 ms for "
            "an image here, more than 0.4",
        ),
        (
            {"minutes": 0.01},
            "none of 3 networks keeps the limits. The closest is resnet8 at 8 pixels: one epoch takes "
            "1.3 s here, more than the 0.6 s that the training may take",
        ),
    ],
    ids=["size", "latency", "time"],
)
def test_nothing_keeps_the_limits(data: Path, limits: dict[str, float], message: str) -> None:
    with pytest.raises(CheckFailedError, match=f"^{re.escape(message)}$"):
        resnets.recommend(data, weights="none", device="cpu", **limits)  # type: ignore[arg-type]


def test_arguments_that_make_no_sense(data: Path) -> None:
    message = (
        "3 problems in the arguments of recommend: latency_ms must be more than 0, got 0; "
        "max_mb must be more than 0, got -1; minutes must be more than 0, got nan"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        resnets.recommend(data, latency_ms=0, max_mb=-1, minutes=float("nan"))


def test_few_images_get_the_safest_choice(tmp_path: Path) -> None:
    data = write_shades(tmp_path / "few.npz", smallest=3)
    found = resnets.recommend(data, weights="none", device="cpu")
    assert [each.is_plan for each in found.ranked] == [True]
    assert found.notes[:3] == (
        "3 images in class 'light': too few for a trustworthy estimate (need >= 20). "
        "Showing the safest choice.",
        "1 class with fewer than 20 training images",
        "the largest class has 13 times as many training images as the smallest",
    )
    assert found.notes[3] == (
        "these trainings weigh all images alike, as that gives the highest top-1, by which they are ranked; if "
        "small classes matter as much as large ones, add --set loss.class_weights=balanced"
    )
    assert "; the largest class has 13 times the images of the smallest" in found.ranked[0].reason
    assert found.notes[4] == (
        f"images were not opened to look for damage and copies: resnets data check {data}"
    )


def test_no_word_of_classes_that_are_about_equal(found: Recommendation) -> None:
    assert not any("loss.class_weights" in note for note in found.notes)
    assert not any("largest class" in each.reason for each in found.ranked)


def test_plain_values(found: Recommendation) -> None:
    first = found.to_dict()["recommended"][0]
    assert first["command"] == " ".join(found.ranked[0].command)
    assert first["expected_top1"]["basis"] == found.ranked[0].expected.basis
    assert first["settings"]["epochs"] == first["epochs"]
    assert found.to_dict()["limits"] == {"latency_ms": None, "max_mb": None, "minutes": 0.5}


def test_a_signal_ends_it(data: Path) -> None:
    def interrupt(words: str, done: int, _total: int) -> None:
        if words.startswith("timing a few steps") and not done:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Interrupted, match=r"^ended by SIGTERM: nothing was written$") as caught:
        resnets.recommend(data, weights="none", device="cpu", on_progress=interrupt)
    assert caught.value.exit_code == 143
