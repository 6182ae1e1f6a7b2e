"""Does `recommend` choose better than one network for everything? Top-1 at equal processor time.

Three data sets: 2,000 images of CIFAR-10's ten classes (class folders), 10,000 of Fashion-MNIST (idx
files) and 20,000 of 50 classes of Tiny-ImageNet. Five networks, named before any run, are trained on
each with all else as `train` chooses it, and so is what `recommend` puts first, from random weights.
Everyone has the same processor time for a set, on one thread; what `recommend` takes is part of its
time. Each training is a fresh process. The test images are the sets' own. Results are written after
each training, and a second start goes on.

    python benchmarks/recommendation.py --cifar10 FOLDER --fashion-mnist FOLDER --tiny-imagenet FOLDER
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FIXED = ("resnet18", "resnet50", "resnet20", "wrn-16-4", "densenet-bc-100-12")
SETS = {"small": 120.0, "middle": 180.0, "large": 300.0}  # seconds of a processor for each training
CLASSES_OF_TINY = 50
NEAR = 0.1  # share by which a training may miss its time without being marked
START = 3.0  # seconds that a training takes before its first step
WHOLE = 10  # epochs from which they are whole ones; with fewer, a part of the images is left out

Split = tuple[NDArray[np.uint8], NDArray[np.int64]]


def images_of(folders: Sequence[Path], most: int, seed: int) -> Split:
    """Read some images of each class, chosen by the seed."""
    pixels, labels = [], []
    for label, folder in enumerate(folders):
        inner = folder / "images"
        files = sorted((inner if inner.is_dir() else folder).glob("*.[jJp][pPn]*[gG]"))
        places = np.random.default_rng((seed, label)).permutation(len(files))[:most]
        for place in sorted(places.tolist()):
            with Image.open(files[place]) as image:
                pixels.append(np.asarray(image.convert("RGB")))
            labels.append(label)
    return np.stack(pixels), np.array(labels)


def class_folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir())


def small(root: Path) -> tuple[Split, Split]:
    train = images_of(class_folders(root / "train"), 200, seed=0)
    return train, images_of(class_folders(root / "test"), 10**6, seed=0)


def middle(root: Path) -> tuple[Split, Split]:
    def read(name: str, offset: int) -> NDArray[np.uint8]:
        return np.frombuffer(gzip.decompress((root / name).read_bytes()), np.uint8, offset=offset)

    splits = []
    for prefix in ("train", "t10k"):
        pixels = read(f"{prefix}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
        splits.append((pixels, read(f"{prefix}-labels-idx1-ubyte.gz", 8).astype(np.int64)))
    (pixels, labels), test = splits
    chosen = np.sort(np.random.default_rng(0).permutation(len(pixels))[:10_000])
    return (pixels[chosen], labels[chosen]), test


def large(root: Path) -> tuple[Split, Split]:
    folders = class_folders(root / "train")[:: 200 // CLASSES_OF_TINY]
    names = {folder.name: label for label, folder in enumerate(folders)}
    rows = [line.split("\t") for line in (root / "val" / "val_annotations.txt").read_text().splitlines()]
    pixels, labels = [], []
    for name, wnid in ((row[0], row[1]) for row in rows if row[1] in names):
        with Image.open(root / "val" / "images" / name) as image:
            pixels.append(np.asarray(image.convert("RGB")))
        labels.append(names[wnid])
    return images_of(folders, 400, seed=0), (np.stack(pixels), np.array(labels))


def write_sets(roots: dict[str, Path | None], folder: Path) -> None:
    """Write each set as two files, train and test, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, read in {"small": small, "middle": middle, "large": large}.items():
        root = roots[name]
        if root is None or (folder / f"{name}-test.npz").exists():
            continue
        (x, y), (x_test, y_test) = read(root)
        np.savez(folder / f"{name}.npz", x_train=x, y_train=y)
        np.savez(folder / f"{name}-test.npz", x_train=x_test, y_train=y_test)


