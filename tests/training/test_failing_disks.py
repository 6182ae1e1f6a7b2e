"""A disk that fails in a save: a short form of reliability/fail_writes.py."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from tests.training.failing_calls import CALLS, ERRORS, faults, find_calls, judge


@pytest.mark.parametrize("again", [False, True], ids=["new step", "same step"])
def test_no_failure_of_the_disk_loses_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, again: bool
) -> None:
    caplog.set_level("ERROR")
    monkeypatch.setattr(os, "fsync", lambda _: None)  # what works need not be slow
    tensors = {"weight": torch.randn(100)}
    calls = find_calls(tmp_path / "calls", tensors, again=again)
    assert all(calls[name] for name in set(CALLS) - {"rmdir", "unlink"})
    raised = 0
    once = ERRORS if again else [errno.ENOSPC]  # replacing makes every call that a first save makes
    for number, fault in enumerate(faults(calls, once=once, lasting=[errno.EIO])):
        verdict = judge(tmp_path / str(number), fault, tensors, again=again)
        assert not verdict.problems, (fault, verdict)
        raised += verdict.raised is not None
    assert raised >= (len(once) + 1) * sum(
        calls[name] for name in ("statvfs", "mkdir", "write", "fsync")
    )
