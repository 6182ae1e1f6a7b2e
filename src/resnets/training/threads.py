"""How many threads compute a step: those that PyTorch takes, or one where that is faster.

The threads share every operation of a step, and each operation waits for the slowest of them. Where
other work keeps the cores busy, a thread often waits for its turn while the others wait for it, and two
can be a hundred times slower than one. How busy a machine is can only be measured, so what is found is
not written into a run's `config.toml`; its `environment.json` has it, for when the run goes on.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from resnets.launch import launch
from resnets.recipes.settings import TrainingSettings
from resnets.training.learner import AUTOCAST_TYPES
from resnets.training.situation import Choice

_ONE_IS_FASTER = 0.8
# Of the time with all threads: one thread must save this much, or chance would decide.
_LONG_S = 3.0
# Of the processor. Steps of this length have operations long enough to share, and take long to time.
_HOPELESS = 3.0
# Times as long as with one thread: no need to look twice.
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def threads_restored() -> Iterator[None]:
    """Leave this process with as many threads as it came with."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def use_threads(
    network: nn.Module,
    settings: TrainingSettings,
    *,
    earlier: int | None = None,
    timed: bool = False,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[Choice, ...]:
    """Set the number of threads of this process for a run.

    The settings decide; else the environment (OMP_NUM_THREADS, which torchrun sets to 1); several
    processes on a machine share its threads; else what the run has had so far; else a race, if one is
    wanted; else PyTorch.

    Args:
        network: of the run; it is not changed.
        settings: complete.
        earlier: threads of the run that is resumed, so that it goes on bit for bit.
        timed: try one thread and all.
        on_step: called between the steps of the race.

    Returns:
        What was measured, if something was.
    """
    most = torch.get_num_threads()
    neighbours = launch().local_count
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    elif any(name in os.environ for name in _VARIABLES):
        return ()
    elif neighbours > 1:
        torch.set_num_threads(max(1, most // neighbours))
    elif earlier is not None:
        torch.set_num_threads(min(earlier, most))
    elif timed and most > 1 and next(network.parameters()).device.type == "cpu":
        choice = faster(training_step(network, settings), most=most, on_step=on_step)
        torch.set_num_threads(int(choice.value))
        return (choice,)
    return ()


def faster(
    step: Callable[[], object],
    *,
    most: int,
    on_step: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
    processor: Callable[[], float] = time.process_time,
) -> Choice:
    """Time a step with one thread and with all; of two steps the quicker counts.

    Args:
        step: what to time.
        most: threads, more than one.
        on_step: called after each step.
        clock: seconds.
        processor: seconds that this process has computed.
    """

    def seconds() -> float:
        start = clock()
        step()
        on_step()
        return clock() - start

    with threads_restored():
        torch.set_num_threads(1)
        begun = processor()
        seconds()  # the first step also prepares what later ones use
        if (work := processor() - begun) > _LONG_S:
            return Choice("threads", str(most), f"a step takes {work:.0f} s, enough for all to share")
        one = min(seconds(), seconds())
        torch.set_num_threads(most)
        every = seconds()
        if every < _HOPELESS * one:
            every = min(seconds(), seconds())
    number = 1 if one < _ONE_IS_FASTER * every else most
    times = f"a step took {one:.2g} s with one thread and {every:.2g} s with {most}"
    busy = ": other work keeps the processor busy" if every > one and number == 1 else ""
    return Choice("threads", str(number), times + busy)


def training_step(network: nn.Module, settings: TrainingSettings) -> Callable[[], None]:
    """Make a step like the run's, with a copy of the network and black images.

    Args:
        network: on a processor.
        settings: complete.
    """
    assert settings.preprocessing is not None
    assert settings.batch_size is not None
    copied = copy.deepcopy(network).train()
    size = settings.train_image_size or settings.preprocessing.image_size
    images = torch.zeros(
        -(-settings.batch_size // settings.accumulation), settings.preprocessing.num_channels, size, size
    )
    if settings.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    dtype = AUTOCAST_TYPES.get(settings.precision or "float32")

    def step() -> None:
        copied.zero_grad(set_to_none=True)
        with torch.random.fork_rng(devices=()), torch.autocast("cpu", dtype, enabled=dtype is not None):
            scores: torch.Tensor = copied(images)
        scores.float().sum().backward()

    return step