def one(data: Path, contender: str, budget: float, seed: int) -> dict[str, Any]:
    """Train a contender in this process, and test it."""
    import torch

    torch.set_num_threads(1)
    from resnets.analysis.candidates import Candidate
    from resnets.analysis.recommending import recommend
    from resnets.analysis.weighing import Setting, measure, weigh
    from resnets.data.dataset import Split as Images
    from resnets.data.opening import open_dataset
    from resnets.evaluation.metrics import wilson_interval
    from resnets.recipes.settings import TrainingSettings
    from resnets.training.data_facts import data_facts
    from resnets.training.events import EpochRecord, Event
    from resnets.training.interruption import Interruption
    from resnets.training.machine import this_machine
    from resnets.training.train import train

    begun = time.process_time()
    model, size = contender, None
    expected = None
    if contender == "recommend":
        first = recommend(
            str(data), minutes=budget / 60, weights="none", seed=seed, device="cpu"
        ).ranked[0]
        model, size = first.model, first.image_size
        expected = [first.expected.low, first.expected.high]
    choosing = time.process_time() - begun if contender == "recommend" else 0.0
    whole = open_dataset(data, val_share=0.0)
    with Interruption() as interruption:
        machine = this_machine("cpu")
        split = open_dataset(data, seed=seed)
        where = Setting(
            given=TrainingSettings(data=str(data), seed=seed, workers=0),
            dataset=split,
            facts=data_facts(split),
            machine=machine,
            device=torch.device("cpu"),
            minutes=budget / 60,
            interruption=interruption,
        )
        candidate = Candidate(model, size, 1.0, 1.0, "")
        costs = [measure(weigh(candidate, where), where) for _ in range(3)]
    epoch = median(cost.seconds(1) for cost in costs)
    settings = costs[0].settings
    fits = (budget - choosing - START) / epoch
    epochs = round(fits) if fits >= WHOLE else max(1, math.ceil(fits))
    share = 1.0 if fits >= WHOLE else fits / epochs
    images = whole.splits["train"]
    kept = np.sort(np.random.default_rng(seed).permutation(len(images))[: round(share * len(images))])
    part = Images("train", np.asarray(images.images)[kept], images.labels[kept])
    ended = 0.0

    def watch(event: Event) -> None:
        nonlocal ended
        if isinstance(event, EpochRecord):
            ended = time.process_time()

    given = TrainingSettings(
        data=str(data),
        model=model,
        epochs=epochs,
        batch_size=settings.batch_size,
        seed=seed,
        workers=0,
        preprocessing=settings.preprocessing,
    )
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        result = train(
            replace(whole, splits={"train": part}),
            settings=given,
            output=Path(folder) / "run",
            check=False,
            device="cpu",
            watch=watch,
        )
        hits = recognised(result.model, data.with_name(f"{data.stem}-test.npz"))
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return {
        "model": model,
        "image_size": settings.preprocessing.image_size if settings.preprocessing else None,
        "epochs": epochs,
        "share_of_images": round(share, 4),
        "batch_size": settings.batch_size,
        "seconds_per_epoch_measured": epoch,
        "cpu_seconds_choosing": choosing,
        "cpu_seconds": choosing + ended - begun,
        "expected": expected,
        "top1": float(hits.mean()),
        "low": low,
        "high": high,
        "num_images": len(hits),
    }


def recognised(model: Path, test: Path) -> NDArray[np.bool_]:
    """Which test images a model recognises, computed in the precision of the training."""
    import torch

    from resnets.data.loading import Loader, LoadingOptions
    from resnets.data.opening import open_dataset
    from resnets.evaluation.metrics import top_k
    from resnets.evaluation.scoring import score_split
    from resnets.weights.loading import load

    classifier = load(model)
    images = open_dataset(test, val_share=0.0).splits["train"]
    bf16 = classifier.info.recipe.get("precision") == "bf16"
    with Loader(images, classifier.info.preprocessing, LoadingOptions(workers=0)) as loader:
        scores = score_split(
            classifier.network,
            loader,
            classifier.info.preprocessing,
            autocast=torch.bfloat16 if bf16 else None,
        )
    return top_k(scores.logits, scores.labels, 1)


