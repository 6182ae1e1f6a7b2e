"""The examples for users of Lightning, Accelerate, torchvision and timm do what they say."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import resnets

pytestmark = pytest.mark.parity
EXAMPLES = Path(__file__).parents[2] / "examples"

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run an example here: torchvision may need what conftest.py does for it."""

    def run_example(name: str, *words: object) -> str:
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        module.main()
        return capsys.readouterr().out

    return run_example


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Dark and light squares, which any training tells apart."""
    generator = np.random.default_rng(0)
    for split, number in (("train", 40), ("val", 10)):
        for name, low in (("dark", 0), ("light", 160)):
            folder = tmp_path / "squares" / split / name
            folder.mkdir(parents=True)
            for i in range(number):
                pixels = generator.integers(low, low + 90, (32, 32, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return tmp_path / "squares"


@pytest.mark.usefixtures("torchvision")
@pytest.mark.parametrize("library", ["lightning", "accelerate"])
def test_other_loops(run: Run, squares: Path, tmp_path: Path, library: str) -> None:
    pytest.importorskip(library)
    output = tmp_path / "model.safetensors"
    said = run(f"with_{library}", squares, "--epochs", 4, "--output", output)
    assert "validation: 100.0% recognised" in said
    dark = resnets.load(output).predict(squares / "val" / "dark" / "0.png")
    assert dark[0].label == "dark"


@pytest.mark.usefixtures("torchvision", "timm")
def test_their_classes(run: Run, tmp_path: Path) -> None:
    resnets.Classifier.from_network(
        resnets.create_model("resnet18", num_classes=3),
        class_names=("a", "b", "c"),
        preprocessing=resnets.Preprocessing(),
    ).save(tmp_path / "model.safetensors")
    for words in ((), (tmp_path / "model.safetensors",)):
        found = re.findall(r"(\w+): largest difference (\S+)", run("their_classes", *words))
        assert [library for library, _ in found] == ["torchvision", "timm"]
        assert all(float(difference) < 1e-5 for _, difference in found)


def test_the_twin_in_the_documents(torchvision: ModuleType) -> None:
    page = EXAMPLES.parent / "docs" / "habits.md"
    (piece,) = re.findall(r"^```py\n(twin = .*?)^```", page.read_text("utf-8"), re.M | re.S)
    weights = resnets.to_layout(resnets.create_model("resnet18", num_classes=5), "torchvision")
    names = {"torchvision": torchvision, "for_torchvision": weights}
    exec(compile(piece, str(page), "exec"), names)  # our own text
    twin: Any = names["twin"]
    assert torch.equal(twin.fc.weight, weights["fc.weight"])
