"""The loaders that `loading.py` compares: ours, torchvision's references', timm's and Keras'."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from alternation import PEERS
from keras_trainer import read_batches
from peer_trainers import InMemory
from torch import Tensor
from training_tasks import MEAN, STD

from resnets.allocator import keep_memory
from resnets.data.batches import Batch, normalize_batch
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.dataset import Split
from resnets.data.image_files import find_images
from resnets.data.loading import Loader, LoadingOptions
from resnets.data.memory import crop_and_flip, mirror
from resnets.data.order import image_seeds, uniforms
from resnets.data.packed import PackedSplit, open_packed
from resnets.data.preprocessing_policy import Preprocessing

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


class Ours:
    """Load with resnets, as `resnets train` does: in a process that keeps its memory.

    Args:
        job: to do.
        workers: processes that read.
        packed: from the packed file.
    """

    def __init__(self, job: Job, workers: int, *, packed: bool = False) -> None:
        keep_memory()
        split: Split | PackedSplit = (
            job.split() if not packed else open_packed(job.pack_file).splits["train"]
        )
        crop = RandomResizedCrop() if job.name == "224" else None
        options = LoadingOptions(batch_size=job.batch_size, shuffle=True, workers=workers, crop=crop)
        self._loader = Loader(split, job.preprocessing, options, seed=SEED)
        self._job = job
        self._epochs = itertools.count()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Augment and normalise the batches of the next epoch."""
        images = None
        for batch in self._loader.epoch(next(self._epochs)):
            augmented = augment(batch, self._job.pad)
            images = normalize_batch(augmented, self._job.preprocessing, out=images)
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


def kerass(job: Job) -> Batches:
    """Load as Keras' guides do."""
    batches: Batches = read_batches(
        job.folder,
        image_size=job.image_size,
        pad=job.pad,
        batch_size=job.batch_size,
        seed=SEED,
        steps=job.count // job.batch_size,
    )
    return batches


CONTENDERS: dict[str, dict[str, Callable[[Job], Batches]]] = {
    "32": {
        "torchvision, no workers": partial(torchvisions, workers=0),
        "torchvision, 2 workers": partial(torchvisions, workers=2),
        "resnets": partial(Ours, workers=0),
    },
    "64": {
        "torchvision": partial(torchvisions, workers=2),
        "timm (random resized crop)": partial(timms, workers=2),
        "Keras": kerass,
        "resnets, files": partial(Ours, workers=2),
        "resnets, packed": partial(Ours, workers=0, packed=True),
    },
    "224": {
        "torchvision": partial(torchvisions, workers=2),
        "timm": partial(timms, workers=2),
        "Keras (crop of 256 px)": kerass,
        "resnets, files": partial(Ours, workers=2),
        "resnets, packed": partial(Ours, workers=2, packed=True),
    },
}


def contenders(job: Job, *, step: bool) -> list[str]:
    """Who takes part; Keras only where it can."""
    has_keras = not step and importlib.util.find_spec("tensorflow") is not None
    return [name for name, load in CONTENDERS[job.name].items() if has_keras or load is not kerass]
