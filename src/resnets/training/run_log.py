"""What a run writes down as it goes: `results.csv` by the epoch, `events.jsonl` by the step.

Both only grow, a line at a time, so that a process that is killed leaves at most one torn line. What a
run does again after it was resumed is cut off first; so the files are those of a run that never stopped,
but for what the clock decides, which has its own columns in one and stands under 'timing' in the other.
"""

from __future__ import annotations

import csv
import json
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from resnets.errors import OutputError, printable
from resnets.files import write_bytes
from resnets.training.events import EpochRecord, StepProgress

T = TypeVar("T")

log = logging.getLogger(__name__)

STEPS_PER_EVENT = 50
"""Steps of a run from one line of `events.jsonl` to the next."""

_COLUMNS = tuple(field.name for field in fields(EpochRecord))
_INTEGERS = {field.name for field in fields(EpochRecord) if field.type == "int"}
_MAY_MISS = {field.name for field in fields(EpochRecord) if "None" in str(field.type)}
_TIMING = ("images_per_second", "data_wait", "seconds", "elapsed_seconds", "memory_bytes")
_HEADER = (",".join(_COLUMNS) + "\n").encode()


class RunLog:
    """The two files.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._results = folder / "results.csv"
        self._events = folder / "events.jsonl"

    def add_epoch(self, record: EpochRecord) -> None:
        """Write an epoch into both files; once this returns, a power cut does not undo it."""
        values = record.to_dict()
        row = ",".join("" if values[name] is None else repr(values[name]) for name in _COLUMNS)
        is_new = not self._results.exists()
        _append(self._results, (_HEADER if is_new else b"") + row.encode() + b"\n", durable=True)
        _append(self._events, _event("epoch", values), durable=True)

    def add_step(self, progress: StepProgress) -> None:
        """Write every 50th step of training into the events; epochs are counted from 1 there."""
        step = due_step(progress)
        if step is None:
            return
        values = {
            "epoch": progress.epoch + 1,
            "step": step,
            "loss": progress.loss,
            "top1": progress.top1,
            "learning_rate": progress.learning_rate,
        }
        timing = {name: getattr(progress, name) for name in _TIMING if hasattr(progress, name)}
        _append(self._events, _event("step", {**values, **timing}), durable=False)

    def history(self) -> list[EpochRecord]:
        """Every epoch that was written whole."""
        return [record for _, record in self._rows()]

    def truncate(self, step: int) -> None:
        """Cut off what came after a step of the run, and what was not written whole.

        Args:
            step: the last that stays.
        """
        if self._results.exists():
            rows = [line for line, record in self._rows() if record.step <= step]
            write_bytes(self._results, b"".join([_HEADER, *rows]))
        if self._events.exists():
            kept = [
                line
                for line, at in _parsed(self._events, _lines(self._events), _step_of_event)
                if at <= step
            ]
            write_bytes(self._events, b"".join(kept))

    def _rows(self) -> list[tuple[bytes, EpochRecord]]:
        """Rows with what they say.

        Raises:
            OutputError: if another program, or another version of this one, wrote the file.
        """
        if not self._results.exists():
            return []
        header, *lines = _lines(self._results) or [_HEADER]
        if header != _HEADER:
            raise OutputError(
                f"'{printable(str(self._results))}' does not have the columns that this version of "
                "resnets writes; move it away, and the run goes on without its history"
            )
        return _parsed(self._results, lines, _record_of, first=2)


def due_step(progress: StepProgress) -> int | None:
    """The step of the run that was done, if it is to be written down.

    Args:
        progress: of training or validation; the latter is not written down.
    """
    step = progress.epoch * progress.num_steps + progress.step
    return None if progress.phase != "training" or step % STEPS_PER_EVENT else step


def _record_of(line: bytes) -> EpochRecord:
    (row,) = csv.reader([line.decode("ascii")], strict=True)
    values = dict(zip(_COLUMNS, row, strict=True))
    return EpochRecord(**{name: _value(name, text) for name, text in values.items()})


def _value(name: str, text: str) -> Any:
    if not text and name in _MAY_MISS:
        return None
    return int(text) if name in _INTEGERS else float(text)


def _step_of_event(line: bytes) -> int:
    return int(json.loads(line)["step"])


def _event(kind: str, values: Mapping[str, Any]) -> bytes:
    """One line: what another run of the same settings repeats exactly, then what the clock decided."""
    exact = {name: _finite(value) for name, value in values.items() if name not in _TIMING}
    timing = {name: values[name] for name in _TIMING if name in values}
    timing["time"] = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"event": kind, **exact, "timing": timing}, allow_nan=False).encode() + b"\n"


def _finite(value: Any) -> Any:
    """JSON has no infinite numbers."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _lines(path: Path) -> list[bytes]:
    """All lines but a torn last one.

    Raises:
        OutputError: with the reason.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise OutputError(f"cannot read '{printable(str(path))}': {error.strerror or error}") from error
    return lines if not lines or lines[-1].endswith(b"\n") else lines[:-1]


def _parsed(
    path: Path, lines: Sequence[bytes], parse: Callable[[bytes], T], *, first: int = 1
) -> list[tuple[bytes, T]]:
    """Lines with what they say, up to one that is damaged; `first` is the number of the first."""
    parsed = []
    for line in lines:
        try:
            parsed.append((line, parse(line)))
        except (ValueError, KeyError, TypeError, csv.Error):
            number = first + len(parsed)
            log.warning("%s: line %d is damaged: it and what follows are not read", path.name, number)
            break
    return parsed


def _append(path: Path, content: bytes, *, durable: bool) -> None:
    """Add to the end of a file.

    Raises:
        OutputError: with the reason.
    """
    try:
        with path.open("ab") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"cannot write '{printable(str(path))}': {error.strerror or error}") from error
