"""Commands of the documents that take hours, downloads or a choice: as far as they go without these.

Those that train stop before the first step (`--dry-run`), all others run to their end. Small folders
stand for the data sets and small files for the models; published weights are random. Commands that cannot
run even so are only parsed, and `ONLY_PARSED` names them.
"""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
import typer
from PIL import Image

import resnets
from resnets import cli
from resnets.architectures import creation
from resnets.errors import CheckFailedError
from resnets.recipes.toml_files import read_settings
from resnets.training.memory import MemoryEstimate
from resnets.weights.catalog import PublishedWeights
from tests.analysis.recommended import known_speed
from tests.test_docs import PAGES, ROOT, blocks

PLACEHOLDERS = {
    "resnets describe NAME": {"NAME": "resnet50"},
    "resnets describe NAME --units": {"NAME": "resnet50"},
    "resnets evaluate NAME dataset/": {"NAME": "runs/train/pets"},
    "resnets train DATA --recipe NAME": {"DATA": "cifar10", "NAME": "fast_cifar"},
    "resnets train dataset --model NAME:WEIGHTS": {"NAME:WEIGHTS": "resnet18:torchvision_v1"},
}
ONLY_PARSED = {
    "resnets convert NAME": "a checkpoint of another library",
    "resnets convert NAME.h5 out.safetensors": "a file of classification_models",
    "resnets convert NAME.h5 pets.safetensors --classes NAME.txt": "a file of Keras",
    "resnets data download NAME": "a download",
    "resnets train --output NAME --resume": "a training that was interrupted",
}
DATA = {
    "dataset": ("cats", "dogs"),
    "photos": ("cats", "dogs"),
    "cifar10": ("airplane", "frog"),
    "CIFAR-10-images": ("airplane", "frog"),
    "fashion_mnist": ("Bag", "Trouser"),
    "tiny_imagenet": ("n01443537", "n02124075"),
    "imagenet": ("n01440764", "n02119789"),
    "IMAGENET": ("n01440764", "n02119789"),
}
MODELS = ("runs/train/pets/model", "runs/train/pets-2/model", "resnet50")


def found_commands() -> list[str]:
    in_blocks = (
        # A column may name the program, and a launcher start it.
        re.search(r"^(?:resnets  +|.*torchrun .* -m )?(resnets \w.*)", line.strip())
        for page in PAGES
        for block in blocks(page, "text")
        for line in re.sub(r"\\\n\s*", "", block).split("\n")
    )
    in_lines = (
        line for page in PAGES for line in re.findall(r"`(resnets \w[^`]*)`", page.read_text("utf-8"))
    )
    return sorted(
        {match[1] for match in in_blocks if match} | {line for line in in_lines if "NAME" in line}
    )


def parse(words: list[str]) -> dict[str, Any]:
    """What the parser of a verb makes of its words; errors are click's own."""
    command: Any = typer.main.get_command(cli.app)
    context = command.make_context("resnets", words)
    while hasattr(command, "resolve_command"):  # a group of verbs
        _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(command.name, list(words), parent=context)
    return dict(context.params)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has what the commands name, and little of it."""
    root = tmp_path_factory.mktemp("workplace")
    for name, classes in DATA.items():
        for number, label in enumerate(classes):
            for split, count in (("train", 6), ("val", 2), ("test", 2)):
                (root / name / split / label).mkdir(parents=True)
                for i in range(count):
                    draws = np.random.default_rng([number, i, count, split == "val"])
                    pixels = draws.integers(0, 256, (32, 32, 3), np.uint8)
                    Image.fromarray(pixels).save(root / name / split / label / f"{i}.png")
    torch.manual_seed(0)
    for name in MODELS:
        path = root / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        resnets.Classifier.from_network(
            resnets.create_model("resnet8", num_classes=2),
            class_names=["cats", "dogs"],
            preprocessing=resnets.Preprocessing(image_size=32),
        ).save(path)
    resnets.export(root / "runs/train/pets")
    return root


@pytest.fixture
def little(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No downloads, and nothing is measured."""
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    estimate = MemoryEstimate(2**20, 0, 0, 0, 0, 0, 0)
    monkeypatch.setattr("resnets.training.planning.expected_memory", lambda *_: estimate)
    known_speed(monkeypatch)

    def random_weights(row: PublishedWeights, **_: object) -> torch.nn.Module:
        return creation.create_model(row.architecture, **row.options)

    for module in ("loading", "pretrained"):
        monkeypatch.setattr(f"resnets.weights.{module}.read_published", random_weights)


