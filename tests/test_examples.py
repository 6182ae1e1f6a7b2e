"""The examples run, and an architecture from outside the package is known to every command."""

from __future__ import annotations

import gzip
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import resnets

EXAMPLES = Path(__file__).parent.parent / "examples"


def run_with_plugin(folder: Path, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a package installed that offers `module` as an entry point."""
    metadata = folder / "outside-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[resnets.architectures]\nouts = {module}\n")
    return subprocess.run(
        [sys.executable, "-m", "resnets", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )


def test_an_architecture_from_outside_is_known_to_the_command(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text((EXAMPLES / "own_architecture.py").read_text())
    listed = run_with_plugin(tmp_path, "outside", "list", "scaled*")
    assert listed.returncode == 0, listed.stderr
    assert "scaled_resnet20  scaled_resnet" in listed.stdout
    described = run_with_plugin(tmp_path, "outside", "describe", "scaled_resnet20")
    assert described.returncode == 0, described.stderr
    assert "f(ScaledAdd(x, F(x)))" in described.stdout
    assert "parameters 272,483" in described.stdout  # resnet20 with option B and one scale per unit


@pytest.mark.parametrize("code", ["raise RuntimeError('broken')", "import nothing_of_that_name"])
def test_a_broken_package_does_not_take_the_rest_down(tmp_path: Path, code: str) -> None:
    (tmp_path / "outside.py").write_text(code)
    done = run_with_plugin(tmp_path, "outside", "list", "resnet50")
    assert done.returncode == 0
    assert "resnet50" in done.stdout
    assert "the architectures of 'outside' could not be loaded: " in done.stderr


@pytest.fixture
def few_pictures(tmp_path: Path) -> Path:
    """A folder like Fashion-MNIST's, with few random pictures."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 64), ("t10k", 40)):
        pixels = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8).tobytes()
        labels = generator.integers(0, 10, count, dtype=np.uint8).tobytes()
        (tmp_path / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(16) + pixels))
        (tmp_path / f"{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(8) + labels))
    return tmp_path


@pytest.mark.parametrize(
    ("example", "options", "said"),
    [
        (
            "row_by_row",
            ["--images", "64", "--layers", "2"],
            "2 recurrent layers with shortcuts: accuracy ",
        ),
        (
            "segment_foreground",
            ["--images", "32", "--depth", "8"],
            "U-Net on resnet8, with shortcuts: mean",
        ),
    ],
)
def test_training_examples(few_pictures: Path, example: str, options: list[str], said: str) -> None:
    command = [
        sys.executable,
        str(EXAMPLES / f"{example}.py"),
        str(few_pictures),
        "--epochs",
        "1",
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith(said)
    assert "without shortcuts: " in second


def test_the_bare_loop_does_what_train_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = np.random.default_rng(0)
    for place in ("train/dark", "train/light", "val/dark", "val/light"):
        (tmp_path / "squares" / place).mkdir(parents=True)
        for i in range(20):
            pixels = generator.integers(0, 256 if "light" in place else 200, (32, 32, 3)).astype(
                np.uint8
            )
            Image.fromarray(pixels).save(tmp_path / "squares" / place / f"{i}.png")
    monkeypatch.syspath_prepend(EXAMPLES)
    bare_loop = importlib.import_module("bare_loop")
    output = tmp_path / "model.safetensors"
    words = ["bare_loop", str(tmp_path / "squares"), "--epochs", "2", "--output", str(output)]
    monkeypatch.setattr(sys, "argv", words)
    bare_loop.main()
    settings = bare_loop.recipe(tmp_path / "squares", epochs=2)
    run = resnets.train(output=tmp_path / "run", settings=settings, check=False)
    losses = [float(loss) for loss in re.findall(r"loss (\S+)", capsys.readouterr().out)]
    assert losses == pytest.approx([record.train_loss for record in run.history], abs=1e-5)
    ours, theirs = resnets.load(output), resnets.load(run.model)
    assert ours.class_names == theirs.class_names == ("dark", "light")
    weights = theirs.network.state_dict()
    for name, tensor in ours.network.state_dict().items():
        assert torch.allclose(tensor, weights[name], atol=1e-4), name
