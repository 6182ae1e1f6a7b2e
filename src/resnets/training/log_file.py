"""`train.log`: what the library logs while a run goes on, and the traceback of its failure."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resnets.errors import Interrupted, OutputError, printable
from resnets.training.events import RunStarted

log = logging.getLogger(__name__)

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
    root = logging.getLogger("resnets")
    try:
        handler = _LogFile(path)
    except OSError as error:
        raise OutputError(f"cannot write '{printable(str(path))}': {error.strerror or error}") from error
    before = root.level
    root.addHandler(handler)
    if root.getEffectiveLevel() > logging.INFO:
        root.setLevel(logging.INFO)
    try:
        yield
    except Interrupted as end:
        root.info("%s", end)
        raise
    except Exception:
        root.exception("the run failed")
        raise
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.close()


def log_start(run: RunStarted) -> None:
    """Log what a run begins with.

    Args:
        run: that begins.
    """
    log.info("%s on %s, images: %s", run.model, run.device, dict(run.num_images))
    for key, value, reason in run.choices:
        log.info("%s = %s: %s", key, value, reason)
    for note in run.notes:
        log.info("note: %s", note)
    if run.resumed_epoch is not None:
        log.info("going on in epoch %d, after step %d", run.resumed_epoch + 1, run.resumed_step)
