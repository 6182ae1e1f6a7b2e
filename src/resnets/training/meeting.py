"""How the processes of a training find each other."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
from torch import distributed

from resnets.errors import ConfigError, ResNetsError, UnsupportedError, WorkerError
from resnets.launch import Launch, launch
from resnets.training.interruption import Interruption
from resnets.training.processes import Processes, first_line

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

TIMEOUT = "RESNETS_TIMEOUT_S"
"""Seconds after which a process that does not answer is given up. [300]"""

_HEARTBEAT_S = 5.0
_ECHO_S = 5.0
# A terminal, a scheduler and torchrun may each pass the same signal on.
_PAUSE_S = 0.01
# Between two looks at who else is there.


@contextmanager
def joined(device: torch.device | None = None) -> Iterator[Processes]:
    """Find the other processes of a training, if `torchrun` started several.

    Signals are remembered meanwhile, as by `Interruption`.

    Args:
        device: where the network will be.

    Raises:
        ConfigError: if what the environment says makes no sense.
        UnsupportedError: if this PyTorch cannot do it.
        WorkerError: if the others cannot be reached.
    """
    place = launch()
    if place.count == 1:
        with Interruption() as interruption:
            yield Processes(interruption)
        return
    is_ours = distributed.is_available() and not distributed.is_initialized()
    try:
        group = _meet(place, device, begins=is_ours)  # nothing is begun: a signal ends it as ever
        with Interruption(echo_seconds=_ECHO_S) as interruption:
            yield Processes(
                interruption,
                rank=place.rank,
                count=place.count,
                group=group,
                heartbeat_s=min(_HEARTBEAT_S, _patience().total_seconds() / 3),
            )
    except BaseException:
        # NCCL would wait for processes that do not know that this one has failed.
        if not _on_gpu(device):
            _leave(is_ours)
        raise
    _leave(is_ours)


def _leave(is_ours: bool) -> None:
    if is_ours and distributed.is_initialized():
        distributed.destroy_process_group()


def _on_gpu(device: torch.device | None) -> bool:
    return device is not None and device.type == "cuda"


def _meet(place: Launch, device: torch.device | None, *, begins: bool) -> distributed.ProcessGroup:
    """Wait for the other processes; give the group that all of them talk in."""
    if not distributed.is_available():
        raise UnsupportedError("this PyTorch was built without torch.distributed: use one process")
    from torch.distributed.rendezvous import rendezvous

    patience, on_gpu = _patience(), _on_gpu(device)
    try:
        if begins:
            if device is not None and on_gpu:
                torch.cuda.set_device(device.index or 0)  # without an index, it takes none
            store, _, _ = next(rendezvous("env://", timeout=patience))
            distributed.init_process_group(
                "nccl" if on_gpu else "gloo",
                store=_fresh(store, place, patience),
                rank=place.rank,
                world_size=place.count,
                timeout=patience,
            )
        group: distributed.ProcessGroup = distributed.new_group(backend="gloo", timeout=patience)
    except (RuntimeError, ValueError, TimeoutError) as error:
        if isinstance(error, ResNetsError):
            raise
        raise WorkerError(
            f"the processes of this training do not find each other: {first_line(error)}. Start them "
            "with torchrun, on every machine with the same --rdzv-endpoint"
        ) from error
    return group


def _fresh(store: Store, place: Launch, patience: timedelta) -> Store:
    """A part of a store that nobody has written into before these processes met.

    torchrun keeps one store for all starts of a job, and in it the addresses of processes that are gone,
    which would be asked in vain. So every process makes a word up, and the first one answers each of the
    others by its own word, with the name of a new part.
    """
    from torch.distributed.distributed_c10d import PrefixStore

    word = secrets.token_hex(8)
    if place.rank == 0:
        part = word
        answered: dict[int, bytes] = {}

        def all_know() -> bool:
            for other in range(1, place.count):
                said = _read(store, f"hello/{other}")
                if said and said != answered.get(other):
                    answered[other] = said
                    store.set(f"answer/{other}", said.decode() + part)
            return bool(store.add(f"{part}/known", 0) == place.count - 1)

        _wait_until(all_know, patience)
    else:
        mine = f"answer/{place.rank}"
        store.set(f"hello/{place.rank}", word)
        _wait_until(lambda: _read(store, mine).startswith(word.encode()), patience)
        part = _read(store, mine).decode().removeprefix(word)
        store.add(f"{part}/known", 1)
    return PrefixStore(part, store)


def _read(store: Store, key: str) -> bytes:
    """What is said under a key; empty if nothing is."""
    said: bytes = store.get(key) if store.check([key]) else b""
    return said


def _wait_until(is_so: Callable[[], bool], patience: timedelta) -> None:
    until = time.monotonic() + patience.total_seconds()
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError(f"not all have come in {patience.total_seconds():.0f} seconds")
        time.sleep(_PAUSE_S)


def _patience() -> timedelta:
    said = os.environ.get(TIMEOUT, "300")
    if not said.isdecimal() or int(said) == 0:
        raise ConfigError("the environment", [f"{TIMEOUT} must be a number of seconds, got {said!r}"])
    return timedelta(seconds=int(said))
