"""The folder of a run: what it was, how it went and what came of it, safe to read at any moment.

config.toml              every setting, with what was chosen
choices.json             what was chosen by rule, and why
data_check.json          what the check of the data found
data_groups.json         images that were kept together when the validation split was made
environment.json         versions and machine, one entry for each start
data_manifest.jsonl.gz   the images, with their digests
results.csv              one row per epoch
events.jsonl             one line per epoch and per 50 steps
curves.svg               loss, accuracy and learning rate
status.json              running, done, interrupted or failed
train.log                what was logged, with the traceback of a failure
checkpoints/             to resume from
model.safetensors        the result
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

import torch
from filelock import FileLock

from resnets.data.dataset import Dataset
from resnets.data.findings import Finding
from resnets.errors import OutputError, WeightsError, printable
from resnets.files import is_unfinished, write_text
from resnets.recipes.settings import TrainingSettings
from resnets.recipes.toml_files import read_settings, write_settings
from resnets.reporting.curves import curves_file
from resnets.training.data_manifest import GROUPS, data_changes, write_manifest
from resnets.training.environment import environment
from resnets.training.events import EpochRecord, Event, RunStarted, StepProgress
from resnets.training.log_file import log_start, logging_to
from resnets.training.run_log import RunLog
from resnets.training.run_places import LOCK, RUNS, folder_name, locked, next_folder
from resnets.training.situation import Choice

State: TypeAlias = Literal["running", "done", "interrupted", "failed"]

CONFIG = "config.toml"
"""Its settings; what makes a folder a run."""

_CHOICES = "choices.json"
_FINDINGS = "data_check.json"
_MANIFEST = "data_manifest.jsonl.gz"

_BEFORE = {
    LOCK,
    "checkpoints",
    "status.json",
    "train.log",
    "environment.json",
    _CHOICES,
    _FINDINGS,
    _MANIFEST,
    GROUPS,
}
# What is written before config.toml, which makes a folder a run.

log = logging.getLogger(__name__)


def _is_new(folder: Path) -> bool:
    """Whether no run has begun in a folder, nor anything else is in it."""
    if any(entry.name not in _BEFORE and not is_unfinished(entry) for entry in folder.iterdir()):
        return False
    checkpoints = folder / "checkpoints"
    return not checkpoints.exists() or not any(checkpoints.iterdir())


@dataclass(frozen=True)
class RunStatus:
    """How a run stands.

    Attributes:
        state: 'running' also of a process that was killed.
        reason: of an interruption or a failure, in a sentence.
        pid: of the process.
        started: first, ISO 8601, UTC.
        updated: last.
    """

    state: State
    reason: str
    pid: int
    started: str
    updated: str


class RunFolder:
    """The folder of a run, held by this process until `close`; a context manager.

    Made by `create` and `open`.

    Attributes:
        path: of the folder.
    """

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self._lock = lock
        self._log = RunLog(path)

    @classmethod
    def create(cls, output: Path | None, *, name: str) -> RunFolder:
        """Make the folder of a new run.

        Args:
            output: its path, which must not exist, be empty, or hold no more than what a process
                wrote that was killed before its run began; None makes runs/train/NAME, and
                runs/train/NAME-2 where that exists.
            name: for the latter; what cannot be part of a file's name is replaced.

        Raises:
            OutputError: if the folder is in use or cannot be written.
        """
        try:
            path = next_folder(RUNS, folder_name(name)) if output is None else output
            path.mkdir(parents=True, exist_ok=True)
            run = cls(path, locked(path))
            if not _is_new(path):
                run.close()
                raise OutputError(
                    f"'{printable(str(path))}' is not empty, and runs are never overwritten: choose "
                    "another folder, or go on with the run in it with --resume"
                )
            run.checkpoints.mkdir(exist_ok=True)
        except OutputError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a name that no folder can have
            reason = getattr(error, "strerror", None) or error
            raise OutputError(
                f"cannot make the run's folder '{printable(str(output or RUNS))}': {reason}"
            ) from error
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Go on with a run.

        Args:
            path: of its folder.

        Raises:
            WeightsError: if there is no run.
        """
        folder = Path(path)
        shown = printable(str(folder))
        if not os.path.isdir(folder):  # noqa: PTH112 - also of a name that no folder can have
            raise WeightsError(f"there is no folder '{shown}' to resume; runs are in {RUNS}")
        if not (folder / CONFIG).is_file():
            raise WeightsError(
                f"'{shown}' is not a run that can be resumed: it has no {CONFIG}. A run is the folder "
                f"that `resnets train` made, such as {RUNS / 'NAME'}"
            )
        run = cls(folder, locked(folder))
        run.checkpoints.mkdir(exist_ok=True)
        return run

    @classmethod
    def seen(cls, path: Path) -> RunFolder:
        """The folder of a run that another process holds, to know its place.

        Args:
            path: of the folder, which need not be there on this machine.
        """
        return cls(path, FileLock(path / LOCK))

    def close(self) -> None:
        """Let other processes have the folder."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def model_path(self) -> Path:
        """Of the model file."""
        return self.path / "model.safetensors"

    def write_settings(self, settings: TrainingSettings) -> None:
        """Keep the settings."""
        write_settings(self.path / CONFIG, settings)

    def write_choices(self, choices: Sequence[Choice]) -> None:
        """Keep what was decided by rule, with the reasons."""
        write_text(self.path / _CHOICES, json.dumps([asdict(choice) for choice in choices], indent=2))

    def read_choices(self) -> tuple[Choice, ...]:
        """What was decided by rule when the run started; nothing if that was not kept."""
        try:
            rows = json.loads((self.path / _CHOICES).read_text("utf-8"))
            return tuple(Choice(**row) for row in rows)
        except (OSError, ValueError, TypeError):
            return ()

    def write_findings(self, findings: Sequence[Finding]) -> None:
        """Keep what the check of the data found: a resumed run does not look again."""
        rows = [finding.to_dict() for finding in findings]
        _write_json(self.path / _FINDINGS, {"schema_version": 1, "findings": rows})

    def read_findings(self) -> tuple[Finding, ...] | None:
        """What the check of the data found when the run started; None if there was none."""
        try:
            return tuple(map(Finding.from_dict, _read_json(self.path / _FINDINGS)["findings"]))
        except (LookupError, TypeError):
            return None

    def read_settings(self) -> TrainingSettings:
        """The settings that the run started with."""
        return read_settings(self.path / CONFIG)

    def write_environment(self, *, device: torch.device, command: Sequence[str] = ()) -> None:
        """Add this start of the run to what is known of its earlier ones.

        Args:
            device: where the network is.
            command: words of the command line; none from Python.
        """
        path = self.path / "environment.json"
        starts = [*_read_json(path).get("starts", ()), environment(device=device, command=command)]
        _write_json(path, {"schema_version": 1, "starts": starts})

    def threads(self) -> int | None:
        """Of PyTorch, when the run was last started; None if that was not kept."""
        starts = _read_json(self.path / "environment.json").get("starts")
        last = starts[-1] if isinstance(starts, list) and starts else None
        number = last.get("threads") if isinstance(last, dict) else None
        return number if isinstance(number, int) and number > 0 else None

    def write_manifest(self, dataset: Dataset, *, digests: Sequence[bytes] = ()) -> str:
        """Keep which images the run is made with.

        Args:
            dataset: from files or arrays.
            digests: of the files, where a check has just computed them (`Inspection.file_digests`).

        Returns:
            SHA-256 of the data: the same wherever it lies, as long as nothing in it changes.
        """
        return write_manifest(self.manifest, dataset, digests=digests)

    def data_changes(self, dataset: Dataset) -> list[str]:
        """Tell how a data set differs from the run's: sentences, none if it does not.

        Args:
            dataset: as it is now.
        """
        return data_changes(self.manifest, dataset)

    def write_status(self, state: State, reason: str = "") -> None:
        """Tell how the run stands.

        Args:
            state: from now on.
            reason: of an interruption or a failure, in a sentence.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        before = self.read_status()
        status = RunStatus(state, reason, os.getpid(), before.started if before else now, now)
        _write_json(self.path / "status.json", {"schema_version": 1, **asdict(status)})

    def read_status(self) -> RunStatus | None:
        """How the run stood last; None if that cannot be read."""
        document = _read_json(self.path / "status.json")
        document.pop("schema_version", None)
        try:
            return RunStatus(**document)
        except TypeError:
            return None

    def record(self, event: Event) -> None:
        """Write down what the training tells; a watcher.

        Args:
            event: epochs go to `results.csv` and `events.jsonl`, every 50th step to the latter, and what
                was chosen to `train.log`.
        """
        if isinstance(event, StepProgress):
            self._log.add_step(event)
        elif isinstance(event, EpochRecord):
            self._log.add_epoch(event)
            self.write_status("running")
            log.info("epoch %d: loss %.4f", event.epoch, event.train_loss)
        elif isinstance(event, RunStarted):
            log_start(event)

    def truncate(self, step: int) -> None:
        """Forget what came after a step: the run is about to do it again.

        Args:
            step: of the run, which its checkpoint was made after; 0 without one.
        """
        self._log.truncate(step)

    def history(self) -> list[EpochRecord]:
        """The epochs so far."""
        return self._log.history()

    def write_curves(self, *, kept: int | None = None) -> None:
        """Draw the epochs so far, if there are any.

        Args:
            kept: epoch whose weights were kept, from 1.
        """
        if history := self.history():
            write_text(self.path / "curves.svg", curves_file(history, kept=kept))

    def log_to_file(self) -> AbstractContextManager[None]:
        """Write what is logged into `train.log`, and the traceback of an error that passes through."""
        return logging_to(self.path / "train.log")

    @property
    def manifest(self) -> Path:
        """Which images it is made with."""
        return self.path / _MANIFEST


def _read_json(path: Path) -> dict[str, Any]:
    """A document of ours; empty if there is none, or it is damaged."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _write_json(path: Path, document: dict[str, Any]) -> None:
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
