"""How long networks take for a batch, and how much memory they need, measured side by side.

The networks take turns batch by batch, so that whatever else the machine does meets all of them alike;
each round begins with another one. Only the network is timed: images lie ready, in float32.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import torch
from torch import Tensor

from resnets.analysis.process_memory import memory_of_fresh_process
from resnets.errors import ConfigError, printable
from resnets.weights.classifier import Classifier

_WARM_ROUNDS = 3
_LEAST_ROUNDS = 30
_MEMORY_BATCHES = 3


@dataclass(frozen=True)
class Timing:
    """How speed is measured.

    Attributes:
        batch_size: images that the network sees at a time.
        rounds: timed batches of each network, at least 30; three more warm it up.
    """

    batch_size: int = 1
    rounds: int = 30


@dataclass(frozen=True)
class Speed:
    """What a network takes on this machine.

    Attributes:
        latency_ms: of a batch; median.
        latency_low_ms: a quarter of the batches took less.
        latency_high_ms: a quarter of the batches took longer.
        batch_size: images of a batch.
        num_batches: that were timed.
        memory_bytes: on a GPU, the most that its tensors held; else what a fresh process of its own
            needed at most besides what it had before the model was loaded. None if it cannot be told.
    """

    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float
    batch_size: int
    num_batches: int
    memory_bytes: int | None

    @property
    def images_per_second(self) -> float:
        """At the median."""
        return 1000 * self.batch_size / self.latency_ms

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {**vars(self), "images_per_second": self.images_per_second}


def check_timing(timing: Timing) -> None:
    """Check how speed is to be measured.

    Args:
        timing: see there.

    Raises:
        ConfigError: with every problem.
    """
    problems = []
    if timing.batch_size < 1:
        problems.append(f"timed batches must have at least 1 image, got {timing.batch_size}")
    if timing.rounds < _LEAST_ROUNDS:
        problems.append(
            f"rounds must be at least {_LEAST_ROUNDS}, or medians mean little; got {timing.rounds}"
        )
    if problems:
        raise ConfigError("the arguments of compare", problems)


def one_device(models: Sequence[Classifier], names: Sequence[str]) -> torch.device:
    """Find the device that all models are on.

    Args:
        models: at least one.
        names: of the models, for errors.

    Raises:
        ConfigError: if they are on different ones.
    """
    devices = [next(model.network.parameters()).device for model in models]
    for name, device in zip(names, devices, strict=True):
        if device != devices[0]:
            problem = (
                f"{printable(names[0])} is on {devices[0]} and {printable(name)} on {device}: times can "
                "only be compared on one device, move the networks to one"
            )
            raise ConfigError("the arguments of compare", [problem])
    return devices[0]


def measure_speed(
    models: Sequence[Classifier],
    names: Sequence[str],
    timing: Timing,
    *,
    memory: bool = True,
    on_round: Callable[[int, int], None] | None = None,
) -> list[Speed]:
    """Measure models in turn, where their networks are.

    Args:
        models: at least one.
        names: of the models, for errors.
        timing: how.
        memory: measure that, too, for which each model gets a process of its own.
        on_round: called with the number of rounds done and of all.
    """
    check_timing(timing)
    device = one_device(models, names)
    with torch.inference_mode(), _full_precision():
        seconds = _take_turns(models, timing, device, on_round)
        needed = [_memory(model, timing, device) if memory else None for model in models]
    speeds = []
    for times, held in zip(seconds, needed, strict=True):
        low, _, high = (1000 * value for value in quantiles(times, n=4, method="inclusive"))
        speeds.append(Speed(1000 * median(times), low, high, timing.batch_size, timing.rounds, held))
    return speeds


def _take_turns(
    models: Sequence[Classifier],
    timing: Timing,
    device: torch.device,
    on_round: Callable[[int, int], None] | None,
) -> list[list[float]]:
    """Seconds of each batch of each model."""
    batches = [example_batch(model, timing.batch_size).to(device) for model in models]
    seconds: list[list[float]] = [[] for _ in models]
    total = _WARM_ROUNDS + timing.rounds
    for turn in range(total):
        for step in range(len(models)):
            i = (turn + step) % len(models)
            _wait(device)
            start = time.perf_counter()
            models[i].network(batches[i])
            _wait(device)
            if turn >= _WARM_ROUNDS:
                seconds[i].append(time.perf_counter() - start)
        if on_round is not None:
            on_round(turn + 1, total)
    return seconds


def example_batch(model: Classifier, batch_size: int) -> Tensor:
    """Noise of the size that a model sees, laid out as evaluation does.

    Args:
        model: see there.
        batch_size: number of images.
    """
    sight = model.preprocessing
    shape = (batch_size, sight.num_channels, sight.image_size, sight.image_size)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return noise.contiguous(memory_format=torch.channels_last)


def _memory(model: Classifier, timing: Timing, device: torch.device) -> int | None:
    if device.type == "cuda":
        return _gpu_memory(model, timing)
    return memory_of_fresh_process(model, batch_size=timing.batch_size)


def _gpu_memory(model: Classifier, timing: Timing) -> int:
    """Most bytes that the tensors of a model held on its GPU while it answered."""
    device = next(model.network.parameters()).device
    batch = example_batch(model, timing.batch_size).to(device)
    own = sum(t.nbytes for t in [*model.network.parameters(), *model.network.buffers(), batch])
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    for _ in range(_MEMORY_BATCHES):
        model.network(batch)
    return own + torch.cuda.max_memory_allocated(device) - before


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


@contextmanager
def _full_precision() -> Iterator[None]:
    """Compute in float32 and no less, as evaluation does."""
    backends = torch.backends.cudnn.conv, torch.backends.cuda.matmul  # type: ignore[attr-defined]
    usual = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = "ieee"
    try:
        yield
    finally:
        for backend, precision in zip(backends, usual, strict=True):
            backend.fp32_precision = precision
