"""Several processes that train together do what one would do, agree on everything, and leave no one behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.several_processes import together
from torch import Tensor, nn

import resnets
from resnets.config import validate
from resnets.data.order import batch_indices
from resnets.errors import ConfigError, DataError, Interrupted, ResNetsError, WorkerError
from resnets.launch import launch
from resnets.networks import network_units
from resnets.recipes.settings import TrainingSettings
from resnets.training.events import EpochRecord, Event, StepProgress
from resnets.training.learner import Learner
from resnets.training.meeting import joined
from resnets.training.processes import Processes
from resnets.training.train import TrainingResult, train

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not torch.distributed.is_available(), reason="forks, and gloo"
)

BATCH, STEPS = 13, 20


def learner(processes: Processes, network: nn.Module, **changed: Any) -> Learner:
    norms = [name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)]
    values = {"complete": True, "optimizer": {"learning_rate": 0.05}, "freeze": norms, **changed}
    settings = validate(TrainingSettings, values, source="the test")
    return Learner(network.double(), settings, class_counts=[1] * 4, processes=processes)


def with_group_norms(network: nn.Module) -> nn.Module:
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.GroupNorm(4, child.num_features))
    return network


def twenty_steps(
    processes: Processes, *, groups: bool, **changed: Any
) -> tuple[list[Any], list[Tensor]]:
    """Steps of 13 images, the last of one, shared out as the loader does."""
    torch.manual_seed(0)
    network = resnets.create_model("resnet14", num_classes=4)
    made = learner(processes, with_group_norms(network) if groups else network, **changed)
    made.begin_epoch(0, at_start=True)
    torch.manual_seed(1)
    images, labels = torch.randn(BATCH, 3, 8, 8, dtype=torch.float64), torch.arange(BATCH) % 4
    outcomes = []
    for number in range(STEPS):
        order = np.arange(BATCH if number < STEPS - 1 else 1)
        mine = batch_indices(order, 0, batch_size=BATCH, rank=processes.rank, num_ranks=processes.count)
        outcome = made.step(
            images[mine], labels[mine], learning_rate=0.05, number=number, num_images=len(order)
        )
        outcomes.append((outcome.loss, outcome.num_correct, outcome.gradient_norm))
    return outcomes, [parameter.detach() for parameter in network.parameters()]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"accumulation": 3, "clip_norm": 0.5},
        {"stochastic_depth": {"last": 0.3}, "averaging": {"decay": 0.9}},
    ],
)
@pytest.mark.parametrize("groups", [False, True])
def test_twenty_steps_of_two_processes_are_those_of_one(groups: bool, changed: dict[str, Any]) -> None:
    def work(_rank: int) -> Any:
        with joined() as processes:
            outcomes, weights = twenty_steps(processes, groups=groups, **changed)
            return outcomes, [weight.numpy() for weight in weights]

    first, second = together(2, work)
    with joined() as alone:
        outcomes, weights = twenty_steps(alone, groups=groups, **changed)
    assert first[0] == second[0]
    assert np.allclose(first[0], outcomes, rtol=1e-10, atol=1e-10)
    for mine, other, weight in zip(first[1], second[1], weights, strict=True):
        assert np.array_equal(mine, other)
        assert np.abs(mine - weight.numpy()).max() < 1e-10


def test_statistics_of_batch_norms_are_those_of_all_shares() -> None:
    def work(rank: int) -> tuple[np.ndarray, np.ndarray]:
        with joined() as processes:
            norm = nn.BatchNorm2d(1, momentum=1.0)
            norm(torch.tensor([0.0, 2.0]).view(2, 1, 1, 1) + 4 * rank)
            frozen = nn.BatchNorm2d(1).eval()
            assert frozen.running_mean is not None
            assert norm.running_mean is not None
            frozen.running_mean.fill_(rank)
            processes.average_statistics(nn.Sequential(norm, frozen), share=(0.25, 0.75)[rank])
            return norm.running_mean.numpy(), frozen.running_mean.numpy()

    for rank, (mean, untouched) in enumerate(together(2, work)):
        assert mean.tolist() == [0.25 * 1 + 0.75 * 5]
        assert untouched.tolist() == [rank]


def test_gates_are_alike_and_dropout_is_not() -> None:
    def work(_rank: int) -> Any:
        with joined() as processes:
            network = resnets.create_model("resnet14", num_classes=4)
            made = learner(processes, network, stochastic_depth={"last": 0.5}, freeze=[])
            drawn = []
            for number in range(8):
                made._draw(number)
                gates = tuple(unit.gate for unit in network_units(network).values())
                drawn.append((gates, torch.rand(1).item()))
            return drawn

    first, second = together(2, work)
    assert [gates for gates, _ in first] == [gates for gates, _ in second]
    assert all(mine != other for (_, mine), (_, other) in zip(first, second, strict=True))


# Whole trainings.

PLAIN: dict[str, Any] = {
    "complete": True,
    "model": "resnet8",
    "epochs": 2,
    "batch_size": 10,
    "preprocessing": {"image_size": 8},
    "optimizer": {"learning_rate": 0.05},
    "precision": "float32",
    "checkpoints": {"every_steps": 3},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 and 21 squares of 8 pixels, light or dark with noise, of three classes."""
    generator = np.random.default_rng(0)
    labels = np.arange(69) % 3
    images = (generator.integers(0, 120, (69, 8, 8, 3)) + 60 * labels[:, None, None, None]).astype(
        np.uint8
    )
    path = tmp_path_factory.mktemp("data") / "shades.npz"
    np.savez(
        path,
        train_images=images[:48],
        train_labels=labels[:48],
        val_images=images[48:],
        val_labels=labels[48:],
    )
    return path


