"""Trainings that are killed, at random moments and inside saves, and resumed until they end.

Every run is a process that this one forks, so that torch is loaded once.
"""

from __future__ import annotations

import logging
import os
import random
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from tests.training.run_endings import (
    Ending,
    begun_of,
    log_of,
    read_ending,
    read_steps,
    said,
    step_log,
    write_arrays,
    write_images,
)

from resnets.architectures.creation import create_model
from resnets.data.crop_policy import RandomResizedCrop
from resnets.errors import WeightsError
from resnets.recipes.settings import Averaging, Checkpoints, TrainingSettings
from resnets.training.checkpoint_files import verify
from resnets.training.checkpoints import find_checkpoints
from resnets.training.events import Event, RunStarted
from resnets.training.memory import estimate_memory
from resnets.training.train import train

EVERY_STEPS = 2
_LONGEST_SECONDS = 600.0
_SAVING_CALLS = ("mkdir", "open", "write", "fsync", "close", "rename", "unlink", "rmdir")


@dataclass
class Tally:
    """What was counted over all runs.

    Attributes:
        kills: in all.
        aimed: of them inside a save.
        inside: after which a half-written checkpoint lay there.
        removing: after which a half-removed one lay there.
        before: that came before the run had written its settings.
        workers: of a process with two reading processes.
        lost: checkpoints that were there before a kill and not afterwards, or do not verify.
        most_steps: largest number of steps that had to be done again.
        ended: runs that reached their end.
        different: what differed from the undisturbed run, a line each.
        steps: that were logged, and compared with those of the undisturbed run.
    """

    kills: int = 0
    aimed: int = 0
    inside: int = 0
    removing: int = 0
    before: int = 0
    workers: int = 0
    lost: list[str] = field(default_factory=list)
    most_steps: int = 0
    ended: int = 0
    different: list[str] = field(default_factory=list)
    steps: int = 0


