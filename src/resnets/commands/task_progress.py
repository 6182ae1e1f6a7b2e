"""How long tasks of several kinds show what they are doing."""

from __future__ import annotations

import sys
import time

from resnets.errors import printable


class TaskProgress:
    """Shows what is being done: in place on a terminal, else a line every 30 s."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, words: str, done: int, total: int) -> None:
        """Take note of a step."""
        terminal, now = sys.stderr.isatty(), time.monotonic()
        if terminal and done == total:
            print("\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201
        elif now - self._last >= (0.2 if terminal else 30.0):
            self._last = now
            line = f"{done / total:4.0%}  {printable(words)}"
            print(line, end="\r" if terminal else "\n", file=sys.stderr, flush=True)  # noqa: T201
