"""Saving a run so that it cannot be lost, and finding what was saved.

A checkpoint is written into a folder beside its place, down to the disk, and then renamed: at every
moment, whatever ends the process or the machine, the newest whole checkpoint is there. Names tell what a
folder is:

    step-00012500             a checkpoint, if its manifest verifies
    step-00012500.old         what was there before the same step was saved again
    step-00012500.damaged     one that did not verify, kept for its owner to look at
    .saving-*, .removing-*    leftovers of a process that was killed
"""

from __future__ import annotations

import errno
import logging
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from torch import Tensor

from resnets.errors import OutputError, WeightsError
from resnets.files import sync_folder
from resnets.training.checkpoint_files import (
    DamagedCheckpointError,
    prepare,
    read_files,
    verify,
    write_files,
)
from resnets.weights.opening import quote

log = logging.getLogger(__name__)

_NAME = re.compile(r"step-(\d{8,18})(\.old)?", re.ASCII)
_SAVING = ".saving-"
_REMOVING = ".removing-"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Checkpoint:
    """A folder that should hold a checkpoint.

    Attributes:
        step: of the run, as the folder's name has it.
        path: of the folder.
    """

    step: int
    path: Path


def save_checkpoint(
    folder: Path, step: int, *, tensors: Mapping[str, Tensor], state: Mapping[str, JsonValue]
) -> Path:
    """Save a run; if that fails, every earlier checkpoint is as it was.

    Args:
        folder: of the run's checkpoints; made if it is missing.
        step: of the run. One that was saved before is replaced.
        tensors: by name; of any device.
        state: all the rest, as JSON has it.

    Returns:
        The folder of the checkpoint.

    Raises:
        OutputError: with the reason, and the room it needs if there is too little.
        UnsupportedError: if there is a tensor that a checkpoint cannot hold, or too much of something.
    """
    content = prepare(step, tensors, state)
    target = folder / f"step-{step:08d}"
    with _explaining(target, content.num_bytes):
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
        free = shutil.disk_usage(folder).free
        if free < content.num_bytes:
            raise OutputError(_no_room(target, content.num_bytes, f"its disk has {free:,} free"))
        temporary = folder / f"{_SAVING}{step:08d}-{secrets.token_hex(4)}"
        try:
            temporary.mkdir()
            write_files(temporary, content)
            _put_in_place(temporary, target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return target


def find_checkpoints(folder: Path) -> tuple[Checkpoint, ...]:
    """Find what looks like a checkpoint, by its name.

    Args:
        folder: of a run's checkpoints; it may be missing.

    Returns:
        All, the latest step first; whether they verify is not looked at.

    Raises:
        WeightsError: if the folder cannot be read.
    """
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise WeightsError(f"cannot read {quote(folder)}: {error.strerror}") from error
    found = [
        (int(match[1]), match[2] is None, path)
        for path in paths
        if (match := _NAME.fullmatch(path.name))
    ]
    return tuple(Checkpoint(step, path) for step, _, path in sorted(found, reverse=True))


def newest_valid(folder: Path) -> Checkpoint | None:
    """Find the latest checkpoint that verifies; damaged ones on the way are set aside.

    Args:
        folder: of a run's checkpoints; it may be missing.

    Returns:
        None if there is none.
    """
    return next(_valid(folder), None)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint, after every byte of it was compared with its manifest.

    Args:
        path: of its folder.

    Returns:
        The tensors, on the CPU, and the state.

    Raises:
        WeightsError: if it is missing, damaged, made to do harm or of a newer resnets.
    """
    verify(path)
    return read_files(path)


def prune(folder: Path, *, keep: int, best_step: int | None = None) -> None:
    """Remove old checkpoints, once enough newer ones verify.

    Args:
        folder: of a run's checkpoints.
        keep: how many of the latest that verify are kept.
        best_step: of one that is kept besides.
    """
    last_kept = next(islice(_valid(folder), keep - 1, None), None)
    if last_kept is None:
        return
    found = find_checkpoints(folder)
    for old in found[found.index(last_kept) + 1 :]:
        if old.step != best_step:
            _discard(old.path)


def clean(folder: Path) -> None:
    """Remove what a killed process left half-done; for the start of a run, which alone may write here.

    Args:
        folder: of a run's checkpoints; it may be missing.
    """
    for path in sorted(folder.glob(".*")):
        if path.name.startswith((_SAVING, _REMOVING)):
            _remove(path)
    for checkpoint in find_checkpoints(folder):
        if checkpoint.path.suffix == ".old":
            try:
                _settle(checkpoint.path)
            except OSError as error:
                log.warning("cannot rename %s: %s", quote(checkpoint.path), error.strerror)


def _valid(folder: Path) -> Iterator[Checkpoint]:
    """All that verify, the latest first."""
    for checkpoint in find_checkpoints(folder):
        try:
            step = verify(checkpoint.path)
            if step != checkpoint.step:
                raise DamagedCheckpointError(
                    f"{quote(checkpoint.path)} was saved at step {step:,}, not at {checkpoint.step:,}"
                )
        except DamagedCheckpointError as error:
            _set_aside(checkpoint.path, error)
        else:
            yield checkpoint


def _set_aside(path: Path, error: DamagedCheckpointError) -> None:
    place = path.with_name(f"{path.name}.damaged")
    number = 1
    while place.exists():
        number += 1
        place = path.with_name(f"{path.name}.damaged-{number}")
    try:
        path.rename(place)
    except OSError as failure:
        log.warning("%s. It cannot be set aside: %s", error, failure.strerror)
    else:
        log.warning("%s. It was set aside as %s", error, quote(place))


def _put_in_place(temporary: Path, target: Path) -> None:
    """Rename; at every moment the old checkpoint of this step or the new one is there to be found."""
    old = target.with_name(f"{target.name}.old")
    if target.exists():
        if old.exists():
            _settle(old)
        target.rename(old)
    try:
        temporary.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    sync_folder(target.parent)
    if old.exists():
        _discard(old)


def _settle(old: Path) -> None:
    """Decide between two checkpoints of one step, left by a process killed between two names."""
    target = old.with_suffix("")
    if target.exists():
        try:
            verify(target)
        except DamagedCheckpointError as error:
            _set_aside(target, error)
        else:
            _discard(old)
            return
    old.rename(target)


def _discard(path: Path) -> None:
    """Remove a folder; a process killed meanwhile leaves nothing that looks like a checkpoint."""
    doomed = path.with_name(f"{_REMOVING}{path.name}-{secrets.token_hex(4)}")
    try:
        path.rename(doomed)
    except OSError as error:
        log.warning("cannot remove %s: %s", quote(path), error.strerror)
    else:
        _remove(doomed)


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        log.warning("cannot remove %s: %s", quote(path), error.strerror or error)


def _no_room(target: Path, needed: int, reason: str) -> str:
    return (
        f"cannot save the checkpoint {quote(target)}: it needs {needed:,} bytes and {reason}. Make "
        "room, then resume the run; the earlier checkpoints are as they were"
    )


@contextmanager
def _explaining(target: Path, needed: int) -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            raise OutputError(_no_room(target, needed, f"the system says: {reason}")) from error
        raise OutputError(
            f"cannot save the checkpoint {quote(target)}: {reason}; the earlier checkpoints are as they "
            "were"
        ) from error
