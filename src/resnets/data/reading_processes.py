"""Processes that read images ahead: tasks in, results out in the same order.

torch's DataLoader does the work (shared memory, prefetching, noticing a process that died); here it is
kept from drawing on torch's global random stream, from guessing what a batch is, and from speaking of
itself when something goes wrong.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from resnets.allocator import keep_memory
from resnets.errors import ResNetsError, WorkerError
from resnets.launch import launch

Task = TypeVar("Task")
Result = TypeVar("Result")

_SECONDS_AFTER_PARENT = 0.5  # torch gives 5; a run that was killed may be resumed before
_MOST = 8  # processes by default; more rarely pay for one training process


class Readers(Generic[Task, Result]):
    """Runs a function over tasks, in worker processes that stay for the next run.

    Args:
        read: what to do with a task; what it returns crosses to this process, tensors through shared
            memory.
        workers: processes; 0 does the work in this one, when a result is asked for.
        prefetch: tasks that each process works ahead.
    """

    def __init__(self, read: Callable[[Task], Result], *, workers: int, prefetch: int = 2) -> None:
        self._read = read
        self._workers = workers
        self._prefetch = prefetch
        self._plan: _Plan[Task] = _Plan()
        self._loader: DataLoader[Result | _Failed] | None = None

    def run(self, tasks: Sequence[Task]) -> Iterator[Result]:
        """Give the result of each task, in order; only one run at a time.

        Args:
            tasks: what `read` takes.

        Raises:
            WorkerError: if a process was killed.
            ResNetsError: what `read` raises.
        """
        if not self._workers or not tasks:
            yield from map(self._read, tasks)
            return
        self._plan.tasks = tasks
        try:
            for result in self._start():
                if isinstance(result, _Failed):
                    self.close()
                    raise result.error
                yield result
        except RuntimeError as error:
            if not str(error).startswith("DataLoader worker"):
                raise
            self.close()
            raise WorkerError(
                f"a process that reads images ended before its work did: {_first_line(error)}. If the "
                "memory is full, use fewer workers; with workers=0 the reading shows its own errors"
            ) from error

    @property
    def lead(self) -> int:
        """Tasks that may be begun before a result is asked for."""
        return self._workers * self._prefetch

    def close(self) -> None:
        """End the processes; the next run starts new ones."""
        self._loader = None

    def _start(self) -> Iterator[Result | _Failed]:
        with warnings.catch_warnings():
            # How many processes pay is not for the number of cores to say: some wait for a disk.
            warnings.filterwarnings("ignore", message="This DataLoader will create")
            self._loader = self._loader or self._make()
            return iter(self._loader)

    def _make(self) -> DataLoader[Result | _Failed]:
        return DataLoader(
            _Reading(self._read),
            batch_size=None,
            sampler=self._plan,
            num_workers=self._workers,
            collate_fn=_as_it_is,
            prefetch_factor=self._prefetch,
            persistent_workers=True,
            worker_init_fn=_settle,
            generator=torch.Generator(),  # its own: the number of workers must not move the global one
        )


class _Plan(Sampler[Task]):
    """The tasks of the present run; the loader asks for them anew each time."""

    tasks: Sequence[Task] = ()

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks)

    def __len__(self) -> int:
        return len(self.tasks)


@dataclass(frozen=True)
class _Failed:
    """An error of ours, on its way as it is: torch would make a text of it and its traceback."""

    error: ResNetsError


class _Reading(Dataset[Result | _Failed]):
    def __init__(self, read: Callable[[Any], Result]) -> None:
        self._read = read

    def __getitem__(self, task: Any) -> Result | _Failed:
        try:
            return self._read(task)
        except ResNetsError as error:
            return _Failed(error)


def _settle(_worker: int) -> None:
    """Begin as a process of our own."""
    keep_memory()
    _obey_only_the_parent()


def _obey_only_the_parent() -> None:
    """Leave signals that a terminal or a scheduler sends to all processes of a job to the parent.

    The parent may have work to finish, and would fail if its readers were gone. They end with it, also
    if it was killed before they had begun.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigtimedwait"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    threading.Thread(target=_wait_for_the_parent, daemon=True).start()


def _wait_for_the_parent() -> None:
    parent = multiprocessing.parent_process()
    # A fork server stands between the two; else the system itself tells when the parent is gone.
    is_direct = multiprocessing.get_start_method() != "forkserver"
    while parent and (os.getppid() == parent.pid if is_direct else parent.is_alive()):
        if not hasattr(signal, "sigtimedwait"):
            time.sleep(_SECONDS_AFTER_PARENT)
            continue
        received = signal.sigtimedwait([signal.SIGTERM], _SECONDS_AFTER_PARENT)
        if received is not None and received.si_pid == parent.pid:
            break
    os._exit(0)  # as torch's own handler does: any other number would be reported as a failure


def _as_it_is(result: Result) -> Result:
    return result


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def usual_workers() -> int:
    """One process for each core that this one may use, at most eight.

    The cores are divided among the processes of this machine that train together.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(_MOST, cores // launch().local_count))
