"""What commands print: results as tables or JSON on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

SCHEMA_VERSION = 1
"""Of the JSON that `--json` prints; raised when a field changes its meaning or goes."""


def print_json(document: dict[str, Any]) -> None:
    """Print one document, with the version of its schema first."""
    _write(json.dumps({"schema_version": SCHEMA_VERSION, **document}, indent=2) + "\n")


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


def say(words: str) -> None:
    """Tell the user something that is not the result."""
    print(words, file=sys.stderr)  # noqa: T201


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
        # The reader, such as `head`, has seen enough; Python's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
