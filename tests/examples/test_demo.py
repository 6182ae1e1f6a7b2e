"""The demo: its data are what they claim to be, and its page needs nothing else."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import resnets
from resnets.data.published import find_published
from resnets.errors import OutputError

EXAMPLES = Path(__file__).parents[2] / "examples"
DATA = EXAMPLES / "data" / "fashion_mnist_10k.npz"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("demo")


@pytest.fixture
def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("drawing", EXAMPLES / "data" / "draw_fashion_mnist.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_data_are_as_documented(drawing: ModuleType) -> None:
    readme = (EXAMPLES / "data" / "README.md").read_text("utf-8")
    with np.load(DATA) as arrays:
        assert drawing.digest(dict(arrays)) in readme
    assert hashlib.sha256(DATA.read_bytes()).hexdigest() in readme
    assert DATA.stat().st_size < 5e6
    dataset = resnets.open_dataset(DATA)
    assert dataset.class_names == resnets.label_set("fashion_mnist").names
    counts = {name: np.bincount(split.labels).tolist() for name, split in dataset.splits.items()}
    assert counts == {"train": [800] * 10, "test": [200] * 10}
    assert "Copyright (c) 2017 Zalando SE" in (DATA.parent / "LICENSE-fashion-mnist.txt").read_text()


@pytest.mark.skipif(not find_published("fashion_mnist"), reason="the whole of Fashion-MNIST is not here")
def test_the_data_can_be_drawn_again(drawing: ModuleType) -> None:
    drawn = drawing.arrays("fashion_mnist")
    with np.load(DATA) as arrays:
        assert drawing.digest(drawn) == drawing.digest(dict(arrays))


def test_a_folder_of_something_else_stays(demo: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(OutputError) as caught:
        demo.prepare(tmp_path)
    assert str(caught.value) == (
        f"'{tmp_path}' is not empty, and no earlier demo made it: name a new folder, as in "
        "python examples/demo.py my-demo"
    )


def test_an_earlier_demo_gives_way(demo: ModuleType, tmp_path: Path) -> None:
    demo.prepare(tmp_path / "demo")
    (tmp_path / "demo" / "training").mkdir()
    (tmp_path / "demo" / "index.html").write_text("old")
    (tmp_path / "demo" / "mine.txt").write_text("kept")
    demo.prepare(tmp_path / "demo")
    assert [path.name for path in sorted((tmp_path / "demo").iterdir())] == [demo.MARKER, "mine.txt"]


def test_a_folder_that_cannot_be_made(
    demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert demo.demo(tmp_path / "file" / "demo") == 5
    assert capsys.readouterr().err == (
        f"demo: error: cannot write into '{tmp_path / 'file' / 'demo'}': Not a directory\n"
    )


def test_a_stopped_demo_says_how_to_go_on(
    demo: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(demo, "main", lambda words: 130)
    assert demo.demo(tmp_path / "demo") == 130
    assert capsys.readouterr().err == "demo: stopped; the same command starts it again\n"


@pytest.fixture
def few_pictures(demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo with two photos, few pictures of clothes and one epoch, in a folder of its own."""
    with np.load(DATA) as arrays:
        few = {name: arrays[name][:200] for name in arrays.files}
    np.savez(tmp_path / "clothes.npz", **few)
    for photo in ("cat.jpg", "rocket.jpg"):
        shutil.copy(EXAMPLES / photo, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "DATA", "clothes.npz")
    monkeypatch.setattr(demo, "PHOTOS", ["cat.jpg", "rocket.jpg"])
    monkeypatch.setattr(demo, "EPOCHS", 1)
    return tmp_path


def test_the_demo_from_top_to_bottom(
    demo: ModuleType, few_pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.demo(Path("demo")) == 0
    said = capsys.readouterr().out
    for command in ("predict", "explain", "compare", "train", "evaluate"):
        assert f"\n$ resnets {command} " in said
    *_, last = said.rstrip().split("Now with your own pictures")
    assert [line.split()[1] for line in last.splitlines()[1:]] == ["train", "predict", "evaluate"]
    page = (few_pictures / "demo" / "index.html").read_text("utf-8")
    outer = re.sub(r' srcdoc="[^"]*"', "", page)
    assert not re.findall(r'(?:src|href)="(?!data:image/|#|training/report\.html")[^"]*"', outer)
    assert page.count("data:image/jpeg") >= 4
    for words in (
        "resnet18:tiny_imagenet",
        "plain20:cifar10",
        "this run",
        "from the card",
        "200 others",
    ):
        assert words in outer
    assert "&lt;h1&gt;resnet8 on" in page  # the report, inside
    assert (few_pictures / "demo" / "training" / "report.html").exists()
    assert len(list((few_pictures / "demo" / "explanations").glob("*.png"))) == 2
