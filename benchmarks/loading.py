"""Training images per second, from the disk or the memory to normalised float tensors.

Three jobs, each with the usual augmentation: 32 px in memory (pad 4, crop, flip), folders of 64 px JPEGs
(pad 8, crop, flip) and of 500x375 photos (random resized crop to 224 px, flip). Each contender runs one
epoch in a fresh process, the start of its workers included; what is packed was packed before. With
`--step` each batch is also trained on, by a ResNet-20 in bfloat16. Keras is not here: its
`image_dataset_from_directory` needs TensorFlow or Grain beside PyTorch.
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
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from alternation import PEERS
from torch import Tensor

from resnets import create_model
from resnets.data.batches import Batch, normalize_batch
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.dataset import Dataset, Split
from resnets.data.image_files import find_images
from resnets.data.loading import Loader, LoadingOptions
from resnets.data.memory import crop_and_flip, mirror
from resnets.data.order import image_seeds, uniforms
from resnets.data.packed import PackedSplit, PackPolicy, open_packed
from resnets.data.packing import pack
from resnets.data.preprocessing_policy import Preprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SEED = 0
Batches = Iterable[tuple[Tensor, Tensor]]


class Job:
    """What is to be loaded.

    Args:
        name: '32', '64' or '224'.
        folder: of class folders; of no use to '32'.
        pack_file: where they are packed.
        count: images of an epoch.
    """

    def __init__(self, name: str, folder: str, pack_file: str, count: int) -> None:
        self.name, self.count = name, count
        self.folder, self.pack_file = Path(folder), Path(pack_file)
        self.image_size = int(name)
        self.batch_size = {"32": 128, "64": 128, "224": 64}[name]
        self.pad = {"32": 4, "64": 8, "224": 0}[name]
        self.preprocessing = Preprocessing(image_size=self.image_size)

    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """Random images for the job in memory, and their labels."""
        generator = np.random.default_rng(0)
        images = generator.integers(0, 256, (self.count, 32, 32, 3), dtype=np.uint8)
        return images, generator.integers(0, 10, self.count)

    def split(self) -> Split:
        """The images for our loader."""
        if self.name == "32":
            return Split("train", *self.pixels())
        folders = sorted(path for path in self.folder.iterdir() if path.is_dir())
        found = [(path, label) for label, each in enumerate(folders) for path in find_images([each])]
        chosen = [found[i] for i in pick(len(found), self.count)]
        return Split("train", [path for path, _ in chosen], np.array([label for _, label in chosen]))


def pick(available: int, count: int) -> list[int]:
    """Choose images of a folder, the same for all contenders."""
    chosen: list[int] = np.random.default_rng(0).permutation(available)[:count].tolist()
    return chosen


def ours(job: Job, workers: int, *, packed: bool = False) -> Batches:
    """Load with resnets."""
    split: Split | PackedSplit = (
        job.split() if not packed else open_packed(job.pack_file).splits["train"]
    )
    crop = RandomResizedCrop() if job.name == "224" else None
    options = LoadingOptions(batch_size=job.batch_size, shuffle=True, workers=workers, crop=crop)
    return prepared(Loader(split, job.preprocessing, options, seed=SEED), job)


def prepared(loader: Loader, job: Job) -> Iterator[tuple[Tensor, Tensor]]:
    """Augment and normalise the batches of an epoch."""
    images = None
    with loader:
        for batch in loader.epoch(0):
            images = normalize_batch(augment(batch, job.pad), job.preprocessing, out=images)
            yield images, batch.labels


def augment(batch: Batch, pad: int) -> Tensor:
    """Crop and flip a batch by numbers that belong to its images."""
    draws = uniforms(image_seeds(SEED, batch.epoch, batch.indices.numpy()), 3)
    tops, lefts = ((2 * pad + 1) * draws[:, :2].T).astype(np.int64)
    pixels = batch.images.permute(0, 2, 3, 1).numpy()
    flips = draws[:, 2] < 0.5
    if not pad:
        mirror(pixels, flips)
        return batch.images
    changed = crop_and_flip(pixels, tops, lefts, flips, pad=pad)
    return torch.from_numpy(changed).permute(0, 3, 1, 2)


class InMemory(torch.utils.data.Dataset[tuple[Any, int]]):
    """Images in memory as the usual scripts hold them."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, transform: Callable[..., Any]) -> None:
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def torchvisions(job: Job, workers: int) -> Batches:
    """Load as torchvision's references do: ImageFolder, transforms on Pillow images, DataLoader."""
    exec(PEERS)
    from torchvision import datasets, transforms

    place = (
        transforms.RandomResizedCrop(224)
        if job.name == "224"
        else transforms.RandomCrop(job.image_size, padding=job.pad)
    )
    flip, to_tensor = transforms.RandomHorizontalFlip(), transforms.ToTensor()
    transform = transforms.Compose([place, flip, to_tensor, transforms.Normalize(MEAN, STD)])
    if job.name == "32":
        dataset: Any = InMemory(*job.pixels(), transform)
    else:
        folder = datasets.ImageFolder(str(job.folder), transform)
        dataset = torch.utils.data.Subset(folder, pick(len(folder), job.count))
    return torch.utils.data.DataLoader(dataset, job.batch_size, shuffle=True, num_workers=workers)


