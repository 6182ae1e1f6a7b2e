"""Processes that read ahead: results in order, nothing left behind, a death reported."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import time
import warnings
from functools import partial
from pathlib import Path

import pytest
import torch

from resnets.data.reading_processes import Readers, usual_workers
from resnets.errors import WorkerError


def double(number: int) -> int:
    time.sleep(0.01 * (number % 3))
    return 2 * number


def die_at(last: int, number: int) -> int:
    if number == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail(number: int) -> int:
    raise RuntimeError(f"a mistake of ours at {number}")


def children() -> list[str]:
    gc.collect()
    done = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True, check=False)
    return [pid for pid in done.stdout.split() if Path(f"/proc/{pid}/exe").exists()]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_come_in_order_run_after_run(workers: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        readers = Readers(double, workers=workers)
        assert list(readers.run(range(20))) == list(range(0, 40, 2))
        cut_short = readers.run(range(20))
        assert next(cut_short) == 0
        assert list(readers.run(range(5, 8))) == [10, 12, 14]
        assert list(readers.run([])) == []
        readers.close()


def test_workers_leave_the_global_random_stream_alone() -> None:
    readers = Readers(double, workers=1)
    before = torch.get_rng_state()
    list(readers.run(range(3)))
    assert (torch.get_rng_state() == before).all()


def test_processes_end_with_their_reader() -> None:
    before = children()
    readers = Readers(double, workers=2)
    list(readers.run(range(4)))
    assert len(children()) >= len(before) + 2
    readers.close()
    assert children() == before


def test_a_killed_process_is_reported() -> None:
    readers = Readers(partial(die_at, 5), workers=1)
    with pytest.raises(WorkerError) as raised:
        list(readers.run(range(10)))
    message = re.sub(r"pid(\(s\))? \d+", "pid N", str(raised.value))
    reason = message.partition(": ")[2].partition(". If")[0]
    assert reason in {
        "DataLoader worker (pid N) is killed by signal: Killed",
        "DataLoader worker (pid N) exited unexpectedly",
    }
    assert message == (
        f"a process that reads images ended before its work did: {reason}. If the memory is full, "
        "use fewer workers; with workers=0 the reading shows its own errors"
    )
    assert raised.value.exit_code == 5
    assert list(readers.run(range(3))) == [0, 1, 2]  # new processes


def test_our_own_mistakes_are_not_dressed_up() -> None:
    with pytest.raises(RuntimeError, match="a mistake of ours at 0") as raised:
        list(Readers(fail, workers=1).run(range(2)))
    assert not isinstance(raised.value, WorkerError)


def test_usual_workers() -> None:
    assert 1 <= usual_workers() <= 8
