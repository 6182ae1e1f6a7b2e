"""Whole trainings, tiny ones: what they write, and that nothing that interrupts them changes a bit."""

from __future__ import annotations

import html
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import resnets
from resnets.config import validate
from resnets.errors import ConfigError, DataError, Interrupted, NonFiniteError, WeightsError
from resnets.networks import network_units
from resnets.recipes.settings import TrainingSettings
from resnets.recipes.toml_files import read_settings
from resnets.training.checkpoints import find_checkpoints, load_checkpoint
from resnets.training.events import Checking, EpochRecord, Event, RunStarted, StepProgress
from resnets.training.run_folder import RunFolder
from resnets.training.train import TrainingResult, train

PLAIN: dict[str, Any] = {
    "complete": True,
    "model": "resnet8",
    "epochs": 3,
    "batch_size": 16,
    "preprocessing": {"image_size": 8},
    "optimizer": {"learning_rate": 0.05},
    "precision": "float32",
    "channels_last": True,
    "select": "best",
    "checkpoints": {"every_steps": 3},
}
EVERYTHING: dict[str, Any] = {
    **PLAIN,
    "model": "resnet8,drop_path_rate=0.2",
    "augmentation": {
        "pad_crop": {"pad": 1},
        "flip": 0.5,
        "trivial_augment": {},
        "erasing": {},
        "mixing": {"mixup_alpha": 0.2, "cutmix_alpha": 1.0},
    },
    "averaging": {"decay": 0.9},
    "schedule": {"shape": "cosine", "warmup_epochs": 0.5},
    "loss": {"label_smoothing": 0.1},
    "clip_norm": 1.0,
    "balanced": True,
    "accumulation": 2,
    "early_stopping": {"patience": 50},
}


