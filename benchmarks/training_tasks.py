"""What `training.py` lets its contenders train, and the clock that all of them share; loads no torch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RATE = 0.01
"""Learning rate of all contenders: low, as nothing is learned here, and nothing may overflow."""


@dataclass(frozen=True)
class Network:
    """What is trained, and on what.

    Attributes:
        data: 'cifar' and 'tiles' are padded and cropped, 'photos' cut out in random boxes.
        image_size: height and width of the images that the network sees, in pixels.
        pad: pixels around an image before it is cropped.
        batch_size: images of a step on a processor; on a GPU, eight times as many.
    """

    data: Literal["cifar", "tiles", "photos"]
    image_size: int
    pad: int
    batch_size: int


NETWORKS = {
    "resnet20": Network("cifar", 32, 4, 128),
    "wrn-16-4": Network("cifar", 32, 4, 128),
    "densenet-bc-100-12": Network("cifar", 32, 4, 64),
    "resnet18": Network("tiles", 64, 8, 64),
    "resnet50": Network("photos", 224, 0, 16),
}

CONTENDERS = {
    "usual": ("peer_trainers", "usual"),
    "torchvision": ("peer_trainers", "torchvisions"),
    "timm": ("peer_trainers", "timms"),
    "keras": ("keras_trainer", "fit"),
    "by hand": ("own_trainers", "by_hand"),
    "resnets": ("own_trainers", "by_resnets"),
}
"""Module and function of each, called with a `Task` and a `Clock`."""


@dataclass(frozen=True)
class Task:
    """One training of one contender.

    Attributes:
        network: a name of `NETWORKS`.
        folder: of class folders.
        count: images in it.
        device: 'cpu' or 'cuda'.
        seconds: to measure, at least.
    """

    network: str
    folder: str
    count: int
    device: str
    seconds: float

    @property
    def spec(self) -> Network:
        """What the network is trained on."""
        return NETWORKS[self.network]

    @property
    def batch_size(self) -> int:
        """Images of a step."""
        return self.spec.batch_size * (8 if self.device == "cuda" else 1)

    @property
    def num_classes(self) -> int:
        """Folders of the data."""
        return sum(path.is_dir() for path in Path(self.folder).iterdir())

    @property
    def in_memory(self) -> bool:
        """Whether all contenders read the images once and keep them, as torchvision's CIFAR10 does."""
        return self.spec.data == "cifar"

    @property
    def workers(self) -> int:
        """Processes that read images."""
        return min(8, os.cpu_count() or 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class Timed(Exception):  # noqa: N818 - the good end of a contender
    """Ends a training that was measured for long enough.

    Args:
        images_per_second: after the warm-up.
        memory_bytes: of the GPU, or of this process and its workers.
    """

    def __init__(self, images_per_second: float, memory_bytes: int) -> None:
        super().__init__(f"{images_per_second:.1f} images/s")
        self.images_per_second, self.memory_bytes = images_per_second, memory_bytes


class Clock:
    """Counts the images of steps, the first ones not.

    Args:
        seconds: to measure, at least, and at least three steps; a fifth of that, and three steps, warm
            up.
        wait: lets a GPU finish, and gives the most bytes of it that were taken; None without a GPU.
    """

    def __init__(self, seconds: float, *, wait: Callable[[], int] | None = None) -> None:
        self._seconds, self._wait = seconds, wait
        self._steps = self._images = 0
        self._started = 0.0
        self._is_warm = False

    def step(self, num_images: int) -> None:
        """Take note of a step that has ended.

        Args:
            num_images: of its batch.

        Raises:
            Timed: once that was enough.
        """
        self._steps += 1
        self._images += num_images
        if self._steps == 1 and not self._is_warm:
            self._started = time.perf_counter()  # what the first step prepares is no warming up
        wanted = self._seconds if self._is_warm else self._seconds / 5
        if self._steps < 3 or time.perf_counter() - self._started < wanted:
            return
        memory = self._wait() if self._wait else None
        seconds = time.perf_counter() - self._started
        if self._is_warm:
            raise Timed(self._images / seconds, peak_memory() if memory is None else memory)
        self._is_warm, self._steps, self._images = True, 0, 0
        self._started = time.perf_counter()


def peak_memory() -> int:
    """The most bytes that this process and its workers together have had, as far as Linux tells.

    What they have now, each with its part of what it shares, and how much more this process once had.
    """
    processes = [os.getpid(), *descendants(os.getpid())]
    now = sum(_kilobytes(Path(f"/proc/{process}/smaps_rollup"), "Pss:") for process in processes)
    own = Path("/proc/self/status")
    return 1024 * (now + _kilobytes(own, "VmHWM:") - _kilobytes(own, "VmRSS:"))


def descendants(process: int) -> Iterator[int]:
    """The processes that a process has started, and those that they have."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        for child in map(int, (thread / "children").read_text().split()):
            yield child
            yield from descendants(child)


def _kilobytes(path: Path, name: str) -> int:
    lines = (line.split() for line in path.read_text().splitlines())
    return next(int(words[1]) for words in lines if words[0] == name)
