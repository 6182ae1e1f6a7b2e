"""SIGTERM and Ctrl-C in every phase of a training: it ends with the right code, and goes on later."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.training.killed_runs import Trial
from tests.training.run_endings import log_of, read_ending, said

from resnets.training.events import Checking, EpochRecord, Event, RunStarted, StepProgress

PHASES: dict[str, Callable[[Event], bool]] = {
    "check": lambda event: isinstance(event, Checking),
    "start": lambda event: isinstance(event, RunStarted),
    "step": lambda event: isinstance(event, StepProgress) and event.phase == "training",
    "last step": lambda event: (
        isinstance(event, StepProgress) and event.phase == "training" and event.step == event.num_steps
    ),
    "validation": lambda event: isinstance(event, StepProgress) and event.phase == "validation",
    "epoch": lambda event: isinstance(event, EpochRecord),
    "last epoch": lambda event: isinstance(event, EpochRecord) and event.epoch == 2,
}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return Trial(tmp_path_factory.mktemp("trial"), "arrays", epochs=2)


def send_at(phase: str, number: int, *, then_sleep: float = 0.0) -> Callable[[Event], None]:
    sent = False

    def watch(event: Event) -> None:
        nonlocal sent
        if not sent and PHASES[phase](event):
            sent = True
            os.kill(os.getpid(), number)
            time.sleep(then_sleep)

    return watch


def send_in_a_save(number: int) -> None:
    """Send the signal at the first fsync, which is in a checkpoint's file."""
    original = os.fsync

    def fsync(handle: int) -> None:
        os.fsync = original
        os.kill(os.getpid(), number)
        original(handle)

    os.fsync = fsync  # type: ignore[assignment]


def end_of(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def goes_on(trial: Trial, run: Path) -> None:
    assert end_of(trial.start(run)) == 0, said(run)
    assert read_ending(run).differs_from(trial.reference) == []


def cases() -> Iterator[object]:
    """Every phase with both; each trains twice, so that only some are for every day."""
    quick = {("step", signal.SIGTERM), ("validation", signal.SIGINT), ("save", signal.SIGTERM)}
    for phase in (*PHASES, "save"):
        for number in (signal.SIGTERM, signal.SIGINT):
            marks = () if (phase, number) in quick else (pytest.mark.slow,)
            yield pytest.param(phase, number, marks=marks, id=f"{phase}, {number.name}")


@pytest.mark.parametrize(("phase", "number"), [*cases()])
def test_a_signal_ends_the_run_and_it_goes_on(
    trial: Trial, tmp_path: Path, phase: str, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    if phase == "save":
        process = trial.start(run, prepare=partial(send_in_a_save, number))
    else:
        process = trial.start(run, check=phase == "check", watch=send_at(phase, number))
    start = time.monotonic()
    assert end_of(process) == {signal.SIGTERM: 143, signal.SIGINT: 130}[number], said(run)
    assert time.monotonic() - start < 30
    assert "resnets.errors.Interrupted: " in said(run)
    if phase == "check":
        assert not run.exists()
    goes_on(trial, run)


def test_a_second_signal_ends_the_run_at_once(trial: Trial, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = trial.start(run, watch=send_at("last step", signal.SIGTERM, then_sleep=60.0))
    while not log_of(run).exists() or len(log_of(run).read_text().splitlines()) < 5:
        time.sleep(0.01)
    time.sleep(0.7)  # what comes sooner is an echo
    os.kill(process, signal.SIGTERM)
    start = time.monotonic()
    assert end_of(process) == 143
    assert time.monotonic() - start < 2
    goes_on(trial, run)
