"""Names and shapes of parameters and buffers are what they were."""

from __future__ import annotations

import difflib
import runpy
from pathlib import Path

import pytest

import resnets

GOLDEN = Path(__file__).parents[1] / "golden"
UPDATE = runpy.run_path(str(GOLDEN / "update_names.py"))
HASHES = {
    line.split()[1]: line.split()[0]
    for line in (GOLDEN / "names.sha256").read_text("utf-8").splitlines()
}
ADVICE = (
    "Names and shapes of parameters and buffers are public API: saved weights are found by them. If "
    "the change is meant, add an entry to CHANGELOG.md and a rule that renames the tensors of older "
    "files, then run: python tests/golden/update_names.py"
)


@pytest.mark.parametrize("file", UPDATE["LISTED"])
def test_names_are_the_golden_ones(file: str) -> None:
    golden = (GOLDEN / "names" / f"{file}.txt").read_text("utf-8").splitlines()
    now = UPDATE["listing"](*UPDATE["LISTED"][file]).splitlines()
    changes = list(difflib.unified_diff(golden, now, "golden", "now", lineterm="", n=0))
    assert not changes, "\n".join([f"{file}: {ADVICE}", *changes[:20]])


@pytest.mark.parametrize("name", resnets.list_models())
def test_hashes_are_the_golden_ones(name: str) -> None:
    assert name in HASHES, f"{name} is new: run python tests/golden/update_names.py"
    assert UPDATE["digest"](name) == HASHES[name], f"{name}: {ADVICE}"


def test_no_golden_list_is_forgotten() -> None:
    assert {path.stem for path in (GOLDEN / "names").glob("*.txt")} == set(UPDATE["LISTED"])
    gone = set(HASHES) - set(resnets.list_models())
    assert not gone, f"{sorted(gone)} left the registry. {ADVICE}"
