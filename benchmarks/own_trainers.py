"""Training with this package: by the function behind `resnets train`, and by hand with its parts."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import torch
from torch import nn
from training_tasks import MEAN, RATE, STD, Clock, Task

from resnets import create_model
from resnets.allocator import keep_memory
from resnets.config import validate
from resnets.data.augmentation.pipeline import augment
from resnets.data.batches import normalize_batch
from resnets.data.loading import Loader, LoadingOptions
from resnets.data.opening import open_dataset
from resnets.data.residence import as_shown, read_into_memory
from resnets.recipes.settings import TrainingSettings
from resnets.training.events import Event, StepProgress
from resnets.training.train import train

STEM = {"resnet18": {"stem": "imagenet"}}
"""What the others train, too: left alone, our ResNet-18 has a small stem for images of 64 pixels."""


def settings_of(task: Task) -> TrainingSettings:
    """What both contenders train with; precision, layout and compilation are left to the rules."""
    is_photo = task.spec.data == "photos"
    given = {
        "complete": True,
        "epochs": 10_000,
        "batch_size": task.batch_size,
        "val_share": 0.0,
        "preprocessing": {"image_size": task.spec.image_size, "mean": MEAN, "std": STD},
        "augmentation": {"flip": 0.5} | ({} if is_photo else {"pad_crop": {"pad": task.spec.pad}}),
        "optimizer": {"learning_rate": RATE},
        "schedule": {"shape": "constant"},
        "checkpoints": {"every_minutes": 60.0},
    }
    if is_photo:
        given["crop"] = {}
    return validate(TrainingSettings, given, source="the benchmark")


def make_network(task: Task) -> nn.Module:
    """Ours, of the task's number of classes."""
    return create_model(task.network, num_classes=task.num_classes, **STEM.get(task.network, {}))


def by_resnets(task: Task, clock: Clock) -> None:
    """What `resnets train` does, checks and report left out."""
    keep_memory()

    def watch(event: Event) -> None:
        if isinstance(event, StepProgress):
            clock.step(task.batch_size)

    stem = STEM.get(task.network, {})
    with tempfile.TemporaryDirectory() as folder:
        train(
            task.folder,
            model=",".join([task.network, *(f"{k}={v}" for k, v in stem.items())]),
            output=Path(folder) / "run",
            settings=settings_of(task),
            check=False,
            device=task.device,
            watch=watch,
        )


def by_hand(task: Task, clock: Clock) -> None:
    """The best known recipe in as few lines as it takes: bf16, channels last, fused SGD, no figures."""
    keep_memory()
    settings = settings_of(task)
    shown, augmentation = settings.preprocessing, settings.augmentation
    assert shown is not None
    assert augmentation is not None
    split = open_dataset(task.folder, val_share=0.0).splits["train"]
    options = LoadingOptions(
        batch_size=task.batch_size, shuffle=True, workers=task.workers, crop=settings.crop
    )
    if settings.crop is None:
        split, _ = read_into_memory(split, shown, skip_unusable=False, workers=task.workers)
        shown = as_shown(shown)
    network = make_network(task).to(task.device).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    forward = torch.compile(network) if task.device == "cuda" else network
    optimizer = torch.optim.SGD(
        network.parameters(), lr=RATE, momentum=0.9, nesterov=True, weight_decay=1e-4, fused=True
    )
    pixels = None
    with Loader(split, shown, options, seed=settings.seed) as loader:
        for batch in (batch for epoch in itertools.count() for batch in loader.epoch(epoch)):
            images, targets = augment(
                batch.images.to(task.device),
                batch.labels.to(task.device),
                augmentation,
                seed=settings.seed,
                epoch=batch.epoch,
                indices=batch.indices,
                preprocessing=shown,
            )
            pixels = normalize_batch(images, shown, out=pixels)
            with torch.autocast(task.device, torch.bfloat16):
                scores = forward(pixels)
            loss = torch.nn.functional.cross_entropy(scores.float(), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clock.step(len(targets))


def matrix_peak() -> float:
    """Multiply-adds per second of a GPU in a large bf16 matrix product."""
    size, times = 8192, 20
    left, right = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(times):
            left @ right
        end.record()
        end.synchronize()
        best = min(best, start.elapsed_time(end) / 1000 / times)
    return size**3 / best


def multiply_adds(task: Task) -> int:
    """Of a forward pass for one image."""
    from resnets.analysis.cost import measure_cost

    parts = measure_cost(make_network(task), image_size=task.spec.image_size).parts
    return sum(part.multiply_adds for part in parts)
