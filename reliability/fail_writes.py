"""Disks that fail while a run is saved: every call of a save with five errors, once and for good.

The failing calls are those of tests/training/failing_calls.py; the checkpoint is ResNet-8's with
momentum.
"""

from __future__ import annotations

import argparse
import errno
import logging
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
from promises import RESULTS, Figure, Result, Table, write_result
from tests.training.failing_calls import ERRORS, Verdict, faults, find_calls, judge

from resnets import create_model

PROMISE = (
    "Whatever call of the operating system fails while a run is saved, with whatever error, every "
    "earlier checkpoint stays loadable, nothing half-written is taken for a checkpoint, and the error "
    "(exit 5) names the path and, on a full disk, the bytes that are needed."
)
REMARKS = (
    (
        "The calls are statvfs, mkdir, open, write, fsync, close, rename, rmdir and unlink of Python's "
        "module os. A write that fails leaves half of its bytes in the file."
    ),
    (
        "Each call fails once, the others work; and once for good: it and all later calls fail, those "
        "that clear up included."
    ),
    (
        "Half of the saves are of a new step, half replace the checkpoint of the same step. A save that "
        "raises nothing has put the new checkpoint in its place: what failed was removing the old one."
    ),
)
PACKAGES = ("resnets", "torch")


def checkpoint_tensors() -> dict[str, torch.Tensor]:
    """What the checkpoint of a small run holds."""
    weights = create_model("resnet8").state_dict()
    parts = ("network", "momentum")
    return {f"{part}.{name}": tensor for part in parts for name, tensor in weights.items()}


def run(folder: Path) -> list[Verdict]:
    """Save with every fault.

    Args:
        folder: for the checkpoints.
    """
    tensors = checkpoint_tensors()
    verdicts = []
    for again in (False, True):
        calls = find_calls(folder / "calls", tensors, again=again)
        for fault in faults(calls):
            verdicts.append(judge(folder / "run", fault, tensors, again=again))
            shutil.rmtree(folder / "run")
        shutil.rmtree(folder / "calls")
    return verdicts


def figures(verdicts: list[Verdict]) -> list[Figure]:
    """Hold the verdicts against the promise."""
    problems = [problem for verdict in verdicts for problem in verdict.problems]

    def count(*words: str) -> int:
        return sum(any(word in problem for word in words) for problem in problems)

    raised = sum(verdict.raised is not None for verdict in verdicts)
    calls = {(verdict.fault.call, verdict.fault.number) for verdict in verdicts}
    return [
        Figure(name="calls in a save that can fail", value=len(calls)),
        Figure(name="saves that raised an error", value=raised),
        Figure(
            name="saves that put the new checkpoint in place all the same", value=len(verdicts) - raised
        ),
        Figure(name="earlier checkpoints lost", value=count("lost", "is not what was saved"), at_most=0),
        Figure(name="half-written checkpoints under a whole one's name", value=count("half"), at_most=0),
        Figure(name="errors of another class or exit code", value=count("raised"), at_most=0),
        Figure(name="messages without path, reason or room", value=count("the message"), at_most=0),
        Figure(name="leftovers after the next start", value=count("left behind"), at_most=0),
    ]


def table(verdicts: list[Verdict]) -> Table:
    """One row per call, one column per error."""
    counts = Counter((verdict.fault.call, verdict.fault.error) for verdict in verdicts)
    rows: list[list[str | float]] = [
        [call, *(counts[call, error] for error in ERRORS)]
        for call in dict.fromkeys(verdict.fault.call for verdict in verdicts)
    ]
    return Table(
        title="Saves with a fault",
        columns=["call", *(errno.errorcode[error] for error in ERRORS)],
        rows=rows,
    )


def main() -> None:
    """Run, print what failed, write the figures; exit 1 if the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESULTS / "failing_disks.json")
    parser.add_argument("--folder", type=Path, help="where to save; a temporary one is made in it")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        verdicts = run(Path(folder))
    for verdict in verdicts:
        if verdict.problems:
            print(verdict.fault, *verdict.problems, sep="; ")
    result = Result(
        title="Disks that fail while a run is saved",
        promise=PROMISE,
        command="python reliability/fail_writes.py",
        seed=0,
        count=len(verdicts),
        unit="saves with a fault",
        figures=figures(verdicts),
        tables=[table(verdicts)],
        remarks=REMARKS,
    )
    write_result(result, options.output, packages=PACKAGES)
    sys.exit(0 if result.met else 1)


if __name__ == "__main__":
    main()
