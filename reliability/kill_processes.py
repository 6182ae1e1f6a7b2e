"""Trainings by several processes, of which one is killed with SIGKILL again and again.

What is killed and compared is in tests/training/killed_processes.py.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
from promises import RESULTS, Figure, Result, write_result
from tests.training.killed_processes import EVERY_STEPS, Kills, train_undisturbed, train_with_kills

EPOCHS, KILLS_OF_A_RUN = 12, 20
PROMISE = (
    "A training by several processes, one of which is killed with SIGKILL as often as one likes, goes "
    "on by itself from the last checkpoint, loses at most the steps since then, and ends with the same "
    "weights, the same average of them and the same loss curve, bit for bit, as one that was never "
    "disturbed."
)
REMARKS = (
    (
        f"A run is a ResNet-8 on 48 random images of 8 × 8 pixels, {EPOCHS} epochs of 4 steps, shared "
        f"out among the processes, saved every {EVERY_STEPS} steps, with batch norm, momentum, averaged "
        f"weights and a validation split; it is disturbed up to {KILLS_OF_A_RUN} times, then left to "
        "end. On a CPU, gloo, one thread in each process."
    ),
    (
        "The processes are started, watched and started again by torchrun's agent, which forks them "
        "here. Which of them is killed is drawn, and so is the moment: in one case of five before the "
        "first step of a start, while the processes find each other, else up to 0.4 seconds after it."
    ),
    (
        "Compared are the model file, all tensors and numbers of the last checkpoint but the clock's, "
        "the rows of results.csv but for speed, time and memory, and loss and learning rate of every "
        "single step, those that were done again included."
    ),
)
PACKAGES = ("resnets", "torch", "numpy")


def run(folder: Path, *, kills: int, seed: int, processes: int) -> tuple[Kills, int]:
    """Kill processes until there were enough kills; give what was counted, and the number of runs.

    Args:
        folder: for everything that is written.
        kills: at least so many.
        seed: of the moments.
        processes: of each training.
    """
    total, runs = Kills(), 0
    reference = train_undisturbed(folder, processes=processes, epochs=EPOCHS)
    while total.count < kills:
        counted = train_with_kills(
            folder,
            reference,
            processes=processes,
            epochs=EPOCHS,
            kills=KILLS_OF_A_RUN,
            seed=1000 * seed + runs,
        )
        runs += 1
        total = Kills(
            of_first=total.of_first + counted.of_first,
            of_others=total.of_others + counted.of_others,
            before=total.before + counted.before,
            most_steps=max(total.most_steps, counted.most_steps),
            longest_seconds=max(total.longest_seconds, counted.longest_seconds),
            different=total.different + counted.different,
        )
        print(time.strftime("%H:%M:%S"), runs, total, file=sys.stderr, flush=True)
    return total, runs


def main() -> None:
    """Run, print what failed, write the figures; exit 1 if the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2, help="of each training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS / "killed_processes.json")
    options = parser.parse_args()
    multiprocessing.set_start_method("fork", force=True)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        total, runs = run(
            Path(folder), kills=options.kills, seed=options.seed, processes=options.processes
        )
    print(*total.different, sep="\n")
    result = Result(
        title="Processes that are killed",
        promise=PROMISE,
        command=(
            f"python reliability/kill_processes.py --kills {options.kills} --processes "
            f"{options.processes} --seed {options.seed}"
        ),
        seed=options.seed,
        count=total.count,
        unit="kills",
        figures=[
            Figure(name="kills of the first process, which writes", value=total.of_first),
            Figure(name="kills of another process", value=total.of_others),
            Figure(name="kills before the first step of a start", value=total.before),
            Figure(name="runs that reached their end", value=runs),
            Figure(
                name="most steps done again after a kill", value=total.most_steps, at_most=EVERY_STEPS
            ),
            Figure(
                name="seconds from a kill to the next step, at most",
                value=round(total.longest_seconds, 1),
            ),
            Figure(name="differences from the undisturbed run", value=len(total.different), at_most=0),
        ],
        remarks=REMARKS,
    )
    write_result(result, options.output, packages=PACKAGES)
    sys.exit(0 if result.met else 1)


if __name__ == "__main__":
    main()
