"""Signals: the first is a wish, its echo nothing, a later one an order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from resnets.data.reading_processes import Readers, _obey_only_the_parent
from resnets.errors import Interrupted
from resnets.training.interruption import Interruption

SIGNALS = [signal.SIGTERM, signal.SIGINT]


def handlers() -> tuple[object, ...]:
    return tuple(signal.getsignal(number) for number in SIGNALS)


@pytest.mark.parametrize(
    ("number", "exit_code", "words"),
    [(signal.SIGTERM, 143, "ended by SIGTERM"), (signal.SIGINT, 130, "ended by Ctrl-C (SIGINT)")],
)
def test_the_first_signal_is_remembered(number: int, exit_code: int, words: str) -> None:
    before, threads = handlers(), threading.active_count()
    with Interruption() as interruption:
        interruption.check()
        assert not interruption.pending
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)  # within half a second: an echo
        assert interruption.pending
        assert interruption.signal == number
        with pytest.raises(Interrupted) as caught:
            interruption.check()
        assert str(caught.value) == words
        assert caught.value.exit_code == exit_code
        with pytest.raises(Interrupted) as caught:
            interruption.check("the run is saved")
        assert str(caught.value) == f"{words}: the run is saved"
    assert handlers() == before
    assert threading.active_count() == threads
    assert signal.set_wakeup_fd(-1) == -1


def test_other_threads_leave_signals_alone() -> None:
    before, seen = handlers(), []

    def enter() -> None:
        with Interruption() as interruption:
            seen.append((handlers(), interruption.pending))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [(before, False)]


def test_an_inner_one_gives_back_to_the_outer_one() -> None:
    with Interruption() as outer:
        with Interruption() as inner:
            os.kill(os.getpid(), signal.SIGINT)
            assert inner.pending
        assert not outer.pending
        os.kill(os.getpid(), signal.SIGTERM)
        assert outer.signal == signal.SIGTERM


IMPATIENT = """
import hashlib, sys, time
from resnets.training.interruption import Interruption
with Interruption():
    print("ready", flush=True)
    {waits}
"""
WAITS = {
    "in Python": "while True: time.sleep(0.1)",
    "in a long call of C": "hashlib.pbkdf2_hmac('sha256', b'', b'', 10 ** 9)",
}


@pytest.mark.parametrize("waits", WAITS)
@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_second_signal_ends_at_once(waits: str, number: int, exit_code: int) -> None:
    script = IMPATIENT.format(waits=WAITS[waits])
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(number)
            process.send_signal(number)  # as GNU timeout does
            time.sleep(0.7)
            assert process.poll() is None
            process.send_signal(number)
            assert process.wait(timeout=2) == exit_code
        finally:
            process.kill()


def test_a_forked_process_is_on_its_own() -> None:
    context = multiprocessing.get_context("fork")
    with Interruption() as interruption:
        child = context.Process(target=time.sleep, args=(60,))
        child.start()
        assert child.pid is not None
        time.sleep(0.1)
        for _ in range(3):
            os.kill(child.pid, signal.SIGINT)  # from a terminal; its parent decides
            time.sleep(0.3)
        assert child.is_alive()
        child.terminate()
        child.join(timeout=5)
        assert child.exitcode == -signal.SIGTERM
        assert not interruption.pending


def slowly(number: int) -> int:
    time.sleep(0.02)
    return number


@pytest.mark.parametrize("number", SIGNALS, ids=["SIGTERM", "SIGINT"])
def test_readers_outlive_a_signal_to_the_whole_job(number: int) -> None:
    readers = Readers(slowly, workers=2)
    with Interruption() as interruption:
        results = readers.run(range(50))
        assert next(results) == 0
        children = [child.pid for child in multiprocessing.active_children()]
        assert len(children) >= 2
        time.sleep(0.2)
        # From outside, as a scheduler does it: readers obey their own parent.
        subprocess.run(["kill", f"-{int(number)}", *map(str, (*children, os.getpid()))], check=True)
        assert list(results) == list(range(1, 50))
        assert interruption.pending
    start = time.monotonic()
    readers.close()
    del results
    wait_for(lambda: not multiprocessing.active_children())
    assert time.monotonic() - start < 4


def begin_late() -> None:
    time.sleep(0.5)
    _obey_only_the_parent()
    time.sleep(60)


def test_readers_end_with_a_parent_that_is_killed_before_they_begin() -> None:
    reader, writer = os.pipe()
    parent = os.fork()
    if not parent:
        child = multiprocessing.get_context("fork").Process(target=begin_late)
        child.start()
        os.write(writer, str(child.pid).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    child_pid = int(os.read(reader, 20))
    wait_for(lambda: not is_running(child_pid))


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except FileNotFoundError:
        return False


def wait_for(claim: Callable[[], bool], *, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert claim()
