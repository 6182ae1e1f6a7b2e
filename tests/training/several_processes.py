"""Work that several processes do together, as torchrun would start them; torch is loaded once."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

_LONGEST_S = 120.0


def together(count: int, work: Callable[[int], Any], **variables: str) -> list[Any]:
    """Do something in several processes at once.

    Args:
        count: of processes.
        work: gets the rank.
        variables: of the environment, besides those that torchrun sets.

    Returns:
        What it returned or raised in each.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    ends: list[Connection] = []
    started = []
    for rank in range(count):
        receiver, sender = context.Pipe(duplex=False)
        environment = {
            "RANK": str(rank),
            "WORLD_SIZE": str(count),
            "LOCAL_RANK": str(rank),
            "LOCAL_WORLD_SIZE": str(count),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
            **variables,
        }
        process = context.Process(target=_do, args=(work, rank, environment, sender))
        process.start()
        sender.close()
        ends.append(receiver)
        started.append(process)
    results = [_received(end) for end in ends]
    for process in started:
        process.join(_LONGEST_S)
        process.kill()
    return results


def _do(work: Callable[[int], Any], rank: int, environment: dict[str, str], end: Connection) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    try:
        result = work(rank)
    except BaseException as error:
        result = error
    end.send(result)


def _received(end: Connection) -> Any:
    try:
        return end.recv() if end.poll(_LONGEST_S) else TimeoutError("it has not ended")
    except EOFError:
        return ChildProcessError("it ended without an answer")
