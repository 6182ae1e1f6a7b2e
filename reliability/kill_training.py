"""Trainings killed with SIGKILL, at random moments and inside saves, and resumed until they end.

What is killed and compared is in tests/training/killed_runs.py.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import fields
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
from promises import RESULTS, Figure, Result, write_result
from tests.training.killed_runs import EVERY_STEPS, Tally, Trial

EPOCHS, KILLS_OF_A_RUN = 6, 20
PROMISE = (
    "A training that is killed, even with SIGKILL in the middle of a save, and resumed, as often as one "
    "likes, loses no checkpoint and at most the steps since the last one, and ends with the same "
    "weights, the same average of them and the same loss curve, bit for bit, as one that was never "
    "disturbed."
)
REMARKS = (
    (
        f"A run is a ResNet-8 on 48 random images of 8 × 8 pixels, {EPOCHS} epochs of 5 steps, saved "
        f"every {EVERY_STEPS} steps, with momentum, averaged weights, augmentation and a validation "
        f"split; it is killed up to {KILLS_OF_A_RUN} times, then left to end. On a CPU, with one thread."
    ),
    (
        "Three kills in ten are aimed inside a save: before a random call of the operating system, a "
        "write half-done. One in ten comes at a random moment of the start of a process, the others at "
        "a random moment after it, the last evaluation included."
    ),
    (
        "Every other run is on arrays in memory, the others on files with random crops, which 0 or 2 "
        "processes read, changed at random from one resumption to the next."
    ),
    (
        "Compared are the model file, all tensors and numbers of the last checkpoint but the clock's, "
        "the rows of results.csv but for speed, time and memory, and loss and learning rate of every "
        "single step, those that were done again included."
    ),
)
PACKAGES = ("resnets", "torch", "numpy", "pillow")


@cache
def trial_of(kind: str, folder: Path) -> Trial:
    """The undisturbed run of this process."""
    multiprocessing.set_start_method("fork", force=True)  # of those who read images
    torch.set_num_threads(1)
    place = folder / f"{kind}-{os.getpid()}"
    place.mkdir()
    return Trial(place, kind, epochs=EPOCHS)


def disturb(number: int, seed: int, folder: Path) -> Tally:
    """Kill one run, again and again.

    Args:
        number: of the run; the even ones are on arrays, the odd ones on files.
        seed: of all moments.
        folder: for everything that is written.
    """
    tally = Tally()
    trial = trial_of(("arrays", "files")[number % 2], folder)
    trial.disturbed(random.Random(f"{seed} {number}"), tally, kills=KILLS_OF_A_RUN)
    return tally


def run(folder: Path, *, kills: int, seed: int, processes: int) -> Tally:
    """Kill runs until there were enough kills.

    Args:
        folder: for everything that is written.
        kills: at least so many.
        seed: of the moments.
        processes: that kill runs at the same time.
    """
    tallies: list[Tally] = []
    numbers, waiting = count(), set[Future[Tally]]()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        while waiting or total(tallies).kills < kills:
            while len(waiting) < processes and total(tallies).kills < kills:
                waiting.add(pool.submit(disturb, next(numbers), seed, folder))
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            tallies += [future.result() for future in done]
            print(time.strftime("%H:%M:%S"), total(tallies), file=sys.stderr, flush=True)
    return total(tallies)


def total(tallies: Sequence[Tally]) -> Tally:
    """Sum up; the largest of what is no count."""
    sums: dict[str, Any] = {}
    for part in fields(Tally):
        values = [getattr(tally, part.name) for tally in tallies]
        if part.name == "most_steps":
            sums[part.name] = max(values, default=0)
        else:
            sums[part.name] = sum(values, start=getattr(Tally(), part.name))
    return Tally(**sums)


def figures(tally: Tally) -> list[Figure]:
    """Hold the counts against the promise."""
    return [
        Figure(name="kills aimed inside a save", value=tally.aimed),
        Figure(name="kills that left a half-written checkpoint behind", value=tally.inside),
        Figure(name="kills that left a half-removed checkpoint behind", value=tally.removing),
        Figure(name="kills with two reading processes", value=tally.workers),
        Figure(name="kills before the run had begun to write", value=tally.before),
        Figure(name="checkpoints lost or damaged", value=len(tally.lost), at_most=0),
        Figure(name="most steps done again after a kill", value=tally.most_steps, at_most=EVERY_STEPS),
        Figure(name="runs that reached their end", value=tally.ended),
        Figure(name="differences from the undisturbed run", value=len(tally.different), at_most=0),
        Figure(name="steps compared with those of the undisturbed run", value=tally.steps),
    ]


def main() -> None:
    """Run, print what failed, write the figures; exit 1 if the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2, help="that kill runs at the same time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS / "killed_trainings.json")
    parser.add_argument("--folder", type=Path, help="where to train; a temporary one is made in it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        tally = run(Path(folder), kills=options.kills, seed=options.seed, processes=options.processes)
    print(*tally.lost, *tally.different, sep="\n")
    result = Result(
        title="Trainings that are killed",
        promise=PROMISE,
        command=f"python reliability/kill_training.py --kills {options.kills} --seed {options.seed}",
        seed=options.seed,
        count=tally.kills,
        unit="kills",
        figures=figures(tally),
        remarks=REMARKS,
    )
    write_result(result, options.output, packages=PACKAGES)
    sys.exit(0 if result.met else 1)


if __name__ == "__main__":
    main()