def settings(**changed: Any) -> TrainingSettings:
    return validate(TrainingSettings, {**PLAIN, **changed}, source="the test")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Squares of 8 pixels, light or dark with noise, of three classes."""
    generator = np.random.default_rng(0)
    labels = np.arange(80) % 3
    images = generator.integers(0, 120, (80, 8, 8, 3)) + 60 * labels[:, None, None, None]
    path = tmp_path_factory.mktemp("data") / "shades.npz"
    np.savez(
        path,
        train_images=images[:64].astype(np.uint8),
        train_labels=labels[:64],
        val_images=images[64:].astype(np.uint8),
        val_labels=labels[64:],
    )
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of small photos of several sizes."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for number in range(40):
        size = 20 + number % 7, 24
        pixels = generator.integers(0, 128, (*size, 3)) + 120 * (number % 2)
        path = folder / ("light" if number % 2 else "dark") / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder


class Ending(Exception):  # noqa: N818
    """A process that ends without a chance to do anything about it."""


def ending_at(number: int, act: Callable[[], None]) -> Callable[[Event], None]:
    """Watch a run, and do something at an event, counted from its start.

    What comes before the start depends on time: a slow machine tells how far the images have come.
    """
    seen: list[Event] = []

    def watch(event: Event) -> None:
        if isinstance(event, Checking):
            return
        seen.append(event)
        if len(seen) == number:
            act()

    return watch


def end() -> None:
    raise Ending


def last_tensors(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(find_checkpoints(run / "checkpoints")[0].path)[0]


def rows(run: Path) -> list[list[str]]:
    """What of the results does not depend on time."""
    return [line.split(",")[:8] for line in (run / "results.csv").read_text().splitlines()]


def assert_same_run(run: Path, reference: Path) -> None:
    tensors, expected = last_tensors(run), last_tensors(reference)
    assert tensors.keys() == expected.keys()
    assert [name for name in tensors if not torch.equal(tensors[name], expected[name])] == []
    assert rows(run) == rows(reference)
    kept, wanted = (resnets.load(path).network.state_dict() for path in (run, reference))
    assert all(torch.equal(kept[name], wanted[name]) for name in wanted)


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    made = validate(TrainingSettings, EVERYTHING, source="the test")
    train(data, output=run, settings=made, device="cpu")
    return run


def test_a_folder_becomes_a_model(photos: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    result = train(
        photos,
        output=tmp_path / "run",
        settings=TrainingSettings(epochs=2, workers=0),
        device="cpu",
        watch=events.append,
    )
    assert isinstance(result, TrainingResult)
    written = {path.name for path in result.folder.iterdir()}
    assert written >= {
        "config.toml",
        "environment.json",
        "results.csv",
        "events.jsonl",
        "curves.svg",
        "status.json",
        "train.log",
        "checkpoints",
        "model.safetensors",
        "report.html",
        "README.md",
        "data_manifest.jsonl.gz",
    }
    model = resnets.load(result.folder)
    assert model.class_names == ("dark", "light")
    assert model.predict(photos / "dark" / "00.png")[0].label in ("dark", "light")
    assert result.evaluation is not None
    assert model.info.metrics == result.evaluation.metrics
    assert model.info.data is not None
    assert model.info.data.num_images == 32
    assert model.info.card == (result.folder / "README.md").read_text("utf-8")
    assert [record.epoch for record in result.history] == [1, 2]
    started = next(event for event in events if isinstance(event, RunStarted))
    assert started.num_images == {"train": 32, "val": 8}
    assert {"model", "batch_size", "precision"} <= {key for key, _, _ in started.choices}
    assert read_settings(result.folder / "config.toml").complete
    assert sum(isinstance(event, EpochRecord) for event in events) == 2


@pytest.mark.parametrize("number", [3, 7, 11, 16])
def test_a_run_that_was_cut_off_ends_the_same(
    data: Path, tmp_path: Path, undisturbed: Path, number: int
) -> None:
    made = validate(TrainingSettings, EVERYTHING, source="the test")
    run = tmp_path / "run"
    with pytest.raises(Ending):
        train(data, output=run, settings=made, device="cpu", watch=ending_at(number, end))
    with pytest.raises(Ending):
        train(output=run, resume=True, device="cpu", watch=ending_at(5, end))
    train(output=run, resume=True, device="cpu")
    assert_same_run(run, undisturbed)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_ends(
    data: Path, tmp_path: Path, undisturbed: Path, number: int, code: int
) -> None:
    made = validate(TrainingSettings, EVERYTHING, source="the test")
    run = tmp_path / "run"
    with pytest.raises(Interrupted) as caught:
        train(
            data,
            output=run,
            settings=made,
            device="cpu",
            watch=ending_at(8, lambda: os.kill(os.getpid(), number)),
        )
    assert caught.value.exit_code == code
    assert str(caught.value).endswith(
        f": every step so far is saved; go on with: resnets train --output {run} --resume"
    )
    assert '"interrupted"' in (run / "status.json").read_text()
    train(output=run, resume=True, device="cpu")
    assert_same_run(run, undisturbed)


def test_a_signal_ends_a_run_that_reads_its_images_into_memory(photos: Path, tmp_path: Path) -> None:
    run, seen = tmp_path / "run", []

    def watch(event: Event) -> None:
        if isinstance(event, Checking):
            seen.append(event)
            os.kill(os.getpid(), signal.SIGTERM)

    made = settings(epochs=1, workers=0)
    with pytest.raises(Interrupted) as caught:
        train(photos, output=run, settings=made, device="cpu", check=False, watch=watch)
    assert seen == [Checking("loading train", 32, 32)]
    assert str(caught.value).endswith(
        f": every step so far is saved; go on with: resnets train --output {run} --resume"
    )
    assert '"interrupted"' in (run / "status.json").read_text()
    assert len(train(output=run, resume=True, device="cpu").history) == 1


def test_the_report_of_a_resumed_run_has_what_the_check_of_the_data_found(
    photos: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    folder = broken_photos(tmp_path / "photos", photos, 0)
    copied = folder / "dark" / "copy.png"
    copied.write_bytes((folder / "dark" / "00.png").read_bytes())
    made = settings(epochs=1, workers=0)
    begun: list[RunStarted] = []

    def watch(event: Event) -> None:
        if isinstance(event, RunStarted):
            begun.append(event)
            if len(begun) == 1:
                raise Ending

    with pytest.raises(Ending):
        train(folder, output=run, settings=made, device="cpu", watch=watch)
    result = train(output=run, resume=True, device="cpu", watch=watch)
    first, second = begun
    assert first.notes == second.notes != ()
    with RunFolder.open(run) as opened:
        findings = opened.read_findings()
    assert findings
    assert {finding.sentence for finding in findings} >= set(first.notes)
    text = html.unescape(result.report.read_text("utf-8"))
    assert all(finding.sentence in text for finding in findings)
    assert all(finding.sentence in (run / "README.md").read_text("utf-8") for finding in findings)


def test_the_number_of_workers_changes_nothing(photos: Path, tmp_path: Path) -> None:
    for name, workers in (("none", 0), ("two", 2)):
        made = settings(
            epochs=1,
            preprocessing={"image_size": 16},
            crop={"scale": [0.3, 1.0]},
            augmentation={"flip": 0.5},
            workers=workers,
        )
        train(photos, output=tmp_path / name, settings=made, device="cpu", check=False)
    first, second = (last_tensors(tmp_path / name) for name in ("none", "two"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_finished_run_is_not_trained_again(data: Path, tmp_path: Path) -> None:
    first = train(data, output=tmp_path / "run", settings=settings(epochs=1), device="cpu")
    steps: list[Event] = []
    again = train(
        output=tmp_path / "run",
        resume=True,
        device="cpu",
        watch=lambda e: steps.append(e) if isinstance(e, StepProgress) else None,
    )
    assert steps == []
    assert first.evaluation is not None
    assert again.evaluation is not None
    assert again.evaluation.metrics == first.evaluation.metrics


def test_numbers_that_are_none_end_the_run_and_keep_what_was(data: Path, tmp_path: Path) -> None:
    made = settings(optimizer={"learning_rate": 1e30, "momentum": 0.0}, checkpoints={"every_steps": 1})
    with pytest.raises(NonFiniteError) as caught:
        train(data, output=tmp_path / "run", settings=made, device="cpu")
    words = str(caught.value)
    assert "in step 2 of epoch 1, at a learning rate of" in words
    assert "of the training split. The weights were not changed" in words
    assert caught.value.exit_code == 6
    tensors = last_tensors(tmp_path / "run")
    assert all(tensor.isfinite().all() for tensor in tensors.values() if tensor.is_floating_point())
    assert '"failed"' in (tmp_path / "run" / "status.json").read_text()


def test_fine_tuning_trains_the_head_first(data: Path, tmp_path: Path) -> None:
    given = train(data, output=tmp_path / "given", settings=settings(epochs=1), device="cpu")
    before = resnets.load(given.folder).network.state_dict()
    tensors: dict[int, dict[str, torch.Tensor]] = {}
    made = settings(
        model=str(given.model),
        epochs=2,
        fine_tuning={"head_epochs": 1},
        checkpoints={"every_steps": 4, "keep": 2},
        select="last",
    )
    train(data, output=tmp_path / "run", settings=made, device="cpu")
    for checkpoint in find_checkpoints(tmp_path / "run" / "checkpoints"):
        tensors[checkpoint.step] = load_checkpoint(checkpoint.path)[0]
    after_head, after_all = tensors[4], tensors[8]
    for name, tensor in before.items():
        is_head = name.startswith("classifier")
        assert torch.equal(after_head[f"network.{name}"], tensor) != is_head, name
    assert not torch.equal(after_all["network.stem.conv.weight"], before["stem.conv.weight"])


def test_frozen_parts_stay_as_they_are(data: Path, tmp_path: Path) -> None:
    made = settings(epochs=1, freeze=["stem", "stages.0"], select="last")
    torch.manual_seed(0)
    before = resnets.create_model("resnet8", num_classes=3, image_size=8).state_dict()
    train(data, output=tmp_path / "run", settings=made, device="cpu")
    after = last_tensors(tmp_path / "run")
    for name, tensor in before.items():
        frozen = name.startswith(("stem", "stages.0"))
        assert torch.equal(after[f"network.{name}"], tensor) == frozen, name


def test_stochastic_depth_becomes_an_ordinary_network(data: Path, tmp_path: Path) -> None:
    made = settings(epochs=1, model="resnet14", stochastic_depth={"last": 0.5}, select="last")
    result = train(data, output=tmp_path / "run", settings=made, device="cpu")
    model = resnets.load(result.folder)
    raw = resnets.create_model("resnet14", num_classes=3, image_size=8).eval()
    raw.load_state_dict(
        {k[8:]: v for k, v in last_tensors(result.folder).items() if k.startswith("network.")}
    )
    units = network_units(raw)
    resnets.set_gates(raw, [1 - (place + 1) / len(units) / 2 for place in range(len(units))])
    images = torch.randn(4, 3, 8, 8)
    assert torch.allclose(model.network(images), raw(images), rtol=1e-4, atol=1e-4)


def test_progressive_depth_opens_every_unit(data: Path, tmp_path: Path) -> None:
    made = settings(
        epochs=2,
        model="resnet14",
        progressive_depth=[{"epoch": 0, "every": 2}, {"epoch": 1, "every": 1}],
        select="last",
        averaging={"decay": 0.9},
    )
    run = tmp_path / "run"
    train(data, output=run, settings=made, device="cpu")
    with pytest.raises(Ending):
        train(data, output=tmp_path / "cut", settings=made, device="cpu", watch=ending_at(11, end))
    train(output=tmp_path / "cut", resume=True, device="cpu")
    assert_same_run(tmp_path / "cut", run)
    late = {
        name: t for name, t in last_tensors(run).items() if "stages.0.units.1.residual.conv1" in name
    }
    assert late
    assert all(t.abs().sum() > 0 for t in late.values())


def test_a_run_without_improvement_ends_early(data: Path, tmp_path: Path) -> None:
    made = settings(
        epochs=30,
        optimizer={"learning_rate": 1e-9},
        early_stopping={"patience": 2},
        checkpoints={"every_minutes": 10.0},
    )
    result = train(data, output=tmp_path / "run", settings=made, device="cpu")
    assert len(result.history) < 12


def test_all_images_can_be_trained_on(photos: Path, tmp_path: Path) -> None:
    made = settings(epochs=1, val_share=0.0, select="last", workers=0)
    result = train(photos, output=tmp_path / "run", settings=made, device="cpu", check=False)
    assert result.evaluation is None
    assert result.history[0].val_top1 is None
    assert resnets.load(result.folder).info.metrics == ()


def broken_photos(folder: Path, photos: Path, count: int) -> Path:
    for path in sorted(photos.rglob("*.png")):
        (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
        (folder / path.parent.name / path.name).write_bytes(path.read_bytes())
    for path in sorted(folder.rglob("*.png"))[:count]:
        path.write_bytes(path.read_bytes()[:60])
    return folder


def test_too_many_broken_images_end_the_run(photos: Path, tmp_path: Path) -> None:
    folder = broken_photos(tmp_path / "photos", photos, 4)
    made = settings(epochs=1, val_share=0.0, select="last", workers=0)
    with pytest.raises(DataError, match="more than 1 % of 40 training images cannot be used"):
        train(folder, output=tmp_path / "run", settings=made, device="cpu", check=False)


def test_a_run_goes_on_with_its_own_data_only(photos: Path, tmp_path: Path) -> None:
    folder = broken_photos(tmp_path / "photos", photos, 0)
    run = tmp_path / "run"
    with pytest.raises(Ending):
        train(folder, output=run, settings=settings(workers=0), device="cpu", watch=ending_at(7, end))
    next(folder.rglob("*.png")).unlink()
    with pytest.raises(WeightsError, match="cannot go on with other data than it began with: "):
        train(output=run, resume=True, device="cpu")


def invalid() -> Iterator[tuple[dict[str, Any], type[Exception], str]]:
    yield {"data": None}, ConfigError, r"data is missing: say where the images are$"
    yield {"resume": True, "data": None}, ConfigError, "resume needs output: the folder of the run$"
    yield {"resume": True, "output": "x", "model": "resnet20"}, ConfigError, "keeps its settings and its"


@pytest.mark.parametrize(("arguments", "kind", "words"), list(invalid()))
def test_what_makes_no_sense_is_refused_at_once(
    data: Path, arguments: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        train(**{"data": data, "device": "cpu", **arguments})


def test_a_damaged_best_checkpoint_costs_the_best_epoch_and_no_more(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(data, output=run, settings=settings(checkpoints={"keep": 1}), device="cpu")
    for checkpoint in find_checkpoints(run / "checkpoints")[1:]:
        (checkpoint.path / "tensors.safetensors").write_bytes(b"nothing")
    (run / "model.safetensors").unlink()
    result = train(output=run, resume=True, device="cpu")
    assert resnets.load(result.folder).class_names == ("0", "1", "2")
