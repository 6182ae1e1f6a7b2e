"""Draw images/fast_cifar.svg: the recipe `fast_cifar` beside the paper's, shortened to about its time.

Both runs are validated on the test images after every epoch (which chooses nothing: the last weights are
kept). Minutes are those of one core at speeds that are measured here, in turn, so that what else the
machine did during the runs makes no difference. Run from the repository's root on an idle machine:

    python docs/fast_chart.py FAST PAPER
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from resnets import train
from resnets.recipes.settings import Schedule
from resnets.recipes.toml_files import read_settings
from resnets.reporting.charts import Line, line_chart
from resnets.reporting.curves import charts_file

IMAGES = 50_000
TIMED, TURNS = 5_000, 3


def rate(run: Path, data: Path, folder: Path) -> float:
    """Images that a run's settings train on in a second."""
    settings = read_settings(run / "config.toml")
    shortened = {"data": str(data), "epochs": 1, "schedule": Schedule(shape="constant")}
    settings = settings.model_copy(update={**shortened, "workers": 0})
    trained = train(settings=settings, output=folder, check=False, device="cpu")
    return trained.history[0].images_per_second


def rates(runs: Sequence[Path]) -> list[float]:
    """Images per second of each run's settings: the medians of some turns, on one thread."""
    torch.set_num_threads(1)
    pixels = np.random.default_rng(0).integers(0, 256, (TIMED, 32, 32, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as made:
        data = Path(made) / "timed.npz"
        np.savez(data, x_train=pixels, y_train=np.arange(TIMED) % 10)
        turns = [
            [rate(run, data, Path(made) / f"{turn}-{number}") for number, run in enumerate(runs)]
            for turn in range(TURNS)
        ]
    return [statistics.median(each) for each in zip(*turns, strict=True)]


def curve(run: Path, images_per_second: float) -> list[tuple[float, float]]:
    """Minutes of training and top-1 after each epoch."""
    with (run / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    minutes = IMAGES / images_per_second / 60
    return [(minutes * int(row["epoch"]), float(row["val_top1"])) for row in rows]


def at(points: list[tuple[float, float]], minute: int) -> float | None:
    """Top-1 of the newest weights; None before the first epoch's end and after the last one's."""
    if minute >= points[-1][0] + 1:
        return None
    done = [top1 for time, top1 in points if time <= minute]
    return done[-1] if done else None


def main() -> None:
    """Time both, print their curves and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("fast", type=Path)
    parser.add_argument("paper", type=Path)
    given = parser.parse_args()
    runs = given.fast, given.paper
    speeds = rates(runs)
    print(f"images per second of one core: {speeds[0]:.0f} and {speeds[1]:.0f}")
    fast, paper = map(curve, runs, speeds)
    for name, points in (("fast_cifar", fast), ("resnet_cifar", paper)):
        print(name, ", ".join(f"{time:.1f} min {100 * top1:.2f} %" for time, top1 in points))
    minutes = range(1, int(max(fast[-1][0], paper[-1][0])) + 2)
    lines = [
        Line("fast_cifar", "first", [at(fast, minute) for minute in minutes]),
        Line("the paper's", "second", [at(paper, minute) for minute in minutes]),
    ]
    chart = line_chart(
        "CIFAR-10, top-1",
        minutes,
        lines,
        percent=True,
        x_name="minutes of one core",
        words=f"fast_cifar ends at {100 * fast[-1][1]:.1f} % after {fast[-1][0]:.0f} minutes, the "
        f"paper's recipe, shortened to {len(paper)} epochs, at {100 * paper[-1][1]:.1f} % after "
        f"{paper[-1][0]:.0f}",
    )
    picture = charts_file([chart], title="fast_cifar beside the paper's recipe")
    Path("docs/images/fast_cifar.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
