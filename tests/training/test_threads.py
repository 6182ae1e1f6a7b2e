"""How many threads a training takes, and that it is the same number when it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import resnets
from resnets.config import validate
from resnets.recipes.settings import TrainingSettings
from resnets.training.run_folder import RunFolder
from resnets.training.situation import Choice
from resnets.training.threads import faster, threads_restored, training_step, use_threads


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads in name only: real ones would wait for each other, which is what all this is about."""
    number = 2

    def remember(given: int) -> None:
        nonlocal number
        number = given

    monkeypatch.setattr(torch, "get_num_threads", lambda: number)
    monkeypatch.setattr(torch, "set_num_threads", remember)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def test_threads_are_given_back() -> None:
    with pytest.raises(KeyError), threads_restored():
        torch.set_num_threads(7)
        raise KeyError
    assert torch.get_num_threads() == 2


def settings(**changed: Any) -> TrainingSettings:
    values = {
        "model": "resnet8",
        "epochs": 1,
        "batch_size": 8,
        "preprocessing": {"image_size": 8},
        "complete": True,
        "optimizer": {"learning_rate": 0.1},
        **changed,
    }
    return validate(TrainingSettings, values, source="the test")


def race(seconds: dict[int, float]) -> tuple[Choice, int]:
    """Time steps that take as long as it says here, by the number of threads."""
    now, steps = 0.0, 0

    def step() -> None:
        nonlocal now, steps
        now += seconds[torch.get_num_threads()]
        steps += 1

    choice = faster(step, most=2, clock=lambda: now, processor=lambda: now)
    assert torch.get_num_threads() == 2
    return choice, steps


def test_all_threads_share_the_work_of_an_idle_machine() -> None:
    reason = "a step took 0.3 s with one thread and 0.16 s with 2"
    assert race({1: 0.3, 2: 0.16}) == (Choice("threads", "2", reason), 6)


def test_one_thread_is_taken_where_two_wait_for_each_other() -> None:
    reason = "a step took 0.65 s with one thread and 9 s with 2: other work keeps the processor busy"
    choice, steps = race({1: 0.65, 2: 9.0})
    assert choice == Choice("threads", "1", reason)
    assert steps == 4  # the slow one once


def test_chance_does_not_decide() -> None:
    assert race({1: 0.3, 2: 0.32})[0].value == "2"


def test_long_steps_are_not_raced() -> None:
    choice, steps = race({1: 4.0, 2: 2.0})
    assert choice == Choice("threads", "2", "a step takes 4 s, enough for all to share")
    assert steps == 1


def test_what_is_said_counts_before_what_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    network = resnets.create_model("resnet8", num_classes=2)
    for given, earlier, expected in ((1, None, 1), (1, 2, 1), (None, 1, 1), (None, 64, 2)):
        torch.set_num_threads(2)
        assert use_threads(network, settings(threads=given), earlier=earlier, timed=True) == ()
        assert torch.get_num_threads() == expected
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    torch.set_num_threads(2)
    assert use_threads(network, settings(), earlier=1, timed=True) == ()
    assert torch.get_num_threads() == 2


def test_a_timed_step_changes_neither_the_network_nor_what_is_drawn() -> None:
    network = resnets.create_model("resnet8", num_classes=2, drop_path_rate=0.5)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    training_step(network, settings(precision="bf16", channels_last=True))()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def noise(folder: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3)).astype(np.uint8)
    np.savez(folder / "noise.npz", train_images=pixels, train_labels=np.arange(32) % 2)
    return folder / "noise.npz"


def test_a_run_goes_on_with_the_threads_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def won_by_one(_step: Callable[[], object], *, most: int, **_: object) -> Choice:
        return Choice("threads", "1", f"faster than {most}")

    monkeypatch.setattr("resnets.training.threads.faster", won_by_one)
    seen: list[int] = []
    result = resnets.train(
        noise(tmp_path),
        output=tmp_path / "run",
        settings=settings(val_share=0.0),
        check=False,
        device="cpu",
        time_threads=True,
        watch=lambda _: seen.append(torch.get_num_threads()),
    )
    assert set(seen) == {1}
    assert torch.get_num_threads() == 2
    assert Choice("threads", "1", "faster than 2") in result.choices
    with RunFolder.open(tmp_path / "run") as run:
        assert run.threads() == 1
        assert run.read_settings().threads is None  # no setting: another machine has other threads
    again: list[int] = []
    resnets.train(
        output=tmp_path / "run",
        resume=True,
        device="cpu",
        watch=lambda _: again.append(torch.get_num_threads()),
    )
    assert again[0] == 1
