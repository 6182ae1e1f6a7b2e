"""Training images per second, from the disk or the memory to normalised float tensors.

Three jobs, each with the usual augmentation: 32 px in memory (pad 4, crop, flip), folders of 64 px JPEGs
(pad 8, crop, flip) and of 500x375 photos (random resized crop to 224 px, flip). Each contender runs some
epochs in a fresh process, the start of its workers included; the last epoch counts for itself, too. What
is packed was packed before, and its first epoch also reads it from the disk and compares checksums. With
`--step` each batch is also trained on, by a ResNet-20 in bfloat16. Keras takes part where TensorFlow is
installed, whose threads its `image_dataset_from_directory` runs in, and not in training steps of torch.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from loaders import CONTENDERS, Batches, Job, contenders
from torch import Tensor

from resnets import create_model
from resnets.data.dataset import Dataset
from resnets.data.packed import PackPolicy
from resnets.data.packing import pack


def trained(batches: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    """Train on every batch."""
    network = create_model("resnet20", num_classes=1000).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, fused=True)
    for images, labels in batches:
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(images.contiguous(memory_format=torch.channels_last))
            loss = torch.nn.functional.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield images, labels


def run(job: Job, contender: str, *, epochs: int, threads: int) -> None:
    """Load some epochs and print seconds, also of the last one, processor seconds and peak memory.

    Args:
        job: to do.
        contender: that does it.
        epochs: one after the other.
        threads: of the training step; 0 only loads.
    """
    torch.set_num_threads(threads or 1)
    loader = CONTENDERS[job.name][contender](job)
    started, before = time.perf_counter(), processor_seconds()
    begun: list[float] = []
    batches = in_turn(loader, epochs, begun)
    count = sum(len(labels) for _, labels in (trained(batches) if threads else batches))
    assert count in (epochs * (job.count // job.batch_size * job.batch_size), epochs * job.count)
    last = (time.perf_counter() - begun[-1]) * epochs
    del batches, loader
    wall = time.perf_counter() - started
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    processor = processor_seconds() - before
    print(json.dumps([wall / count, last / count, processor / count, largest, worker]))


def in_turn(loader: Batches, epochs: int, begun: list[float]) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of some epochs, with a note of when each began."""
    for _ in range(epochs):
        begun.append(time.perf_counter())
        yield from loader


def processor_seconds() -> float:
    """Of this process and of its workers that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def race(job: Job, rounds: int, *, epochs: int, threads: int) -> None:
    """Let contenders take turns, and print a table; the first is what the others are compared with."""
    results: dict[str, list[list[float]]] = {name: [] for name in contenders(job, step=bool(threads))}
    for turn in range(rounds + 1):
        for name, rows in results.items():
            job_text = json.dumps(
                [job.name, str(job.folder), str(job.pack_file), job.count, name, epochs, threads]
            )
            command = [sys.executable, __file__, "--contender", job_text]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
            if turn:
                rows.append(json.loads(done.stdout.split("\n")[-2]))
    what = "loaded and trained on" if threads else "loaded"
    where = f"{rounds} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"\n{job.name} px, {epochs} epochs of {job.count} images {what}, {where}")
    heads = f"{'images/s':>9}{'spread':>20}{'ratio':>7}{'last':>9}{'ratio':>7}{'CPU us':>8}"
    print(f"  {'':<28}{heads}  MB (worker)")
    base = [statistics.median(column) for column in zip(*next(iter(results.values())), strict=True)]
    for name, rows in results.items():
        wall, last, processor, largest, worker = (statistics.median(c) for c in zip(*rows, strict=True))
        rates = sorted(1 / row[0] for row in rows)
        spread = f"[{rates[0]:,.0f} .. {rates[-1]:,.0f}]"
        print(
            f"  {name:<28}{1 / wall:9,.0f}{spread:>20}{base[0] / wall:7.2f}"
            f"{1 / last:9,.0f}{base[1] / last:7.2f}{processor * 1e6:8,.0f}"
            f"  {largest:,.0f} ({worker:,.0f})"
        )


def write_photos(folder: Path, width: int, height: int, count: int) -> None:
    """Write class folders of photos made from the examples; each of 200 several times."""
    from preprocessing import make_photos

    photos = make_photos(width, height, min(200, count))
    for i in range(count):
        path = folder / f"class{i % 10}" / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photos[i % len(photos)])


def main() -> None:
    """Print one table per job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", nargs="*", default=["32", "64", "224"], choices=["32", "64", "224"])
    parser.add_argument("--rounds", type=int, default=3, help="counted, after one warm-up")
    parser.add_argument("--epochs", type=int, default=3, help="of each contender")
    parser.add_argument("--tiles", type=Path, help="class folders of 64 px JPEGs, instead of made ones")
    parser.add_argument("--photos", type=Path, help="class folders of photos, instead of made ones")
    parser.add_argument(
        "--counts", type=int, nargs=3, default=[20000, 5000, 3000], help="images per job"
    )
    parser.add_argument("--step", action="store_true", help="train a ResNet-20 on each batch")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the training step")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        *what, contender, epochs, threads = json.loads(given.contender)
        run(Job(*what), contender, epochs=epochs, threads=threads)
        return
    counts = dict(zip(("32", "64", "224"), given.counts, strict=True))
    with tempfile.TemporaryDirectory() as made:
        for name in given.jobs:
            folder = {"64": given.tiles, "224": given.photos}.get(name) or Path(made) / name
            if name != "32" and not folder.exists():
                write_photos(folder, *((64, 64) if name == "64" else (500, 375)), counts[name])
            job = Job(name, str(folder), f"{made}/{name}.pack", counts[name])
            if name != "32":
                split = job.split()
                started = time.perf_counter()
                policy = PackPolicy(
                    preprocessing=job.preprocessing, train_size=256 if name == "224" else None
                )
                pack(
                    Dataset(name, "class folders", folder, (), {"train": split}),
                    job.pack_file,
                    policy=policy,
                )
                print(f"{name} px packed in {time.perf_counter() - started:.1f} s")
            race(job, given.rounds, epochs=given.epochs, threads=given.threads if given.step else 0)


if __name__ == "__main__":
    main()