def train_together(
    data: Path, run: Path, *, count: int = 2, watch: Any = None, **changed: Any
) -> list[Any]:
    settings = validate(TrainingSettings, {**PLAIN, **changed}, source="the test")

    def work(rank: int) -> tuple[list[EpochRecord], bool]:
        place = run if rank == 0 else run.with_name("of another machine")
        events: list[Event] = []

        def note(event: Event) -> None:
            events.append(event)
            if watch is not None:
                watch(rank, event)

        result: TrainingResult = train(data, output=place, settings=settings, check=False, watch=note)
        assert result.folder == run
        return [event for event in events if isinstance(event, EpochRecord)], bool(result.evaluation)

    return together(count, work)


def test_a_training_by_two_is_that_of_one_where_norms_are_frozen(data: Path, tmp_path: Path) -> None:
    norms = [
        name
        for name, module in resnets.create_model("resnet8").named_modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    first, second = train_together(data, tmp_path / "two", freeze=norms)
    assert (first[1], second) == (True, ([], False))  # the first alone tells, writes and evaluates
    assert not (tmp_path / "of another machine").exists()
    settings = validate(TrainingSettings, {**PLAIN, "freeze": norms}, source="the test")
    one = train(data, output=tmp_path / "one", settings=settings, check=False)
    for mine, alone in zip(first[0], one.history, strict=True):
        assert mine.train_loss == pytest.approx(alone.train_loss, rel=1e-5)
        assert mine.val_loss == pytest.approx(alone.val_loss, rel=1e-5)
        assert (mine.step, mine.val_top1, mine.num_skipped) == (alone.step, alone.val_top1, 0)
    assert (tmp_path / "two" / "model.safetensors").exists()
    assert (tmp_path / "two" / "status.json").read_text().count('"done"') == 1


def test_a_signal_to_one_ends_all_after_the_same_step(data: Path, tmp_path: Path) -> None:
    last = tmp_path / "last"

    def stop_the_second(rank: int, event: Event) -> None:
        if rank == 0 and isinstance(event, StepProgress):
            last.write_text(str(event.epoch * event.num_steps + event.step))
        if rank == 0 and isinstance(event, StepProgress) and (event.epoch, event.step) == (0, 2):
            os.kill(second_of(tmp_path), signal.SIGTERM)

    def work(rank: int) -> Any:
        (tmp_path / f"{rank}.pid").write_text(str(os.getpid()))
        settings = validate(TrainingSettings, {**PLAIN, "epochs": 200}, source="the test")
        train(
            data,
            output=tmp_path / "run",
            settings=settings,
            check=False,
            watch=lambda event: stop_the_second(rank, event),
        )

    ends = together(2, work)
    assert [type(end) for end in ends] == [Interrupted, Interrupted]
    assert {end.exit_code for end in ends} == {143}
    assert "SIGTERM" in str(ends[0])
    saved = (tmp_path / "run" / "checkpoints").glob("step-*")
    assert max(int(path.name.removeprefix("step-")) for path in saved) == int(last.read_text())


def second_of(folder: Path) -> int:
    return int((folder / "1.pid").read_text())


class StoppedError(Exception):
    pass


def test_the_same_command_goes_on_and_another_is_refused(data: Path, tmp_path: Path) -> None:
    def stop(rank: int, event: Event) -> None:
        if rank == 0 and isinstance(event, StepProgress) and (event.epoch, event.step) == (1, 2):
            raise StoppedError

    ends = train_together(data, tmp_path / "run", watch=stop)
    assert isinstance(ends[0], StoppedError)
    assert isinstance(ends[1], WorkerError), ends[1]
    assert "lost the others" in str(ends[1])
    ends = train_together(data, tmp_path / "run", epochs=3)
    assert all(isinstance(end, ConfigError) for end in ends)
    assert "epochs is 2 there, and 3 is asked for" in str(ends[0])
    assert [end.is_told for end in ends] == [False, True]
    first, _ = train_together(data, tmp_path / "run")
    assert [record.epoch for record in first[0]] == [2]
    undisturbed, _ = train_together(data, tmp_path / "undisturbed")
    assert first[0][0].val_loss == undisturbed[0][1].val_loss
    assert first[0][0].train_loss == undisturbed[0][1].train_loss


def test_what_was_chosen_for_a_run_is_not_held_against_its_command(data: Path, tmp_path: Path) -> None:
    """The mean and the precision of the run were nobody's wish; the seed was."""
    said = {name: PLAIN[name] for name in ("model", "epochs", "batch_size", "preprocessing")}

    def begin_with(**more: Any) -> list[Any]:
        def work(_rank: int) -> None:
            settings = validate(TrainingSettings, {**said, **more}, source="the test")
            train(data, output=tmp_path / "run", settings=settings, check=False)

        return together(2, work)

    assert begin_with(seed=1, augmentation={"flip": 0.5}) == [None, None]
    assert begin_with(seed=1) == [None, None]
    for end in begin_with(seed=0):  # what would be taken if nothing were said
        assert "seed is 1 there, and 0 is asked for" in str(end)


def test_several_need_a_place_that_they_find_again(data: Path) -> None:
    def work(_rank: int) -> None:
        train(data, settings=validate(TrainingSettings, PLAIN, source="the test"), check=False)

    for end in together(2, work):
        assert isinstance(end, ConfigError)
        assert "several processes need output" in str(end)


def test_a_process_that_takes_long_does_not_lose_the_others() -> None:
    def wait(rank: int) -> int:
        time.sleep(2.5 * rank)
        return rank

    def work(rank: int) -> list[int]:
        with joined() as processes:
            return processes.gather(processes.together(lambda: wait(rank)))

    assert together(2, work, RESNETS_TIMEOUT_S="1") == [[0, 1], [0, 1]]


def test_what_one_cannot_do_ends_the_others() -> None:
    def fail(rank: int) -> None:
        if rank == 1:
            raise DataError("no such folder")

    def work(rank: int) -> None:
        with joined() as processes:
            processes.together(lambda: fail(rank))

    first, second = together(2, work)
    assert isinstance(first, WorkerError)
    assert "another process of this training failed" in str(first)
    assert str(second) == "no such folder"


@pytest.mark.parametrize("what", ["train_labels", "train_images"])
def test_other_data_on_another_machine_is_noticed(data: Path, tmp_path: Path, what: str) -> None:
    with np.load(data) as arrays:
        changed = {name: arrays[name] for name in arrays.files}
    changed[what] = changed[what][::-1]
    (tmp_path / "other").mkdir()
    np.savez(tmp_path / "other" / data.name, **changed)

    def work(rank: int) -> None:
        settings = validate(TrainingSettings, PLAIN, source="the test")
        mine = data if rank == 0 else tmp_path / "other" / data.name
        train(mine, output=tmp_path / "run", settings=settings, check=False)

    for end in together(2, work):
        assert isinstance(end, DataError), end
        assert "process 1 of 2 reads other images" in str(end)


def test_what_the_first_finds_wrong_ends_all_and_is_told_once(tmp_path: Path) -> None:
    def work(_rank: int) -> None:
        train(tmp_path / "nowhere", output=tmp_path / "run")

    first, second = together(2, work)
    assert isinstance(first, ResNetsError)
    assert (type(second), str(second)) == (type(first), str(first))
    assert [first.is_told, second.is_told] == [False, True]


def test_a_batch_must_be_enough_for_all(data: Path, tmp_path: Path) -> None:
    ends = train_together(data, tmp_path / "run", batch_size=3)
    assert all("batch_size is 3 for 2 processes together" in str(end) for end in ends)
    ends = train_together(data, tmp_path / "parts", batch_size=11, accumulation=3)
    parts = "batch_size is 11 for 2 processes together, in 3 parts (accumulation), and each needs two"
    assert all(f"{parts} images at once: give at least 12" in str(end) for end in ends)
    ends = train_together(data, tmp_path / "other", sync_batch_norm=True, batch_size=12, accumulation=2)
    assert all("sync_batch_norm is for several processes on GPUs; here 2 on cpu" in str(e) for e in ends)
    assert all("sync_batch_norm and accumulation do not go together" in str(end) for end in ends)


def test_a_share_of_one_image_is_learned_from_where_maps_have_one_pixel(
    data: Path, tmp_path: Path
) -> None:
    """48 images in steps of 15: the last has 3 for two processes."""
    first, _ = train_together(data, tmp_path / "run", preprocessing={"image_size": 4}, batch_size=15)
    assert [record.num_skipped for record in first[0]] == [0, 0]


@pytest.mark.parametrize(
    ("variables", "rest"),
    [
        ({"WORLD_SIZE": "2", "RANK": "2"}, "WORLD_SIZE=2, RANK=2 do not belong together"),
        ({"WORLD_SIZE": "x"}, "WORLD_SIZE=x do not belong together"),
        ({"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "3"}, "do not belong together"),
    ],
)
def test_variables_that_make_no_sense(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], rest: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=rest):
        launch()


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "WORLD_SIZE": "2",
        "RANK": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "9",
        "RESNETS_TIMEOUT_S": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(WorkerError, match="do not find each other"), joined():
        pass
    monkeypatch.setenv("RESNETS_TIMEOUT_S", "soon")
    with (
        pytest.raises(ConfigError, match="RESNETS_TIMEOUT_S must be a number of seconds, got 'soon'"),
        joined(),
    ):
        pass
