"""Processes that are killed: a short form of reliability/kill_processes.py, which kills 100 times."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.training.killed_processes import EVERY_STEPS, train_undisturbed, train_with_kills


@pytest.mark.skipif(sys.platform != "linux", reason="forks, and gloo")
def test_a_killed_process_changes_nothing(tmp_path: Path) -> None:
    reference = train_undisturbed(tmp_path, processes=2, epochs=8)
    counted = train_with_kills(tmp_path, reference, processes=2, epochs=8, kills=2, seed=0)
    assert counted.count
    assert not counted.different
    assert counted.most_steps <= EVERY_STEPS
