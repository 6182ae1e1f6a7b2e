"""`resnets data pack` and then `resnets train`: the training reads what was packed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnets import cli

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes without splits; one photo is there twice, which the check keeps on one side."""
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    for number in range(20):
        small = generator.integers(0, 256, (6, 8, 3), np.uint8)
        path = tmp_path / "photos" / ("cats", "dogs")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC).save(path, quality=95)
    for copy in ("x", "y", "z"):
        (path.parent / f"{copy}.jpg").write_bytes(path.read_bytes())
    return tmp_path / "photos"


TINY = "resnet18,depths=1-1-1-1,widths=8-16-32-64"  # of ImageNet, for large images
SIZE_96 = ["--set", "preprocessing.image_size=96"]
SMALL = ["--set", "preprocessing.image_size=32"]


@pytest.mark.parametrize(
    ("pack_options", "train_options", "sides", "train_size"),
    [
        ([], [], (128, 128), 128),
        (["--size", "96"], SIZE_96, (96, 110), 110),
        ([*SMALL, "--set", "seed=5"], [*SMALL, "--seed", "5"], (32, 32), None),
    ],
)
def test_training_reads_what_was_packed(
    photos: Path,
    capsys: Capture,
    pack_options: list[str],
    train_options: list[str],
    sides: tuple[int, int],
    train_size: int | None,
) -> None:
    both = ["--model", TINY, "--device", "cpu"]
    assert cli.main(["data", "pack", str(photos), *both, *pack_options, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    policy = document["policy"]
    shown = policy["preprocessing"]
    assert (shown["image_size"], shown["resize_size"]) == sides
    assert policy["train_size"] == train_size
    assert document["num_images"] == 23
    words = [*both, *train_options, "--epochs", "1", "--output", str(photos.parent / "run")]
    assert cli.main(["train", str(photos), *words]) == 0
    assert f"note: images come from the packed file {document['path']}\n" in capsys.readouterr().err
