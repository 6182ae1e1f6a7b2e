"""Processes that decode the images they are told to; whatever kills or stalls one is noticed.

The next process goes on behind the image that did it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.data.hostile_images import HOSTILE_IMAGES
from tests.data.image_corpus import SEEDS

PATIENCE = 30.0
"""Seconds of silence after which a worker counts as stalled."""

WORKER = Path(__file__).with_name("decoding_worker.py")
_PORTION = 200
_MAX_DEATHS = 200


class Worker:
    """A decoding process that is replaced when it dies, and killed when it stalls."""

    def __init__(self) -> None:
        self.stalled = False
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def answers(self, order: list[Any], count: int) -> Iterator[dict[str, Any]]:
        """Send an order and hand on the answers; the last one tells of a death, if there was one."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stalled = False
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        for _ in range(count):
            timer = threading.Timer(PATIENCE, self._stall)
            timer.start()
            line = self.process.stdout.readline()
            timer.cancel()
            if not line:
                yield {"died": self._cause_of_death()}
                self.process = self._start()
                return
            yield json.loads(line)

    def _stall(self) -> None:
        self.stalled = True
        self.process.kill()

    def _cause_of_death(self) -> str:
        code = self.process.wait()
        if self.stalled:
            return "stalled"
        return signal.Signals(-code).name if code < 0 else f"exit {code}"

    def close(self) -> None:
        """Let the process end."""
        self.process.communicate()


Found: TypeAlias = "tuple[str, dict[str, Any]]"
"""Format of a mutant, and the answer or how the worker died of it."""


def _work(
    seed: int, orders: queue.SimpleQueue[tuple[int, int]], results: queue.SimpleQueue[Found | None]
) -> None:
    """Have one worker after the other decode portions of the mutants, while there are any."""
    formats, worker = list(SEEDS), Worker()
    with suppress(queue.Empty):
        while True:
            start, stop = orders.get_nowait()
            while start < stop:
                for answer in worker.answers(["mutant", seed, start, stop], stop - start):
                    results.put((formats[start % len(formats)], {"case": start, **answer}))
                    start += 1
    worker.close()
    results.put(None)


def run_mutants(seed: int, count: int, num_workers: int) -> Iterator[Found]:
    """Decode all mutants, in any order.

    Args:
        seed: of the mutants.
        count: of the mutants.
        num_workers: processes at a time.

    Raises:
        RuntimeError: if workers die all the time, which is no longer the images' doing.
    """
    orders: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    results: queue.SimpleQueue[Found | None] = queue.SimpleQueue()
    for start in range(0, count, _PORTION):
        orders.put((start, min(start + _PORTION, count)))
    for _ in range(num_workers):
        threading.Thread(target=_work, args=(seed, orders, results), daemon=True).start()
    remaining, deaths = num_workers, 0
    while remaining:
        found = results.get()
        if found is None:
            remaining -= 1
            continue
        deaths += "died" in found[1]
        if deaths > _MAX_DEATHS:
            raise RuntimeError(f"{deaths} workers died, the last one of: {found}")
        yield found


def run_hostile() -> dict[str, dict[str, Any]]:
    """Decode the hostile list, one after the other."""
    worker = Worker()
    answers = {}
    for name in HOSTILE_IMAGES:
        (answers[name],) = worker.answers(["hostile", name], 1)
    worker.close()
    return answers
