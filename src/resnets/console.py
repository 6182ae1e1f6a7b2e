"""What commands print: results as tables or JSON on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from resnets.downloads.transfer import Progress

T = TypeVar("T")

SCHEMA_VERSION = 1
"""Of the JSON that `--json` prints; raised when a field changes its meaning or goes."""


def print_json(document: dict[str, Any]) -> None:
    """Print one document, with the version of its schema first."""
    _write(json.dumps({"schema_version": SCHEMA_VERSION, **document}, indent=2) + "\n")


def print_json_stream(document: dict[str, Any], key: str, items: Iterable[dict[str, Any]]) -> None:
    """Print one document whose last entry is a list that comes bit by bit.

    Args:
        document: what stands before the list.
        key: of the list.
        items: of the list.
    """
    start = json.dumps({"schema_version": SCHEMA_VERSION, **document}, indent=2)
    _write(start.removesuffix("\n}") + f",\n  {json.dumps(key)}: [")
    separator = "\n"
    for item in items:
        _write(f"{separator}    {json.dumps(item)}")
        separator = ",\n"
    _write("\n  ]\n}\n")


def print_blocks(blocks: Iterable[RenderableType]) -> None:
    """Print texts and tables; outside a terminal without colour, and as wide as they need."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 400, highlight=False)
    with console.capture() as capture:
        for block in blocks:
            console.print(block, soft_wrap=isinstance(block, str), markup=False)
    _write("\n".join(line.rstrip() for line in capture.get().split("\n")))


def table(
    columns: Sequence[tuple[str, Literal["left", "right"]]], rows: Iterable[Sequence[str]]
) -> Table:
    """Make a table.

    Args:
        columns: heading and side of each.
        rows: one text per column.
    """
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading, side in columns:
        made.add_column(heading, justify=side, no_wrap=True)
    for row in rows:
        made.add_row(*map(Text, row))
    return made


def print_line(words: str) -> None:
    """Print one line of a result that comes bit by bit."""
    _write(words + "\n")


def say(words: str) -> None:
    """Tell the user something that is not the result."""
    print(words, file=sys.stderr)  # noqa: T201


def count_progress(items: Iterable[T], what: str) -> Iterator[T]:
    """Pass items on, and tell how many have passed: in place on a terminal, else every 30 s.

    Args:
        items: that take their time.
        what: they are, such as 'images'.
    """
    terminal = sys.stderr.isatty() and not sys.stdout.isatty()
    every = 0.2 if terminal else 30.0
    start = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if (now := time.monotonic()) - last >= every:
            last = now
            words = f"{done} {what}, {done / (now - start):.1f}/s"
            print(words, end="\r" if terminal else "\n", file=sys.stderr, flush=True)  # noqa: T201
    if terminal:
        print("\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201


class DownloadBar:
    """Shows how far a download has come: in place on a terminal, else a line every 30 s."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Take note of what has arrived."""
        terminal = sys.stderr.isatty()
        is_done = progress.num_bytes == progress.total_bytes
        if time.monotonic() - self._last < (0.2 if terminal else 30.0) and not is_done:
            return
        self._last = time.monotonic()
        total = f" of {progress.total_bytes / 1e6:.1f}" if progress.total_bytes else ""
        words = f"downloading {progress.name}: {progress.num_bytes / 1e6:.1f}{total} MB"
        end = "\r" if terminal and not is_done else "\n"
        print(words, end=end, file=sys.stderr, flush=True)  # noqa: T201


def report(error: BaseException, *, debug: bool) -> None:
    """Tell the user about an error of theirs, which its message explains.

    Args:
        error: what was raised.
        debug: print the traceback as well.
    """
    if debug:
        say("".join(traceback.format_exception(error)))
    say(f"resnets: error: {error}")


def report_bug(error: BaseException, *, debug: bool) -> None:
    """Tell the user about an error that is ours, and keep its traceback.

    Args:
        error: what was raised.
        debug: print the traceback instead of keeping it.
    """
    trace = "".join(traceback.format_exception(error))
    first = str(error).strip().split("\n")[0]
    say(f"resnets: error: this is a bug in resnets: {type(error).__name__}: {first}")
    if debug:
        say(trace)
        return
    log = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state") / "resnets" / "error.log"
    try:
        log = log.expanduser()
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(trace, encoding="utf-8")
        say(f"The traceback is in {log}; run again with --debug to see it. Please report it.")
    except (OSError, RuntimeError):
        say(trace)


def _write(words: str) -> None:
    try:
        sys.stdout.write(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
