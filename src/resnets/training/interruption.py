"""SIGTERM and Ctrl-C as a wish to end at the next good moment, and then as an order.

A scheduler sends SIGTERM when it wants the machine back, and sends it to every process of the job;
`timeout` and some shells send the same signal twice at once. So the first signal is remembered, its
echoes are not counted, and one that comes later ends the process whatever it is doing.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from resnets.errors import Interrupted

ECHO_SECONDS = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STOP = b"\0"  # the number of no signal
_WORDS = {signal.SIGINT: "Ctrl-C (SIGINT)", signal.SIGTERM: "SIGTERM"}


class Interruption:
    """Remembers the first signal to end, for a loop that looks at `pending` where it can stop.

    In any thread but the main one, signals are left as they are.

    Args:
        echo_seconds: in which the same wish may come again, from a terminal or a scheduler.

    Attributes:
        signal: number of the first; None as long as there is none.

    Example:
        >>> with Interruption() as interruption:
        ...     for step in range(3):
        ...         if interruption.pending:
        ...             break  # save, then `interruption.check()`
    """

    def __init__(self, *, echo_seconds: float = ECHO_SECONDS) -> None:
        self.signal: int | None = None
        self._echo_seconds = echo_seconds
        self._process = os.getpid()
        self._before: dict[int, Any] = {}
        self._wakeup_before = -1
        self._sockets: tuple[socket.socket, socket.socket] | None = None
        self._watch: threading.Thread | None = None

    @property
    def pending(self) -> bool:
        """Whether a signal came."""
        return self.signal is not None

    def check(self, outcome: str = "") -> None:
        """Obey a signal, if one came.

        Args:
            outcome: what becomes of the work so far, for the message.

        Raises:
            Interrupted: if one came.
        """
        if self.signal is not None:
            words = f"ended by {_WORDS[signal.Signals(self.signal)]}"
            raise Interrupted(self.signal, f"{words}: {outcome}" if outcome else words)

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            receiver, sender = self._sockets = socket.socketpair()
            sender.setblocking(False)
            self._watch = threading.Thread(target=self._count, args=(receiver,), daemon=True)
            self._watch.start()
            self._wakeup_before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
            os.register_at_fork(after_in_child=self._let_go)
            self._before = {number: signal.signal(number, self._remember) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._sockets is None or self._watch is None:
            return
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wakeup_before)
        receiver, sender = self._sockets
        self._sockets = None
        sender.send(_STOP)  # closing it is no end for a reader as long as a forked process has it too
        self._watch.join()
        sender.close()
        receiver.close()

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() == self._process:
            self.signal = self.signal or number
        elif number == signal.SIGTERM:  # a forked process, which its parent may end as ever
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _count(self, receiver: socket.socket) -> None:
        """End the process at the second signal, even while the main thread waits for a disk or a GPU."""
        first: float | None = None
        while (number := receiver.recv(1)) != _STOP:
            if ord(number) in _SIGNALS:
                first = first or time.monotonic()
                if time.monotonic() - first > self._echo_seconds:
                    os._exit(128 + ord(number))

    def _let_go(self) -> None:
        """In a forked process: its signals are not ours to count."""
        if self._sockets is not None:
            signal.set_wakeup_fd(-1)
            for end in self._sockets:
                end.close()
            self._sockets = None
