"""A disk that fails: one call of the operating system, or all from one on, and what a save makes of it."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resnets.errors import OutputError
from resnets.training.checkpoints import clean, load_checkpoint, newest_valid, save_checkpoint

CALLS = ("statvfs", "mkdir", "open", "write", "fsync", "close", "rename", "rmdir", "unlink")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EDQUOT)
STATE = {"loss": 0.1}


@dataclass(frozen=True)
class Fault:
    """What fails.

    Attributes:
        call: of the module os.
        number: of that call, from 0.
        error: its errno.
        lasting: whether every later call of any kind fails as well, as with a disk that is gone.
    """

    call: str
    number: int
    error: int
    lasting: bool = False


@contextmanager
def failing(fault: Fault | None) -> Iterator[Counter[str]]:
    """Let a call fail, or none; gives how often each was made."""
    counts: Counter[str] = Counter()
    originals: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in CALLS}
    broken = False

    def wrap(name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal broken
            number, counts[name] = counts[name], counts[name] + 1
            hit = fault is not None and (fault.call, fault.number) == (name, number)
            if fault is not None and (hit or broken):
                broken = fault.lasting
                if name == "close":
                    originals[name](*args)  # a file whose closing fails is closed all the same
                if name == "write" and hit:
                    originals[name](args[0], args[1][: len(args[1]) // 2])  # half of it is there
                raise OSError(fault.error, os.strerror(fault.error), *args[:1])
            return originals[name](*args, **options)

        return call

    try:
        for name in CALLS:
            setattr(os, name, wrap(name))
        yield counts
    finally:
        for name, original in originals.items():
            setattr(os, name, original)


@dataclass(frozen=True)
class Verdict:
    """What became of a save.

    Attributes:
        fault: what failed in it.
        raised: class of the error; None if the new checkpoint is there all the same.
        problems: how a promise was broken.
    """

    fault: Fault
    raised: str | None
    problems: tuple[str, ...]


def judge(folder: Path, fault: Fault, tensors: Mapping[str, Tensor], *, again: bool) -> Verdict:
    """Save with a fault, where one checkpoint was saved before.

    Args:
        folder: empty or missing.
        fault: what fails.
        tensors: of the new checkpoint.
        again: whether the new checkpoint has the step of the old one.
    """
    before = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    old, new = 1, 1 if again else 2
    save_checkpoint(folder, old, tensors=before, state=STATE)
    raised: str | None = None
    problems = []
    with failing(fault):
        try:
            save_checkpoint(folder, new, tensors=tensors, state=STATE)
        except BaseException as error:
            raised = type(error).__name__
            problems += list(_complaints(error, folder / f"step-{new:08d}", fault, tensors))
    problems += list(_differences(folder, before, tensors, saved=raised is None))
    clean(folder)
    save_checkpoint(folder, 3, tensors=tensors, state=STATE)
    left = [path.name for path in folder.iterdir() if path.name.startswith(".") or ".old" in path.name]
    problems += [f"left behind: {name}" for name in left]
    return Verdict(fault, raised, tuple(problems))


def _complaints(
    error: BaseException, target: Path, fault: Fault, tensors: Mapping[str, Tensor]
) -> Iterator[str]:
    if not isinstance(error, OutputError) or error.exit_code != 5:
        yield f"raised {type(error).__name__}"
    if str(target) not in str(error) or os.strerror(fault.error) not in str(error):
        yield f"the message has no path or no reason: {error}"
    room = sum(tensor.nbytes for tensor in tensors.values())
    numbers = [int(word.replace(",", "")) for word in str(error).split() if word[0].isdigit()]
    if fault.error in (errno.ENOSPC, errno.EDQUOT) and max(numbers, default=0) < room:
        yield f"the message does not say how much room is needed: {error}"


def _differences(
    folder: Path, before: Mapping[str, Tensor], after: Mapping[str, Tensor], *, saved: bool
) -> Iterator[str]:
    found = newest_valid(folder)
    if found is None:
        yield "every checkpoint is lost"
        return
    tensors, state = load_checkpoint(found.path)
    choices = [after] if saved else [before, after]
    equal = [
        tensors.keys() == choice.keys() and all(torch.equal(tensors[n], choice[n]) for n in choice)
        for choice in choices
    ]
    if not any(equal) or state != STATE:
        yield "the checkpoint that is found is not what was saved"
    if list(folder.glob("*.damaged*")):
        yield "a half-written checkpoint had the name of a whole one"


def find_calls(folder: Path, tensors: Mapping[str, Tensor], *, again: bool) -> Counter[str]:
    """How often a save makes each call.

    Args:
        folder: empty or missing.
        tensors: of the new checkpoint.
        again: whether the new checkpoint has the step of the old one.
    """
    save_checkpoint(folder, 1, tensors=tensors, state=STATE)
    with failing(None) as counts:
        save_checkpoint(folder, 1 if again else 2, tensors=tensors, state=STATE)
    return counts


def faults(
    calls: Mapping[str, int], *, once: Sequence[int] = ERRORS, lasting: Sequence[int] = ERRORS
) -> Iterator[Fault]:
    """Every call with every error.

    Args:
        calls: how often a save makes each.
        once: errors after which all works again.
        lasting: errors after which nothing works.
    """
    for name, count in calls.items():
        for number in range(count):
            yield from (Fault(name, number, error) for error in once)
            yield from (Fault(name, number, error, lasting=True) for error in lasting)