def timms(job: Job, workers: int) -> Batches:
    """Load with timm's create_loader as its script does, without what only its recipes add."""
    exec(PEERS)
    from timm import data
    from torchvision import datasets

    folder = datasets.ImageFolder(str(job.folder))
    dataset: Any = torch.utils.data.Subset(folder, pick(len(folder), job.count))
    dataset.transform = None
    loader: Any = data.create_loader(  # type: ignore[attr-defined]
        dataset,
        (3, job.image_size, job.image_size),
        job.batch_size,
        is_training=True,
        use_prefetcher=False,
        color_jitter=None,  # type: ignore[arg-type]
        interpolation="bilinear",
        mean=MEAN,
        std=STD,
        num_workers=workers,
    )
    folder.transform = dataset.transform  # which create_loader gave to the subset
    batches: Batches = loader
    return batches


CONTENDERS: dict[str, dict[str, Callable[[Job], Batches]]] = {
    "32": {
        "torchvision, no workers": partial(torchvisions, workers=0),
        "torchvision, 2 workers": partial(torchvisions, workers=2),
        "resnets": partial(ours, workers=0),
    },
    "64": {
        "torchvision": partial(torchvisions, workers=2),
        "timm (random resized crop)": partial(timms, workers=2),
        "resnets, first epoch": partial(ours, workers=2),
        "resnets, packed": partial(ours, workers=0, packed=True),
    },
    "224": {
        "torchvision": partial(torchvisions, workers=2),
        "timm": partial(timms, workers=2),
        "resnets, first epoch": partial(ours, workers=2),
        "resnets, packed": partial(ours, workers=2, packed=True),
    },
}


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


def run(job: Job, contender: str, *, threads: int) -> None:
    """Load one epoch and print seconds, processor seconds and peak memory.

    Args:
        job: to do.
        contender: that does it.
        threads: of the training step; 0 only loads.
    """
    torch.set_num_threads(threads or 1)
    batches = CONTENDERS[job.name][contender](job)
    started, before = time.perf_counter(), processor_seconds()
    count = sum(len(labels) for _, labels in (trained(batches) if threads else batches))
    assert count == job.count // job.batch_size * job.batch_size or count == job.count
    del batches
    wall = time.perf_counter() - started
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    processor = processor_seconds() - before
    print(json.dumps([wall / count, processor / count, largest, worker]))


def processor_seconds() -> float:
    """Of this process and of its workers that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def race(job: Job, rounds: int, *, threads: int) -> None:
    """Let contenders take turns, and print a table; the first is what the others are compared with."""
    results: dict[str, list[list[float]]] = {name: [] for name in CONTENDERS[job.name]}
    for turn in range(rounds + 1):
        for name, rows in results.items():
            job_text = json.dumps(
                [job.name, str(job.folder), str(job.pack_file), job.count, name, threads]
            )
            command = [sys.executable, __file__, "--contender", job_text]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
            if turn:
                rows.append(json.loads(done.stdout.split("\n")[-2]))
    what = "loaded and trained on" if threads else "loaded"
    where = f"{rounds} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"\n{job.name} px, {job.count} images {what}, {where}")
    print(f"  {'':<28}{'images/s':>9}{'spread':>20}{'ratio':>7}{'CPU us':>8}{'ratio':>7}  MB (worker)")
    base = [statistics.median(column) for column in zip(*next(iter(results.values())), strict=True)]
    for name, rows in results.items():
        wall, processor, largest, worker = (statistics.median(c) for c in zip(*rows, strict=True))
        rates = sorted(1 / row[0] for row in rows)
        spread = f"[{rates[0]:,.0f} .. {rates[-1]:,.0f}]"
        print(
            f"  {name:<28}{1 / wall:9,.0f}{spread:>20}{base[0] / wall:7.2f}"
            f"{processor * 1e6:8,.0f}{base[1] / processor:7.2f}  {largest:,.0f} ({worker:,.0f})"
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
    parser.add_argument("--tiles", type=Path, help="class folders of 64 px JPEGs, instead of made ones")
    parser.add_argument("--photos", type=Path, help="class folders of photos, instead of made ones")
    parser.add_argument(
        "--counts", type=int, nargs=3, default=[20000, 5000, 1000], help="images per job"
    )
    parser.add_argument("--step", action="store_true", help="train a ResNet-20 on each batch")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the training step")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        *what, contender, threads = json.loads(given.contender)
        run(Job(*what), contender, threads=threads)
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
            race(job, given.rounds, threads=given.threads if given.step else 0)


if __name__ == "__main__":
    main()
