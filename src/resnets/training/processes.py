"""Several processes that train one network together: how they find each other and stay of one mind.

Each process has the whole network, sees its share of every step's images, and computes gradients that
are averaged over all (`torch.nn.parallel.DistributedDataParallel`). Everything that is decided in a run
is decided from numbers that all of them have, or by the first one, who alone writes: so none ever waits
for another that has left.
"""

from __future__ import annotations

import inspect
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal, TypeAlias, TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from resnets.errors import ResNetsError, WorkerError
from resnets.training.interruption import Interruption

_OWN_BUFFERS: dict[str, Any] = {"forward_sync_buffers": False}
if not inspect.signature(DistributedDataParallel).parameters.keys() & _OWN_BUFFERS:
    _OWN_BUFFERS = {"broadcast_buffers": False}  # its name before PyTorch 2.13

T = TypeVar("T")
Word: TypeAlias = tuple[Literal["working", "done", "failed"], Any]


class Processes:
    """The processes of a training, as one of them sees them; by itself, a process alone.

    Args:
        interruption: of this process.
        rank: number of this process, from 0.
        count: of all.
        group: that they talk in, on the processor; None for a process alone.
        heartbeat_s: between two signs of life of a process that the others wait for.
    """

    def __init__(
        self,
        interruption: Interruption,
        *,
        rank: int = 0,
        count: int = 1,
        group: distributed.ProcessGroup | None = None,
        heartbeat_s: float = 5.0,
    ) -> None:
        self.rank, self.count = rank, count
        self._heartbeat_s = heartbeat_s
        self.interruption = interruption
        self._group = group
        self._signal: int | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process decides and writes."""
        return self.rank == 0

    def check(self, outcome: str = "") -> None:
        """Obey a signal that came to any of the processes, as soon as all know of it.

        Args:
            outcome: what becomes of the work so far, for the message.

        Raises:
            Interrupted: if one came.
        """
        if self.count > 1:
            if self._signal is None:
                return
            self.interruption.signal = self._signal
        self.interruption.check(outcome)

    def sum(self, *values: float) -> list[float]:
        """Add up numbers over all processes; what signals came to them is told as well.

        Args:
            values: of this process.

        Raises:
            WorkerError: if another process cannot be reached.
        """
        if self.count == 1:
            return list(values)
        came = self.interruption.signal
        said = torch.tensor(
            [*values, came == signal.SIGTERM, came == signal.SIGINT], dtype=torch.float64
        )
        with self.explained():
            distributed.all_reduce(said, group=self._group)
        *sums, terminated, stopped = said.tolist()
        if terminated or stopped:
            self._signal = signal.SIGTERM if terminated else signal.SIGINT
        return sums

    def gather(self, value: T) -> list[T]:
        """Collect something from all processes, in their order.

        Args:
            value: of this process.

        Raises:
            WorkerError: if another process cannot be reached.
        """
        values: list[T | None] = [value] * self.count
        if self.count > 1:
            with self.explained():
                distributed.all_gather_object(values, value, group=self._group)
        return values  # type: ignore[return-value]

    def from_first(self, work: Callable[[], T]) -> T:
        """Do something in the first process alone, and tell all what came of it.

        Args:
            work: what to do; it may take as long as it takes.

        Raises:
            ResNetsError: what the work raised, in all of them.
            WorkerError: if another process cannot be reached, or the work raised anything else.
        """
        if self.count == 1:
            return work()
        if not self.is_first:
            told: T = self._follow()
            return told
        try:
            with self._heartbeat():
                result = work()
        except BaseException as error:
            known = isinstance(error, ResNetsError)
            shared = error if known else WorkerError(f"the first process failed: {type(error).__name__}")
            with suppress(WorkerError):
                self._tell(("failed", shared))
            raise
        self._tell(("done", result))
        return result

    def _follow(self) -> Any:
        word, content = self._tell(None)
        while word == "working":
            word, content = self._tell(None)
        if word == "failed":
            content.is_told = True
            raise content
        return content

    def _tell(self, word: Word | None) -> Word:
        """Pass a word of the first process on to all."""
        words: list[Any] = [word]
        with self.explained():
            distributed.broadcast_object_list(words, src=0, group=self._group)
        told: Word = words[0]
        return told

    @contextmanager
    def _heartbeat(self) -> Iterator[None]:
        """Let the others know that this process is at work."""
        is_over = threading.Event()
        lost: list[ResNetsError] = []

        def beat() -> None:
            try:
                while not is_over.wait(self._heartbeat_s):
                    self._tell(("working", None))
            except ResNetsError as error:
                lost.append(error)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
        if lost:
            raise lost[0]

    def together(self, work: Callable[[], T]) -> T:
        """Do something in every process that may take one much longer than another.

        Args:
            work: of this process; it takes no part in anything that the processes do in common.

        Raises:
            ResNetsError: what the work raised.
            WorkerError: if another process cannot be reached, or its work failed.
        """
        if self.count == 1:
            return work()
        is_over = threading.Event()
        failed: list[bool] = []
        lost: list[ResNetsError] = []

        def beat() -> None:
            try:
                done = broken = 0.0
                while done < self.count and not broken:
                    is_over.wait(self._heartbeat_s)
                    done, broken = self.sum(is_over.is_set(), bool(failed))
                if broken and not failed:
                    lost.append(WorkerError("another process of this training failed, and says why"))
            except ResNetsError as error:
                lost.append(error)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            result = work()
        except BaseException:
            failed.append(True)
            raise
        finally:
            is_over.set()
            thread.join()
        if lost:
            raise lost[0]
        return result

    def parallel(self, network: nn.Module, *, varies: bool) -> nn.Module:
        """Make a network whose backward pass averages gradients over all processes.

        Args:
            network: on its device; every process gets the weights of the first.
            varies: units are switched off in some steps.
        """
        if self.count == 1:
            return network
        device = next(network.parameters()).device
        with self.explained():
            return DistributedDataParallel(
                network,
                device_ids=[device] if device.type == "cuda" else None,
                find_unused_parameters=varies,
                **_OWN_BUFFERS,  # `average_statistics` does better
            )

    @torch.no_grad()
    def average_statistics(self, network: nn.Module, *, share: float) -> None:
        """Give every process the mean of all batch norm statistics.

        Args:
            network: after a forward pass in training mode.
            share: of the step's images that this process saw, 0 to 1.
        """
        if self.count == 1:
            return
        statistics = [
            tensor
            for module in network.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
            and module.training
            and not isinstance(module, nn.SyncBatchNorm)  # whose processes have the same
            for tensor in (module.running_mean, module.running_var)
            if tensor is not None
        ]
        if not statistics:
            return
        flat = torch.cat([tensor.flatten() for tensor in statistics])
        # With a share of nothing even what is not a number must not count.
        flat = flat * share if share else torch.zeros_like(flat)
        with self.explained():
            distributed.all_reduce(flat)
        for tensor, mean in zip(statistics, flat.split([t.numel() for t in statistics]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say in our own words that another process is gone.

        Raises:
            WorkerError: if it is.
        """
        try:
            yield
        except RuntimeError as error:
            if self.count == 1 or isinstance(error, ResNetsError) or not _is_lost(error):
                raise
            raise WorkerError(
                f"process {self.rank} of {self.count} lost the others: one has ended, or its machine "
                f"cannot be reached ({first_line(error)}). Checkpoints are kept: the same command goes "
                "on from the last one, as torchrun --max-restarts does by itself"
            ) from error


def _is_lost(error: RuntimeError) -> bool:
    """Whether an error is about the way to other processes."""
    words = str(error)
    return isinstance(error, distributed.DistError) or "gloo" in words or "NCCL" in words


def first_line(error: Exception) -> str:
    """What PyTorch says has happened, without the place in its source and without its advice.

    Args:
        error: of PyTorch.
    """
    line = re.sub(r"^\[[^]]*\]\s*", "", str(error).partition("\n")[0])
    return line.partition(". ")[0].strip(". ") or "no answer"
