"""Runs contenders in turn, each time in a fresh process, and prints medians, spread and ratios."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

PEERS = """
import torch
library = torch.library.Library("torchvision", "DEF")  # torchvision without its compiled operators
for name in ("nms", "qnms"):
    library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""


def read_rounds(description: str, default: int) -> int:
    """Read the number of rounds from the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=default, help="rounds counted, after one warm-up")
    rounds: int = parser.parse_args().rounds
    return rounds


def alternate(
    title: str, contenders: Mapping[str, Sequence[str]], *, rounds: int, reports: bool
) -> dict[str, float]:
    """Time contenders and print a table; the first is what the ratios refer to.

    Args:
        title: of the table.
        contenders: for each name, the command to run.
        rounds: counted, after one that is not.
        reports: each command prints its own seconds as a JSON number on its last line; otherwise the
            wall time of the whole process counts.

    Returns:
        Median seconds of each contender.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, command in contenders.items():
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            wall = time.perf_counter() - start
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
            if turn:
                seconds[name].append(float(json.loads(done.stdout.split("\n")[-2])) if reports else wall)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    base = next(iter(medians.values()))
    print(f"\n{title}  ({rounds} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f})")
    for name, times in seconds.items():
        print(
            f"  {name:<34}{medians[name] * 1000:9.1f} ms  "
            f"[{min(times) * 1000:.1f} .. {max(times) * 1000:.1f}]  x{medians[name] / base:.2f}"
        )
    return medians
