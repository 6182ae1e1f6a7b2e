"""A validation split that the check had to make anew is the same when a run goes on, and afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import resnets
from resnets.data.checked_opening import open_checked
from resnets.data.fingerprint import fingerprint
from resnets.data.opening import open_dataset
from resnets.errors import DataError
from resnets.evaluation.evaluating import evaluate
from resnets.recipes.settings import TrainingSettings
from resnets.training.data_manifest import read_groups
from resnets.training.events import EpochRecord, Event
from resnets.training.train import train

SETTINGS = TrainingSettings(model="resnet8", epochs=2, batch_size=16, workers=0, precision="float32")


class Ending(Exception):  # noqa: N818
    """A process that ends without a chance to do anything about it."""


def end_after_an_epoch(event: Event) -> None:
    if isinstance(event, EpochRecord):
        raise Ending


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Class folders in which every image is there twice, so that chance alone would part some."""
    folder = tmp_path / "pairs"
    for number, kind in enumerate(("cats", "dogs")):
        (folder / kind).mkdir(parents=True)
        for i in range(12):
            small = np.random.default_rng(100 * number + i).integers(0, 256, (6, 6, 3), np.uint8)
            image = Image.fromarray(small).resize((32, 32), Image.Resampling.BICUBIC)
            image.save(folder / kind / f"{i}.png")
            image.save(folder / kind / f"{i}-again.png", compress_level=1)
    return folder


def test_a_run_goes_on_with_the_split_that_its_check_made(pairs: Path, tmp_path: Path) -> None:
    dataset, _ = open_checked(pairs)
    assert dataset.split_origin.endswith("groups kept together")
    run = tmp_path / "run"
    with pytest.raises(Ending):
        train(pairs, output=run, settings=SETTINGS, device="cpu", watch=end_after_an_epoch)
    assert read_groups(run) == dataset.groups
    result = train(output=run, resume=True, device="cpu")
    assert [record.epoch for record in result.history] == [1, 2]
    model = resnets.load(run)
    assert model.info.data is not None
    assert model.info.data.sha256 == fingerprint(dataset).sha256
    assert model.info.data.sha256 != fingerprint(open_dataset(pairs)).sha256


def test_evaluation_finds_the_split_again(pairs: Path, tmp_path: Path) -> None:
    result = train(pairs, output=tmp_path / "run", settings=SETTINGS, device="cpu")
    assert result.evaluation is not None
    found = evaluate(resnets.load(result.model), pairs)
    assert found.split == "val"
    assert found.metrics == result.evaluation.metrics
    assert len(found.notes) == 1
    assert "groups kept together" in found.notes[0]
    next(pairs.rglob("*.png")).unlink()
    notes = evaluate(resnets.load(result.model), pairs).notes
    assert any("it may have seen some of val" in note for note in notes)


def test_a_given_split_with_broken_images_is_refused_before_the_first_step(
    pairs: Path, tmp_path: Path
) -> None:
    data = tmp_path / "given"
    data.mkdir()
    pairs.rename(data / "train")
    for kind in ("cats", "dogs"):
        (data / "val" / kind).mkdir(parents=True)
        (data / "train" / kind / "0.png").rename(data / "val" / kind / "0.png")
        (data / "val" / kind / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        train(data, output=tmp_path / "run", settings=SETTINGS, device="cpu")
    assert "2 of 4 images of val cannot be used" in str(caught.value)
    assert "broken.png" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_file_that_vanishes_does_not_cost_the_model(pairs: Path, tmp_path: Path) -> None:
    def vanish(event: Event) -> None:
        if isinstance(event, EpochRecord) and event.epoch == 2:
            train_images = open_checked(pairs)[0].splits["train"].images
            Path(str(train_images[0])).unlink()

    before = fingerprint(open_checked(pairs)[0])
    result = train(pairs, output=tmp_path / "run", settings=SETTINGS, device="cpu", watch=vanish)
    info = resnets.load(result.model).info
    assert info.data is not None
    assert (info.data.num_images, info.data.sha256) == (before.num_images, before.sha256)
