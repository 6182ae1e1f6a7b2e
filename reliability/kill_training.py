"""Trainings killed with SIGKILL, at random moments and inside saves, and resumed until they end.

What is killed and compared is in tests/training/killed_runs.py.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from pathlib import Path

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
        "Seven kills in ten come from outside after a random time, start-up and the last evaluation "
        "included; three in ten come before a random call of the operating system in a save, a write "
        "half-done."
    ),
    (
        "Half of the kills are of runs on arrays in memory, half on files with random crops, which 0 or "
        "2 processes read, changed at random from one resumption to the next."
    ),
    (
        "Compared are the model file, all tensors and numbers of the last checkpoint but the clock's, "
        "the rows of results.csv but for speed, time and memory, and loss and learning rate of every "
        "single step, those that were done again included."
    ),
)
PACKAGES = ("resnets", "torch", "numpy", "pillow")


def run_share(kind: str, kills: int, seed: int, folder: Path) -> Tally:
    """Kill runs of one kind until there were enough kills.

    Args:
        kind: 'arrays' or 'files'.
        kills: how many.
        seed: of the moments.
        folder: for everything that is written.
    """
    torch.set_num_threads(1)
    chance, tally = random.Random(seed), Tally()
    trial = Trial(folder, kind, epochs=EPOCHS)
    while tally.kills < kills:
        trial.disturbed(chance, tally, kills=min(KILLS_OF_A_RUN, kills - tally.kills))
        print(f"{time.strftime('%H:%M:%S')} {kind}: {tally}", file=sys.stderr, flush=True)
    return tally


def total(tallies: list[Tally]) -> Tally:
    """Sum up; the largest of what is no count."""
    sums = {}
    for part in fields(Tally):
        values = [getattr(tally, part.name) for tally in tallies]
        if part.name == "most_steps":
            sums[part.name] = max(values)
        else:
            sums[part.name] = sum(values, start=type(values[0])())
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
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS / "killed_trainings.json")
    parser.add_argument("--folder", type=Path, help="where to train; a temporary one is made in it")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        shares = [
            pool.submit(run_share, kind, options.kills // 2, options.seed + number, Path(folder))
            for number, kind in enumerate(("arrays", "files"))
        ]
        tally = total([share.result() for share in shares])
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
