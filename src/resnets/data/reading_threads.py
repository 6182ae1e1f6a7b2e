"""Threads that read images ahead: tasks in, results out in the same order.

For images that need no decoding, only cutting and resizing: torch does that without holding Python back,
and threads hand over pixels where they are, while processes would copy them through shared memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class ReadingThreads(Generic[Task, Result]):
    """Runs a function over tasks, in threads that end with the run; as `Readers` does in processes.

    Args:
        read: what to do with a task.
        workers: threads; 0 does the work in the present one, when a result is asked for.
        prefetch: tasks that each thread works ahead.
    """

    def __init__(self, read: Callable[[Task], Result], *, workers: int, prefetch: int = 2) -> None:
        self._read = read
        self._workers = workers
        self._prefetch = prefetch

    @property
    def lead(self) -> int:
        """Tasks that may be begun before a result is asked for."""
        return self._workers * self._prefetch

    def run(self, tasks: Sequence[Task]) -> Iterator[Result]:
        """Give the result of each task, in order.

        Args:
            tasks: what `read` takes.
        """
        if not self._workers:
            yield from map(self._read, tasks)
            return
        begun: deque[Future[Result]] = deque()
        with ThreadPoolExecutor(self._workers) as pool:
            try:
                for task in tasks:
                    begun.append(pool.submit(self._read, task))
                    if len(begun) > self.lead:
                        yield begun.popleft().result()
                while begun:
                    yield begun.popleft().result()
            finally:
                for future in begun:
                    future.cancel()

    def close(self) -> None:
        """Nothing is left to end."""
