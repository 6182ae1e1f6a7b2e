"""The documents: every command and example in them runs, and what is generated is up to date."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import resnets
from resnets import cli

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
STORIES = ("README.md", "train.md", "tutorial.md")  # each block needs what those before it have made
ELSEWHERE = ("pip install", "make ")  # commands about the installation itself


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def lines(block: str) -> list[str]:
    return [
        line.strip() for line in block.split("\n") if line.strip() and not line.startswith(ELSEWHERE)
    ]


def commands() -> list[tuple[str, str]]:
    found = [
        (page.name, line)
        for page in PAGES
        if page.name not in STORIES
        for block in blocks(page, "bash")
        for line in lines(block)
    ]
    inline = [
        (page.name, line)
        for page in PAGES
        for line in re.findall(r"`(resnets \w[^`]*)`", page.read_text())
    ]
    return sorted({*found, *[(page, line) for page, line in inline if "NAME" not in line]})


@pytest.fixture
def users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the documents assume: a photo, a folder of photos, a model file."""
    (tmp_path / "photos").mkdir()
    for photo in (ROOT / "examples").glob("*.jpg"):
        shutil.copy(photo, tmp_path / "photos")
    shutil.copy(ROOT / "examples" / "cat.jpg", tmp_path / "photo.jpg")
    torch.manual_seed(0)
    resnets.Classifier.from_network(
        resnets.create_model("resnet20"),
        class_names=resnets.label_set("cifar10").names,
        preprocessing=resnets.Preprocessing(image_size=32),
    ).save(tmp_path / "model.safetensors")
    for split in ("train", "val"):
        for number, kind in enumerate(("cats", "dogs")):
            (tmp_path / "dataset" / split / kind).mkdir(parents=True)
            for i in range(4):
                seed = 100 * number + 10 * i + (split == "val")
                pixels = np.random.default_rng(seed).integers(0, 256, (40, 48, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / "dataset" / split / kind / f"{i}.png")
    resnets.Classifier.from_network(
        resnets.create_model("resnet20", num_classes=2),
        class_names=["cats", "dogs"],
        preprocessing=resnets.Preprocessing(image_size=32),
    ).save(tmp_path / "pets.safetensors")
    theirs = resnets.to_layout(resnets.create_model("resnet18", num_classes=2), "torchvision")
    torch.save({"state_dict": theirs}, tmp_path / "checkpoint.pth")
    (tmp_path / "names.txt").write_text("cat\ndog\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("page", "command"), commands())
def test_commands_in_documents_run(page: str, command: str, users_folder: Path) -> None:
    program, *words = shlex.split(command)
    assert program == "resnets"
    assert cli.main(words) == 0


@pytest.mark.parametrize(
    ("page", "number"),
    [
        (page, i)
        for page in PAGES
        if page.name not in STORIES
        for i in range(len(blocks(page, "python")))
    ],
)
def test_examples_in_documents_run(
    page: Path, number: int, users_folder: Path, restored_registry: None
) -> None:
    exec(compile(blocks(page, "python")[number], str(page), "exec"), {})  # our own text


@pytest.mark.parametrize("name", STORIES)
def test_stories_run_from_top_to_bottom(name: str, users_folder: Path) -> None:
    page = next(page for page in PAGES if page.name == name)
    for block in re.findall(r"^(```(?:bash|python)\n.*?)^```", page.read_text("utf-8"), re.M | re.S):
        language, _, text = block.removeprefix("```").partition("\n")
        if language == "python":
            exec(compile(text, str(page), "exec"), {})  # our own text
            continue
        for command in lines(text):
            program, *words = shlex.split(command)
            assert program == "resnets"
            assert cli.main(words) == 0, command


def fragment(number: int, **names: Any) -> dict[str, Any]:
    """Run a piece of habits.md that is no whole program, among the names that it takes for granted."""
    page = ROOT / "docs" / "habits.md"
    pieces = blocks(page, "py")
    assert len(pieces) == 3, "two below, the third in tests/parity/test_other_habits.py"
    exec(compile(pieces[number], str(page), "exec"), names)  # our own text
    return names


class Untrained(resnets.ResNetClassifier):
    """Always gives the same answer: searches try many, and only their way through is looked at."""

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's name
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        return np.full(len(X), self.classes_[0])


def test_the_grid_search_of_the_habits_runs() -> None:
    names = fragment(
        0, classifier=Untrained("resnet8"), images=np.zeros((9, 8, 8)), labels=np.arange(9) % 3
    )
    assert names["search"].best_params_ == {"learning_rate": 0.01, "model": "resnet8"}


def test_the_methods_for_lightning_run() -> None:
    names = fragment(1, torch=torch, nn=torch.nn)
    module = SimpleNamespace(network=torch.nn.Linear(2, 3), factor=lambda _: 0.5)
    batch = torch.ones(4, 2), torch.arange(4) % 3
    names["training_step"](module, batch, 0).backward()
    made = names["configure_optimizers"](module)
    assert made["optimizer"].param_groups[0]["lr"] == 0.05


def generator(name: str) -> ModuleType:
    """The script in docs/ that writes pages."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_names_is_up_to_date() -> None:
    written = (ROOT / "docs" / "architectures.md").read_text("utf-8")
    assert written == generator("tables").architectures_page(), "run: python docs/tables.py"


def test_the_page_of_settings_is_up_to_date() -> None:
    written = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert written == generator("settings").settings_page(), "run: python docs/settings.py"


def test_the_page_of_promises_is_up_to_date() -> None:
    written = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    assert written == generator("reliability").reliability_page(), "run: python docs/reliability.py"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "reliability" / "results").glob("*.json")), ids=lambda path: path.stem
)
def test_promises_are_complete_and_kept(path: Path) -> None:
    run = json.loads(path.read_text("utf-8"))
    parts = ("title", "promise", "command", "seed", "count", "unit", "date", "machine", "figures")
    assert set(run) == {*parts, "tables", "remarks"}
    for figure in run["figures"]:
        assert figure["met"] == (generator("reliability").keeps(figure) if figure["bound"] else None)
        assert figure["met"] is not False, figure


def test_the_pictures_are_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = generator("tables")
    shutil.copytree(ROOT / "docs" / "images", tmp_path / "images")
    monkeypatch.setattr(module, "DOCS", tmp_path)
    module.write_all()
    for picture in (ROOT / "docs" / "images").glob("*.svg"):
        drawn = (tmp_path / "images" / picture.name).read_text("utf-8")
        assert drawn == picture.read_text("utf-8"), "run: python docs/tables.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_contributing_is_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").split("\n")) < 60