def run_all(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Train what has no result yet, one after the other."""
    file: Path = options.output
    rows: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    done = {(row["set"], row["contender"], row["seed"]) for row in rows}
    for name, budget, contender, seed in plan(options):
        if (name, contender, seed) in done:
            continue
        words = [
            "--one",
            name,
            contender,
            str(budget),
            str(seed),
            "--sets-folder",
            str(options.sets_folder),
        ]
        ran = subprocess.run(
            [sys.executable, __file__, *words],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        row = json.loads(ran.stdout.splitlines()[-1])
        rows.append({"set": name, "contender": contender, "seed": seed, "budget": budget, **row})
        file.write_text(json.dumps(rows, indent=1))
        print(f"{name} {contender} {row['top1']:.2%} in {row['cpu_seconds']:.0f} s", file=sys.stderr)
    return rows


def plan(options: argparse.Namespace) -> Iterator[tuple[str, float, str, int]]:
    budgets = dict(zip(SETS, options.budgets, strict=True))
    for seed in range(options.seeds):
        for name in options.sets:
            for contender in ("recommend", *FIXED):
                if options.contenders is None or contender in options.contenders:
                    yield name, budgets[name], contender, seed


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Top-1 for each set and contender as Markdown, and who is the best fixed choice."""
    names = [name for name in SETS if any(row["set"] == name for row in rows)]
    lines = [f"| network | {' | '.join(names)} | mean |", f"| --- |{' --- |' * (len(names) + 1)}"]
    means = {}
    for contender in ("recommend", *FIXED):
        cells, values = [], []
        for name in names:
            mine = [row for row in rows if (row["set"], row["contender"]) == (name, contender)]
            if mine:
                values.append(fmean(row["top1"] for row in mine))
            cells.append("; ".join(map(cell, mine)) or "-")
        if len(values) == len(names):
            means[contender] = fmean(values)
        mean = f"{100 * means[contender]:.2f} %" if contender in means else "-"
        lines.append(f"| {contender} | {' | '.join(cells)} | {mean} |")
    fixed = {contender: value for contender, value in means.items() if contender != "recommend"}
    if fixed and "recommend" in means:
        best = max(fixed, key=lambda contender: fixed[contender])
        ahead = 100 * (means["recommend"] - fixed[best])
        lines.append(f"\nThe best fixed choice is {best}; `recommend` is {ahead:+.2f} points from it.")
    return "\n".join(lines)


def cell(row: dict[str, Any]) -> str:
    length = f"{row['epochs'] * row['share_of_images']:.3g} epochs"
    seconds = f"{row['cpu_seconds']:.0f} s"
    if abs(row["cpu_seconds"] / row["budget"] - 1) > NEAR:
        seconds += " (!)"
    what = f"{row['model']}, {row['image_size']} px, " if row["contender"] == "recommend" else ""
    interval = f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"
    return f"**{100 * row['top1']:.2f} %** ({interval}), {what}{length}, {seconds}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cifar10", type=Path, help="class folders in train/ and test/")
    parser.add_argument("--fashion-mnist", type=Path, help="the four idx files, gzipped")
    parser.add_argument("--tiny-imagenet", type=Path, help="as published: train/ and val/")
    parser.add_argument("--sets-folder", type=Path, default=Path("recommendation-sets"))
    parser.add_argument("--output", type=Path, default=Path("recommendation.json"))
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--contenders", nargs="+", choices=["recommend", *FIXED])
    parser.add_argument("--budgets", nargs=3, type=float, default=list(SETS.values()), help="seconds")
    parser.add_argument("--seeds", type=int, default=1, help="number of them")
    parser.add_argument("--table", action="store_true", help="only print the table of what is there")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, contender, budget, seed = options.one
        found = one(options.sets_folder / f"{name}.npz", contender, float(budget), int(seed))
        print(json.dumps(found))
        return
    if options.table:
        print(table(json.loads(options.output.read_text())))
        return
    roots = {"small": options.cifar10, "middle": options.fashion_mnist, "large": options.tiny_imagenet}
    write_sets(roots, options.sets_folder)
    print(table(run_all(options)))


if __name__ == "__main__":
    main()