def shortened(command: str, words: list[str]) -> list[str]:
    """The same command, on a few images and for a moment."""
    for placeholder, value in PLACEHOLDERS.get(command, {}).items():
        words = [value if word == placeholder else word for word in words]
    words = [re.sub(r"^/(data|shared)/", "", word) for word in words]  # disks of other machines
    verb = words[0]
    if "--find-lr" in words:
        return [*words, "--model", "resnet8", "--batch-size", "2", "--workers", "0", "--no-check"]
    if verb == "train":
        return [*words, "--dry-run", "--no-check"]
    if verb == "recommend":
        return [*words, "--budget", "0.01", "--weights", "none"]
    if verb == "compare":
        return [*words, "--no-speed", "--workers", "0"]
    return [*words, "--workers", "0"] if verb == "evaluate" else words


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("command", [line for line in found_commands() if line not in ONLY_PARSED])
def test_long_commands_run_as_far_as_they_go(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command)[1:]
    code = cli.main(shortened(command, words))
    said = capsys.readouterr()
    # Random weights do not reach what is asked for.
    assert code == (CheckFailedError.exit_code if "--min-top1" in words else 0), said.err


@pytest.mark.parametrize("command", sorted(ONLY_PARSED))
def test_the_others_are_parsed(command: str) -> None:
    assert command in found_commands(), "no document has it any more"
    assert parse(shlex.split(command)[1:])


@pytest.mark.parametrize("words", [["train", "x", "--recpie", "y"], ["data", "dwnload", "x"]])
def test_parsing_notices_mistakes(words: list[str]) -> None:
    with pytest.raises(Exception, match="No such"):
        parse(words)


def test_targets_and_extras_exist() -> None:
    pages = "\n".join(page.read_text("utf-8") for page in PAGES)
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([\w-]+)", pages, re.MULTILINE)) <= targets
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {name for names in re.findall(r"resnets\[([\w,]+)\]", pages) for name in names.split(",")}
    assert extras <= set(project["optional-dependencies"])


def scripts() -> Iterator[str]:
    for page in PAGES:
        yield from re.findall(r"`(?:python|pytest) ([\w/]+\.py[^`]*)`", page.read_text("utf-8"))


@pytest.mark.parametrize("command", sorted(set(scripts())))
def test_scripts_know_their_words(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *words = shlex.split(command)
    script = ROOT / name
    assert script.is_file()
    if "ArgumentParser(" not in script.read_text("utf-8"):
        assert not words
        return
    parsed: list[argparse.Namespace] = []
    real = argparse.ArgumentParser.parse_args

    def only_parse(parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parsed.append(real(parser, words))
        raise KeyboardInterrupt

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", only_parse)
    monkeypatch.syspath_prepend(script.parent)
    monkeypatch.setattr(sys, "argv", [name, *words])
    with pytest.raises(KeyboardInterrupt):
        runpy.run_path(str(script), run_name="__main__")
    assert len(parsed) == 1


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "toml")], ids=lambda page: page.name
)
def test_settings_in_documents_are_known(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "toml"):
        if "project" not in tomllib.loads(block):  # the pyproject.toml of a plug-in
            (tmp_path / "my.toml").write_text(block, "utf-8")
            read_settings(tmp_path / "my.toml")
