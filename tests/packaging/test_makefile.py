from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("target", ["demo", "setup"])
def test_an_old_python_is_told_in_one_line(tmp_path: Path, target: str) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    # A make that runs the tests would number its own lines 'make[1]', and hand its options down.
    outside_make = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    # `false` answers to everything as an old Python does to the question for its version.
    done = subprocess.run(
        ["make", target, "PYTHON=false"],
        cwd=tmp_path,
        env=outside_make,
        capture_output=True,
        text=True,
        check=False,
    )
    first, *rest = done.stderr.splitlines()
    assert first == f"This needs Python 3.11 or newer: make {target} PYTHON=python3.12"
    assert all(line.startswith("make: *** ") for line in rest)
    assert (done.returncode, done.stdout) == (2, "")
    assert not (tmp_path / ".venv").exists()
