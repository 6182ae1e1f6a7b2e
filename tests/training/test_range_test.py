"""The learning rate range test: what it finds, what it suggests, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from resnets import TrainingSettings, cli
from resnets.data.dataset import Dataset
from resnets.data.sources.arrays import from_arrays
from resnets.errors import Interrupted
from resnets.reporting.rate_chart import rate_chart
from resnets.training.events import Event, StepProgress
from resnets.training.range_test import RangeTest, find_learning_rate, geometric, suggest_rate


@pytest.fixture(scope="module")
def squares() -> Dataset:
    """Dark and light images in turn, 8x8."""
    labels = np.arange(60) % 2
    pixels = np.random.default_rng(0).integers(0, 90, (60, 8, 8)) + 160 * labels[:, None, None]
    return from_arrays({"train": (pixels.astype(np.uint8), labels)})


SETTINGS = TrainingSettings(model="resnet8", batch_size=16, val_share=0.0)


def test_the_loss_falls_where_the_rate_is_right(squares: Dataset) -> None:
    events: list[Event] = []
    found = find_learning_rate(
        squares, settings=SETTINGS, num_steps=60, check=False, device="cpu", watch=events.append
    )
    assert len(found.learning_rates) == len(found.losses) == len(found.smoothed) <= 60
    assert found.learning_rates[0] == pytest.approx(1e-6)
    assert found.smoothed[0] == pytest.approx(found.losses[0])
    # 0.1 is what He et al. 2015, sec. 4.2, begin with; the test is good for the order of magnitude.
    assert found.suggestion is not None
    assert 0.0005 < found.suggestion < 1.0
    assert found.smoothed[found.best] < 0.7 * found.smoothed[0]
    steps = [event for event in events if isinstance(event, StepProgress)]
    assert [step.learning_rate for step in steps] == list(found.learning_rates)
    assert found.settings.preprocessing is not None
    assert found.settings.preprocessing.image_size == 8


def test_the_same_call_gives_the_same_losses(squares: Dataset) -> None:
    def losses() -> tuple[float, ...]:
        return find_learning_rate(
            squares, settings=SETTINGS, num_steps=6, check=False, device="cpu"
        ).losses

    assert losses() == losses()


def test_a_signal_ends_the_reading_of_images(tmp_path: Path) -> None:
    for number in range(8):
        path = tmp_path / f"class{number % 2}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (30 * number, 0, 0)).save(path)
    with pytest.raises(Interrupted):
        find_learning_rate(
            tmp_path,
            settings=SETTINGS.model_copy(update={"workers": 0}),
            check=False,
            device="cpu",
            watch=lambda _: os.kill(os.getpid(), signal.SIGTERM),
        )


def test_rates_grow_by_a_constant_factor() -> None:
    rates = geometric(1e-6, 10.0, 8)
    assert rates == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10])


def test_the_suggestion_is_a_tenth_of_the_rate_at_the_lowest_loss() -> None:
    rates = geometric(1e-6, 10.0, 71)  # ten steps for each power of ten
    falling = [2.0] * 30 + [2.0 - 0.05 * i for i in range(21)] + [1.5] * 20
    assert rates[50] == pytest.approx(0.1)
    assert suggest_rate(rates, falling, falling) == 0.01


def test_no_suggestion_where_chance_explains_the_fall() -> None:
    rates, losses = geometric(1e-6, 10.0, 100), np.random.default_rng(0).normal(2.3, 0.1, 100).tolist()
    assert suggest_rate(rates, losses, [2.3] * 50 + [2.25] * 50) is None
    assert suggest_rate(rates[:5], losses[:5], losses[:5]) is None


def test_the_plot_marks_the_suggestion() -> None:
    drawn = rate_chart([1e-3, 1e-2, 0.1, 1.0], [2, 1, 3, 90], [2, 1.5, 2, 50], suggestion=0.012)
    root = ElementTree.fromstring(drawn)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "suggested: 0.012" in texts
    assert {"0.001", "0.01", "0.1", "1"} <= set(texts)
    lines = root.iter("{http://www.w3.org/2000/svg}path")
    drawn_lines = [line.get("d", "") for line in lines if "line" in line.get("class", "")]
    assert len(drawn_lines) == 2
    heights = [float(point.split()[1]) for line in drawn_lines for point in line.lstrip("M").split("L")]
    assert min(heights) >= 48  # a loss that grows without end stays in the frame


@pytest.fixture
def command(squares: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    images = squares.splits["train"].images
    np.savez(tmp_path / "squares.npz", images=np.asarray(images), labels=squares.splits["train"].labels)
    monkeypatch.chdir(tmp_path)
    changed = ["--set", "val_share=0", "--no-check", "--quiet", "--device", "cpu"]
    return ["train", "squares.npz", "--model", "resnet8", "--batch-size", "16", *changed, "--find-lr"]


def test_the_command_writes_the_plot_and_nothing_else(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "--json", "--output", "deep/down"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["plot"] == str(Path("deep/down/learning_rate.svg"))
    assert len(told["losses"]) == len(told["learning_rates"]) > 50
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["deep/down/learning_rate.svg", "squares.npz"]


def test_the_command_says_what_to_do(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = RangeTest(SETTINGS, (1e-6, 0.123, 1.0), (2, 1, 3), (2, 1, 3), False, 0.012)
    monkeypatch.setattr("resnets.training.range_test.find_learning_rate", lambda *_, **__: found)
    assert cli.main(command) == 0
    said = capsys.readouterr()
    assert said.out == (
        "suggestion  0.012, a tenth of 0.12, where the loss was lowest, 1\n"
        "plot        learning_rate.svg\n"
    )
    flat = RangeTest(SETTINGS, (1e-6, 1.0), (2, 2), (2, 2), False, None)
    monkeypatch.setattr("resnets.training.range_test.find_learning_rate", lambda *_, **__: flat)
    assert cli.main(command) == 0
    assert capsys.readouterr().out.startswith(
        "suggestion  none: the loss fell by no more than chance explains\n"
    )
    (tmp_path / "file").touch()
    assert cli.main([*command, "--output", "file"]) == 5
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("other", ["--resume", "--dry-run", "--tensorboard"])
def test_it_keeps_no_run(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--find-lr", other, "--output", "run"]) == 2
    assert capsys.readouterr().err == (
        "resnets: error: 1 problem in the options: --find-lr keeps no run: leave out --resume, "
        "--dry-run and --tensorboard\n"
    )
