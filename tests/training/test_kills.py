"""Trainings that are killed: a short form of reliability/kill_training.py, which kills 1,000 times."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.training.killed_runs import EVERY_STEPS, Tally, Trial


def disturb(folder: Path, kind: str, *, epochs: int, kills: int) -> Tally:
    tally = Tally()
    Trial(folder, kind, epochs=epochs).disturbed(random.Random(0), tally, kills=kills)
    assert not tally.lost
    assert not tally.different
    assert tally.ended == 1
    assert tally.most_steps <= EVERY_STEPS
    return tally


def test_a_killed_run_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    assert disturb(tmp_path, "arrays", epochs=2, kills=2).kills


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["arrays", "files"])
def test_fifteen_kills_change_nothing(tmp_path: Path, kind: str) -> None:
    tally = disturb(tmp_path, kind, epochs=6, kills=15)
    assert tally.kills >= 5
    assert tally.inside
