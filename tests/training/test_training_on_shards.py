"""Training on shards, from a disk and from addresses: a resumed run equals one that was never stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.data.shards.conftest import cache  # noqa: F401 - for every test
from tests.data.shards.writing import photo, serving, write_shard, write_shards

import resnets
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.fingerprint import fingerprint
from resnets.data.opening import open_dataset
from resnets.data.order import SHARDS_AT_ONCE
from resnets.data.shards.shard_cache import AHEAD, DOWNLOADS, LIMIT
from resnets.errors import WeightsError
from resnets.evaluation.evaluating import evaluate
from resnets.recipes.settings import Checkpoints, TrainingSettings
from resnets.training.events import Event, StepProgress
from resnets.training.train import train

SETTINGS = TrainingSettings(
    model="resnet8",
    epochs=2,
    batch_size=4,
    workers=0,
    precision="float32",
    crop=RandomResizedCrop(),
    checkpoints=Checkpoints(every_steps=1),
)


class Ending(Exception):  # noqa: N818
    """A process that ends without a chance to do anything about it."""


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Twenty-four shards of two photos, and one of four to validate on."""
    write_shards(tmp_path / "photos", shards=24, images=2, prefix="train-")
    write_shards(tmp_path / "photos", shards=1, images=4, prefix="val-", first=48)
    return tmp_path / "photos"


def end_in_the_second_epoch(event: Event) -> None:
    if isinstance(event, StepProgress) and (event.epoch, event.step) == (1, 2):
        raise Ending


def weights(run: Path) -> dict[str, torch.Tensor]:
    return resnets.load(run).network.state_dict()


def train_and_resume(data: str | Path, folder: Path, *, check: bool) -> None:
    """Train without a stop, and with one in the middle of an epoch; both must end the same."""
    whole = train(data, output=folder / "whole", settings=SETTINGS, check=check, device="cpu")
    with pytest.raises(Ending):
        train(
            data,
            output=folder / "part",
            settings=SETTINGS,
            check=check,
            device="cpu",
            watch=end_in_the_second_epoch,
        )
    rest = train(output=folder / "part", resume=True, device="cpu")
    assert [r.train_loss for r in rest.history] == [r.train_loss for r in whole.history]
    before, after = weights(folder / "whole"), weights(folder / "part")
    assert all((before[name] == after[name]).all() for name in before)


def test_a_folder_of_shards(shards: Path, tmp_path: Path) -> None:
    train_and_resume(shards, tmp_path, check=True)
    model = resnets.load(tmp_path / "part")
    assert model.info.data is not None
    assert model.info.data.sha256 == fingerprint(open_dataset(shards)).sha256
    assert len(evaluate(model, shards)) == 4
    write_shard(shards / "train-003.tar", {"00007.jpg": photo(90), "00007.cls": "1"})
    with pytest.raises(
        WeightsError, match=r"1 gone: .*; 1 changed: 'train-003\.tar/00007\.jpg in train'"
    ):
        train(output=tmp_path / "part", resume=True, device="cpu")


def test_addresses_of_more_than_the_cache_holds(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = max(path.stat().st_size for path in shards.iterdir())
    room = SHARDS_AT_ONCE + AHEAD + DOWNLOADS + 1
    monkeypatch.setenv(LIMIT, str(room * size / 1e9))
    with serving(shards) as server:
        pattern = f"{server.url}/{{train-{{000..023}},val-000}}.tar"
        train_and_resume(pattern, tmp_path, check=False)
        assert len(server.asked) > 25  # some were fetched again
