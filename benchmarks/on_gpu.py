"""All that is measured on a GPU: speed and share of its peak, then the time to a good network.

    python benchmarks/on_gpu.py --cifar CIFAR10 --tiles TINY_IMAGENET

Runs `training.py --device cuda` (images a second of five networks and contenders, the share that each
reaches of the speed of a large bf16 matrix product, the most memory) and `time_to_accuracy.py`; both go
on where they were interrupted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Run one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cifar", type=Path, required=True, help="class folders, train/ and test/")
    parser.add_argument("--tiles", type=Path, required=True, help="class folders of 64 px images")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(), help="for results so far")
    given = parser.parse_args()
    speed = ["training.py", "--device", "cuda", "--cifar", given.cifar, "--tiles", given.tiles]
    speed += ["--rounds", given.rounds, "--done", given.folder / "training_on_gpu.json"]
    accuracy = ["time_to_accuracy.py", given.cifar, "--device", "cuda"]
    accuracy += ["--done", given.folder / "time_to_accuracy_on_gpu.json"]
    for script, *options in (speed, accuracy):
        command = [sys.executable, str(HERE / str(script)), *map(str, options)]
        if code := subprocess.run(command, check=False).returncode:
            sys.exit(code)


if __name__ == "__main__":
    main()
