"""What a training came to, and every step on the way, to compare one run with another bit for bit."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from resnets.training.checkpoints import find_checkpoints, load_checkpoint
from resnets.training.events import Event, StepProgress

_CLOCK = ("images_per_second", "data_wait", "seconds", "memory_bytes")


@dataclass(frozen=True)
class Ending:
    """What a run came to; two runs are alike if these are equal.

    Attributes:
        model: tensors of the model file.
        checkpoint: of the last one: weights, their average, momentum and all else.
        state: of the last one, without what the clock decides.
        epochs: rows of results.csv, without what the clock decides.
    """

    model: dict[str, Tensor]
    checkpoint: dict[str, Tensor]
    state: dict[str, Any]
    epochs: list[dict[str, str]]

    def differs_from(self, other: Ending) -> list[str]:
        """Name what is not the same, bit for bit."""
        return [
            what
            for what, same in (
                ("model file", same_bits(self.model, other.model)),
                ("checkpoint", same_bits(self.checkpoint, other.checkpoint)),
                ("state", self.state == other.state),
                ("loss curve", self.epochs == other.epochs),
            )
            if not same
        ]


def step_log(run: Path) -> Callable[[Event], None]:
    """Write down the loss of every step, exactly; beside the run, as it is no part of it."""
    handle = os.open(log_of(run), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def watch(event: Event) -> None:
        if isinstance(event, StepProgress) and event.phase == "training":
            step = event.epoch * event.num_steps + event.step
            os.write(handle, f"{step} {event.loss!r} {event.learning_rate!r}\n".encode())

    return watch


def log_of(run: Path) -> Path:
    return run.with_suffix(".steps")


def begun_of(run: Path) -> Path:
    return run.with_suffix(".begun")


def read_steps(run: Path) -> Iterator[tuple[str, str]]:
    """Number and loss of every step that was done, those that were done again too."""
    path = log_of(run)
    for line in path.read_text().splitlines() if path.exists() else ():
        step, _, loss = line.partition(" ")
        yield step, loss


def read_ending(run: Path) -> Ending:
    tensors, state = load_checkpoint(find_checkpoints(run / "checkpoints")[0].path)
    state["position"].pop("seconds", None)
    with (run / "results.csv").open(newline="") as file:
        rows = [{k: v for k, v in row.items() if k not in _CLOCK} for row in csv.DictReader(file)]
    return Ending(load_file(run / "model.safetensors"), tensors, state, rows)


def same_bits(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype
        and torch.equal(a[name].reshape(-1).view(torch.uint8), b[name].reshape(-1).view(torch.uint8))
        for name in a
    )


def said(run: Path) -> str:
    path = run.with_suffix(".error")
    return path.read_text() if path.exists() else "nothing was said"


def write_arrays(place: Path) -> Path:
    """Random images of two classes, in one file."""
    images, labels = random_images()
    path = place.with_suffix(".npz")
    np.savez(path, train_images=images, train_labels=labels)
    return path


def write_images(place: Path) -> Path:
    """The same as files in class folders."""
    for number, (image, label) in enumerate(zip(*random_images(), strict=True)):
        folder = place / f"class{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:02}.png")
    return place


def random_images() -> tuple[np.ndarray[Any, np.dtype[np.uint8]], np.ndarray[Any, np.dtype[np.int64]]]:
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (48, 8, 8, 3), dtype=np.uint8), np.arange(48) % 2