class Trial:
    """One training that is killed again and again.

    Args:
        folder: for the data and the runs.
        kind: 'arrays' in memory, or 'files' that are read by 0 or 2 processes in turn.
        epochs: of five steps.
    """

    def __init__(self, folder: Path, kind: str, *, epochs: int) -> None:
        network = create_model("resnet8", num_classes=2)
        estimate_memory(network, image_size=8, in_channels=3, batch_size=8)
        # What it imports and remembers is for every process that is forked.
        self.folder = folder
        self.kind = kind
        self.data = (write_arrays if kind == "arrays" else write_images)(folder / kind)
        self.settings = TrainingSettings(
            model="resnet8",
            epochs=epochs,
            batch_size=8,
            checkpoints=Checkpoints(every_steps=EVERY_STEPS),
            averaging=Averaging(decay=0.9),
            crop=None if kind == "arrays" else RandomResizedCrop(),
            workers=0,
        )
        self.reference, self.losses, self.seconds = self.undisturbed()

    def undisturbed(self) -> tuple[Ending, dict[str, str], tuple[float, float]]:
        """Train once without a kill: the ending, the loss of every step, the seconds before and in it."""
        run = self.folder / f"{self.kind}-reference"
        start = time.time()
        process = self.start(run)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, said(run)
        begun = begun_of(run).stat().st_mtime
        return read_ending(run), dict(read_steps(run)), (begun - start, time.time() - begun)

    def start(
        self,
        run: Path,
        *,
        check: bool = False,
        prepare: Callable[[], None] | None = None,
        watch: Callable[[Event], None] | None = None,
    ) -> int:
        """Fork a process that trains, or goes on with what is there, and ends as the command would.

        Args:
            run: folder of the run.
            check: the data first.
            prepare: done in the process before it trains.
            watch: is told what happens.
        """
        process = os.fork()
        if process:
            return process
        exit_code = 1
        try:
            logging.disable(logging.CRITICAL)
            if prepare is not None:
                prepare()
            write_step = step_log(run)

            def tell(event: Event) -> None:
                if isinstance(event, RunStarted):
                    begun_of(run).touch()
                write_step(event)
                if watch is not None:
                    watch(event)

            resumed = (run / "config.toml").exists()
            train(
                self.data,
                output=run,
                resume=resumed,
                settings=None if resumed else self.settings,
                check=check,
                device="cpu",
                watch=tell,
            )
            exit_code = 0
        except BaseException as error:
            exit_code = getattr(error, "exit_code", 1)
            run.with_suffix(".error").write_text(traceback.format_exc())
        finally:
            os._exit(exit_code)

    def disturbed(self, chance: random.Random, tally: Tally, *, kills: int) -> None:
        """Train with kills, and compare.

        Args:
            chance: of the moments.
            tally: what is counted.
            kills: of this run, at most.
        """
        run = self.folder / f"{self.kind}-run"
        left = kills
        while True:
            aim = chance.choices(["save", "start", "anywhere"], [30, 10, 60])[0] if left else ""
            if (run / "config.toml").exists():
                self.change_workers(run, chance)
            elif run.exists():
                shutil.rmtree(run)  # nothing was begun
            begun_of(run).unlink(missing_ok=True)
            prepare = partial(die_in_a_save, chance.randrange(300)) if aim == "save" else None
            process = self.start(run, prepare=prepare)
            seen = self.wait(process, run, chance, aim)
            exit_code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            if exit_code != -signal.SIGKILL:
                break
            left -= 1
            tally.kills += 1
            tally.aimed += aim == "save"
            self.examine(run, seen, tally)
        if exit_code:
            tally.different.append(f"the run failed: {said(run)}")
        else:
            tally.ended += 1
            tally.different += read_ending(run).differs_from(self.reference)
        for step, loss in read_steps(run):
            tally.steps += 1
            if self.losses.get(step) != loss:
                tally.different.append(f"step {step}: {loss} instead of {self.losses.get(step)}")
        shutil.rmtree(run)
        log_of(run).unlink(missing_ok=True)

    def wait(self, process: int, run: Path, chance: random.Random, aim: str) -> set[int]:
        """Wait for the moment, kill, and tell which checkpoints were there before."""
        before, after = self.seconds
        first = time.monotonic()
        seconds = chance.uniform(0, before if aim == "start" else 0.4 * after)
        seen: set[int] = set()
        while True:
            seen = {found.step for found in find_checkpoints(run / "checkpoints")} or seen
            if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return seen
            now = time.monotonic()
            assert now - first < _LONGEST_SECONDS, f"the run hangs: {said(run)}"
            if aim == "anywhere" and not begun_of(run).exists():
                first = now
            elif aim in {"start", "anywhere"} and now - first >= seconds:
                os.kill(process, signal.SIGKILL)
                return seen
            time.sleep(0.005)

    def change_workers(self, run: Path, chance: random.Random) -> None:
        """Let another number of processes read from now on."""
        if self.kind == "files":
            config = run / "config.toml"
            text = re.sub(r"(?m)^workers = \d", f"workers = {chance.choice([0, 2])}", config.read_text())
            config.write_text(text)

    def examine(self, run: Path, seen: set[int], tally: Tally) -> None:
        """Count what a kill did."""
        checkpoints = run / "checkpoints"
        if not (run / "config.toml").exists():
            tally.before += 1
            log_of(run).unlink(missing_ok=True)
            return
        tally.workers += "workers = 2" in (run / "config.toml").read_text()
        tally.inside += any(checkpoints.glob(".saving-*"))
        tally.removing += any(checkpoints.glob(".removing-*"))
        found = find_checkpoints(checkpoints)
        for checkpoint in found:
            try:
                verify(checkpoint.path)
            except WeightsError as error:
                tally.lost.append(str(error))
        newest = max((checkpoint.step for checkpoint in found), default=0)
        if newest < max(seen, default=0):
            tally.lost.append(f"step {max(seen)} was there, now {newest} is the newest")
        done = max((int(step) for step, _ in read_steps(run)), default=0)
        tally.most_steps = max(tally.most_steps, done - newest)


def die_in_a_save(number: int) -> None:
    """Let this process be killed before a call of a save, a write in its middle.

    Args:
        number: of the call, from 0, over all saves of this process.
    """
    left = number
    saving = {"save_checkpoint", "prune", "clean"}

    def wrap(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal left
            if any(frame.f_code.co_name in saving for frame in callers()):
                left -= 1
                if left < 0:
                    if name == "write":
                        original(args[0], args[1][: len(args[1]) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **options)

        return call

    for name in _SAVING_CALLS:
        setattr(os, name, wrap(name, getattr(os, name)))


def callers() -> Iterator[FrameType]:
    """Whoever called this, and its callers, the nearest first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back
