"""A training by several processes, one of which is killed now and then; torchrun's agent starts all again.

The agent is torchrun's own, but forks its processes, so that torch is loaded once.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tests.training.run_endings import read_ending, read_steps, step_log, write_arrays
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from resnets.recipes.settings import Averaging, Checkpoints, TrainingSettings
from resnets.training.checkpoints import find_checkpoints
from resnets.training.events import Event, StepProgress
from resnets.training.train import train

EVERY_STEPS = 2
_LONGEST_S = 120.0
SETTINGS = TrainingSettings(
    model="resnet8",
    batch_size=10,
    checkpoints=Checkpoints(every_steps=EVERY_STEPS),
    averaging=Averaging(decay=0.9),
    threads=1,
)


@dataclass
class Kills:
    """What was counted.

    Attributes:
        of_first: kills of the first process.
        of_others: of any other.
        before: of them before the first step of that start.
        most_steps: largest number of steps that had to be done again.
        longest_seconds: from a kill to the next step.
        different: what differed from the undisturbed run, a line each.
    """

    of_first: int = 0
    of_others: int = 0
    before: int = 0
    most_steps: int = 0
    longest_seconds: float = 0.0
    different: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Of all kills."""
        return self.of_first + self.of_others


def train_undisturbed(folder: Path, *, processes: int, epochs: int) -> Path:
    """Train once by several processes.

    Args:
        folder: for the run.
        processes: of the training.
        epochs: of five steps.
    """
    run = folder / "undisturbed"
    _launch(run, processes=processes, epochs=epochs, restarts=0)
    return run


def train_with_kills(
    folder: Path, reference: Path, *, processes: int, epochs: int, kills: int, seed: int
) -> Kills:
    """Train the same with kills, and compare.

    Args:
        folder: for the run.
        reference: the undisturbed run.
        processes: of the training.
        epochs: as many as the undisturbed run has.
        kills: at most so many.
        seed: of the moments.
    """
    run, counted = folder / f"run-{seed}", Kills()
    is_over = threading.Event()
    killer = threading.Thread(
        target=_kill, args=(run, counted, random.Random(seed), processes, kills, is_over), daemon=True
    )
    killer.start()
    try:
        _launch(run, processes=processes, epochs=epochs, restarts=kills)
    finally:
        is_over.set()
        killer.join()
    counted.different += read_ending(run).differs_from(read_ending(reference))
    expected = dict(read_steps(reference))
    for step, loss in read_steps(run):
        if expected.get(step) != loss:
            counted.different.append(f"step {step}: {loss} instead of {expected.get(step)}")
    return counted


def _launch(run: Path, *, processes: int, epochs: int, restarts: int) -> None:
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=run.name,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        max_restarts=restarts,
        monitor_interval=0.05,
        start_method="fork",
    )
    data = write_arrays(run.parent / "data")
    elastic_launch(config, _work)(data, run, epochs)


def _work(data: Path, run: Path, epochs: int) -> None:
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the agent's own, which this process was forked from
    torch.set_num_threads(1)
    rank = int(os.environ["RANK"])
    _place_of(run, rank).write_text(f"{os.getpid()}")
    is_first = rank == 0
    write_step = step_log(run) if is_first else None

    def watch(event: Event) -> None:
        if isinstance(event, StepProgress) and write_step is not None:
            write_step(event)
            _moment_of(run).write_text(f"{time.time()}")

    settings = SETTINGS.model_copy(update={"epochs": epochs})
    train(data, output=run, settings=settings, check=False, device="cpu", watch=watch)
    with _held(run):  # from here on this process waits for its agent, which would wait for it for ever
        _place_of(run, rank).unlink()


@contextmanager
def _held(run: Path) -> Iterator[None]:
    """Keep killer and killed apart."""
    with run.with_name(f"{run.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _place_of(run: Path, rank: int) -> Path:
    """Where a process leaves its number."""
    return run.with_name(f"{run.name}.{rank}.pid")


def _moment_of(run: Path) -> Path:
    """Where the time of the last step is."""
    return run.with_name(f"{run.name}.step")


def _kill(
    run: Path,
    counted: Kills,
    chance: random.Random,
    processes: int,
    kills: int,
    is_over: threading.Event,
) -> None:
    """Kill one process after the other, each time of another start."""
    before: Sequence[int] = ()
    while counted.count < kills:
        started = _wait_for_all(run, processes, before, is_over)
        if started is None:
            return
        early = chance.random() < 0.2
        first_step = _moment(run)
        if not early and not _wait_for_step(run, first_step, is_over):
            return
        if is_over.wait(chance.uniform(0.0, 0.4)):
            return
        rank = chance.randrange(processes)
        done = max((int(step) for step, _ in read_steps(run)), default=0)
        saved = max((found.step for found in find_checkpoints(run / "checkpoints")), default=0)
        with _held(run):
            if not _place_of(run, rank).exists():
                return
            os.kill(started[rank], signal.SIGKILL)
        killed = time.time()
        counted.of_first += rank == 0
        counted.of_others += rank != 0
        counted.before += early
        counted.most_steps = max(counted.most_steps, done - saved)
        before = started
        if not _wait_for_step(run, _moment(run), is_over):
            return
        counted.longest_seconds = max(counted.longest_seconds, time.time() - killed)


def _wait_for_all(
    run: Path, processes: int, before: Sequence[int], is_over: threading.Event
) -> list[int] | None:
    """The numbers of the processes, once all of them are others than before."""
    while not is_over.wait(0.01):
        try:
            found = [int(_place_of(run, rank).read_text() or 0) for rank in range(processes)]
        except (FileNotFoundError, ValueError):
            continue
        if all(found) and not set(found) & set(before):
            return found
    return None


def _moment(run: Path) -> float:
    try:
        return float(_moment_of(run).read_text() or 0)
    except (FileNotFoundError, ValueError):
        return 0.0


def _wait_for_step(run: Path, after: float, is_over: threading.Event) -> bool:
    """Wait until a step is done, after a moment."""
    first = time.monotonic()
    while _moment(run) <= after:
        assert time.monotonic() - first < _LONGEST_S, "the processes hang"
        if is_over.wait(0.005):
            return False
    return True
