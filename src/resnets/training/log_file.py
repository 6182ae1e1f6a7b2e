"""`train.log`: what the library logs while a run goes on, and the traceback of its failure."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resnets.errors import Interrupted, OutputError, printable

_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _LogFile(logging.FileHandler):
    """Writes UTC times; a disk that is full stops the checkpoints, which say so, but not the log."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        formatter = logging.Formatter(_LINE, "%Y-%m-%dT%H:%M:%SZ")
        formatter.converter = time.gmtime
        self.setFormatter(formatter)
        self.setLevel(logging.INFO)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Go on without the line."""


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Add what the library logs to a file, from INFO on, and the traceback of an error.

    Args:
        path: of the file; what it holds already stays.

    Raises:
        OutputError: if the file cannot be written.
    """
    log = logging.getLogger("resnets")
    try:
        handler = _LogFile(path)
    except OSError as error:
        raise OutputError(f"cannot write '{printable(str(path))}': {error.strerror or error}") from error
    before = log.level
    log.addHandler(handler)
    if log.getEffectiveLevel() > logging.INFO:
        log.setLevel(logging.INFO)
    try:
        yield
    except Interrupted as end:
        log.info("%s", end)
        raise
    except Exception:
        log.exception("the run failed")
        raise
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
        handler.close()
