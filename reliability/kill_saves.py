"""Saves killed with SIGKILL: a process does nothing but save a large checkpoint, again and again."""

from __future__ import annotations

import argparse
import logging
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from promises import RESULTS, Figure, Result, write_result

from resnets.training.checkpoints import clean, find_checkpoints, newest_valid, prune, save_checkpoint

MEGABYTES, NUM_TENSORS = 94, 160
PROMISE = (
    "A process that is killed with SIGKILL while it saves leaves the newest checkpoint whose save had "
    "returned, or a newer one, loadable."
)
REMARKS = (
    (
        f"The checkpoint has {NUM_TENSORS} tensors and {MEGABYTES} MB, nearly as much as the weights of "
        "ResNet-50. The moment of a kill is drawn evenly from twice the time of an undisturbed save."
    ),
    (
        "SIGKILL ends the process, not the machine: what the system had not yet written to the disk is "
        "not lost. That files and folders are synchronised before the rename is not tested by this."
    ),
)
PACKAGES = ("resnets", "torch")


@dataclass
class Tally:
    """What was counted.

    Attributes:
        kills: in all.
        inside: after which a half-written checkpoint lay there.
        returned: saves that had returned before a kill.
        lost: checkpoints whose save had returned, and that were not found.
        damaged: folders with the name of a checkpoint that did not verify.
        save_seconds: of saves that nothing disturbed.
        verify_seconds: of finding the newest.
    """

    kills: int = 0
    inside: int = 0
    returned: int = 0
    lost: int = 0
    damaged: int = 0
    save_seconds: list[float] = field(default_factory=list)
    verify_seconds: list[float] = field(default_factory=list)


def saving(folder: Path, first: int, tensors: dict[str, torch.Tensor], report: int) -> None:
    """Save for ever; tell the step of each save that returned."""
    for step in range(first, first + 10**6):
        save_checkpoint(folder, step, tensors=tensors, state={"step": step})
        os.write(report, step.to_bytes(8, "little"))
        prune(folder, keep=2)


def kill_once(folder: Path, tensors: dict[str, torch.Tensor], seconds: float, tally: Tally) -> None:
    """Let a process save, kill it, and look at what is left.

    Args:
        folder: of the checkpoints.
        tensors: of each of them.
        seconds: until the kill.
        tally: what is counted.
    """
    clean(folder)
    found = find_checkpoints(folder)
    last = found[0].step if found else 0
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        os.close(reader)
        saving(folder, last + 1, tensors, writer)
    os.close(writer)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    with os.fdopen(reader, "rb") as reports:
        returned = reports.read()
    tally.kills += 1
    tally.returned += len(returned) // 8
    tally.inside += any(folder.glob(".saving-*"))
    expected = int.from_bytes(returned[-8:], "little") if returned else last
    start = time.monotonic()
    newest = newest_valid(folder)
    tally.verify_seconds.append(time.monotonic() - start)
    tally.lost += expected > (newest.step if newest else 0)
    tally.damaged += len(list(folder.glob("*.damaged*")))


def run(folder: Path, *, kills: int, seed: int) -> Tally:
    """Measure undisturbed saves, then kill.

    Args:
        folder: for the checkpoints.
        kills: how many.
        seed: of the moments.
    """
    torch.set_num_threads(1)
    numbers = MEGABYTES * 10**6 // 4 // NUM_TENSORS
    tensors = {f"network.{number}": torch.randn(numbers) for number in range(NUM_TENSORS)}
    tally, chance = Tally(), random.Random(seed)
    for step in range(1, 6):
        start = time.monotonic()
        save_checkpoint(folder, step, tensors=tensors, state={})
        tally.save_seconds.append(time.monotonic() - start)
        prune(folder, keep=2)
    longest = 2 * sorted(tally.save_seconds)[2]
    for _ in range(kills):
        kill_once(folder, tensors, chance.uniform(0, longest), tally)
    return tally


def figures(tally: Tally) -> list[Figure]:
    """Hold the counts against the promise."""
    return [
        Figure(name="kills that left a half-written checkpoint behind", value=tally.inside),
        Figure(name="saves that returned before a kill", value=tally.returned),
        Figure(name="checkpoints lost", value=tally.lost, at_most=0),
        Figure(name="damaged checkpoints", value=tally.damaged, at_most=0),
        Figure(name="undisturbed save, median, s", value=round(sorted(tally.save_seconds)[2], 2)),
        Figure(
            name="finding the newest and verifying it, median, s",
            value=round(sorted(tally.verify_seconds)[len(tally.verify_seconds) // 2], 2),
        ),
    ]


def main() -> None:
    """Run, write the figures; exit 1 if the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS / "killed_saves.json")
    parser.add_argument("--folder", type=Path, help="where to save; a temporary one is made in it")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        tally = run(Path(folder), kills=options.kills, seed=options.seed)
    result = Result(
        title="Saves that are killed",
        promise=PROMISE,
        command=f"python reliability/kill_saves.py --kills {options.kills} --seed {options.seed}",
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
