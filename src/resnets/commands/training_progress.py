"""How `resnets train` shows what is going on: one line that changes, and one that stays for each epoch.

Outside a terminal, and on one that cannot move its cursor (TERM=dumb), the changing line becomes a plain
one every 30 seconds. Nothing is coloured.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self, TextIO

from resnets.errors import printable
from resnets.quantities import count, memory
from resnets.training.events import Checking, EpochRecord, Event, RunStarted, StepProgress

_LIVE_S = 0.2
_PLAIN_S = 30.0
_CLEAR = "\r\x1b[K"
_USUAL_WIDTH = 80


class TrainingProgress:
    """A watcher that writes to a terminal or a file; a context manager that leaves a clean line behind.

    Warnings that are logged meanwhile are shown between its lines.

    Args:
        stream: to write to. [stderr]
        quiet: write nothing.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream or sys.stderr
        self._silent = quiet
        self._clock = clock
        self._is_live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._last = -math.inf if self._is_live else clock()
        self._num_epochs = 0
        self._warnings = _Warnings(self._say)

    def __enter__(self) -> Self:
        logging.getLogger("resnets").addHandler(self._warnings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger("resnets").removeHandler(self._warnings)
        if self._is_live:
            self._write(_CLEAR)

    def __call__(self, event: Event) -> None:
        """Show what happened, unless something was shown a moment ago."""
        if isinstance(event, RunStarted):
            for line in _introduction(event):
                self._say(line)
        elif isinstance(event, EpochRecord):
            self._say(_epoch_line(event, self._num_epochs))
        else:
            if isinstance(event, StepProgress):
                self._num_epochs = event.num_epochs
            if self._is_due():
                self._show(event)

    def _is_due(self) -> bool:
        now = self._clock()
        if now - self._last < (_LIVE_S if self._is_live else _PLAIN_S):
            return False
        self._last = now
        return True

    def _show(self, event: Checking | StepProgress) -> None:
        """Write the line that changes."""
        fields = _check_fields(event) if isinstance(event, Checking) else _step_fields(event)
        if self._is_live:
            self._write(_CLEAR + _fitted(fields, self._width() - 1))
        else:
            self._write("  ".join(fields) + "\n")

    def _say(self, line: str) -> None:
        """Write a line that stays."""
        self._write(f"{_CLEAR if self._is_live else ''}{line}\n")

    def _write(self, text: str) -> None:
        if self._silent:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads any more: no reason to end a training
            self._silent = True

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _USUAL_WIDTH
        except (OSError, ValueError):
            return _USUAL_WIDTH


class _Warnings(logging.Handler):
    """Hands on what is logged as a warning or worse."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is None:  # an error that goes on to be reported is not said twice
            self._say(f"{record.levelname.lower()}: {printable(record.getMessage())}")


# Fields by importance, 0 for what must stay: a narrow terminal gets the first few.
_Fields = dict[str, int]


def _check_fields(check: Checking) -> _Fields:
    return {f"{check.what} {check.done:,}/{check.total:,} images": 0}


def _step_fields(step: StepProgress) -> _Fields:
    place = f"{step.step:,}/{step.num_steps:,}"
    epoch = f"epoch {step.epoch + 1}/{step.num_epochs}"
    times = f"ETA {_duration(step.remaining_seconds)} (run {_duration(step.elapsed_seconds)})"
    if step.phase == "validation":
        return {epoch: 0, f"validation {place}": 0, times: 1}
    fields = {epoch: 0, place: 0, f"loss {step.loss:.3f}": 1}
    if step.top1 is not None:
        fields[f"top1 {_percent(step.top1)}"] = 3
    return {
        **fields,
        f"lr {step.learning_rate:.3g}": 5,
        f"{_speed(step.images_per_second)} img/s": 4,
        f"data-wait {100 * step.data_wait:.0f} %": 6,
        memory(step.memory_bytes): 7,
        times: 2,
    }


def _fitted(fields: _Fields, width: int) -> str:
    """Join what fits, leaving out the least important."""
    kept = dict(fields)
    while len(line := "  ".join(kept)) > width and max(kept.values()) > 0:
        del kept[max(kept, key=lambda field: kept[field])]
    return line[: max(0, width)]


def _epoch_line(record: EpochRecord, num_epochs: int) -> str:
    of = f"/{num_epochs}" if num_epochs else ""
    parts = [f"epoch {record.epoch}{of}", f"loss {record.train_loss:.3f}"]
    if record.train_top1 is not None:
        parts.append(f"top1 {_percent(record.train_top1)}")
    if record.val_loss is not None:
        parts.append(f"val-loss {record.val_loss:.3f}")
    if record.val_top1 is not None:
        parts.append(f"val-top1 {_percent(record.val_top1)}")
    if record.val_top5 is not None:
        parts.append(f"val-top5 {_percent(record.val_top5)}")
    parts += [f"{_speed(record.images_per_second)} img/s", _duration(record.seconds)]
    if record.num_skipped:
        images = "image" if record.num_skipped == 1 else "images"
        parts.append(f"{record.num_skipped} {images} skipped")
    return "  ".join(parts)


def _introduction(run: RunStarted) -> Iterator[str]:
    images = ", ".join(f"{name} {number:,}" for name, number in run.num_images.items())
    yield f"{printable(run.model)}, {count(run.num_parameters)} parameters, on {run.device}"
    yield f"{run.num_classes:,} classes, images: {images}"
    width = max((len(key) + len(value) for key, value, _ in run.choices), default=0) + 3
    for key, value, reason in run.choices:
        yield f"  {f'{key} = {printable(value)}':{width}}  {printable(reason)}"
    yield from (f"note: {printable(note)}" for note in run.notes)
    if run.resumed_epoch is not None:
        yield f"going on in epoch {run.resumed_epoch + 1}, after step {run.resumed_step:,}"
    yield f"run folder: {printable(str(run.folder))}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _speed(images_per_second: float) -> str:
    return f"{images_per_second:,.0f}" if images_per_second >= 10 else f"{images_per_second:.1f}"


def _duration(seconds: float) -> str:
    """Minutes and seconds, with hours once there are some."""
    if not math.isfinite(seconds):
        return "--:--"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
