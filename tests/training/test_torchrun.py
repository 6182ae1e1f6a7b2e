"""The command that docs/many.md begins with, as a user types it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
COMMAND = re.findall(r"^torchrun .*$", (ROOT / "docs" / "many.md").read_text("utf-8"), re.MULTILINE)[0]


@pytest.mark.skipif(sys.platform != "linux", reason="gloo")
def test_torchrun(tmp_path: Path) -> None:
    for kind, level in (("cats", 40), ("dogs", 160)):
        folder = tmp_path / "dataset" / kind
        folder.mkdir(parents=True)
        for number in range(15):
            pixels = np.random.default_rng(number).integers(level, level + 60, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    torchrun, *words = shlex.split(COMMAND)
    assert torchrun == "torchrun"
    program = [sys.executable, "-m", "torch.distributed.run", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in range(2):  # given again, it goes on, and there is nothing left to do
        done = subprocess.run(
            program,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert len(re.findall(r"^model   runs/two/model\.safetensors$", done.stdout, re.MULTILINE)) == 1
    assert done.stderr.count("going on in epoch 2") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "runs"]
    refused = subprocess.run(
        [*program, "--lr", "0.5"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert refused.stderr.count("0.5 is asked for") == 1
    assert "resnets: error: " in refused.stderr
    assert "this is a bug" not in refused.stderr
