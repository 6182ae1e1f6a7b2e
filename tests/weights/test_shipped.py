"""The networks in the package: whole, small, described, and the same as when they were measured."""

from __future__ import annotations

import json
import runpy
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from PIL import Image

import resnets
from resnets import cli
from resnets.analysis.contenders import contender
from resnets.data.published import published_datasets
from resnets.errors import ConfigError, UnknownNameError, WeightsError
from resnets.registry import find_architecture
from resnets.reporting.markdown import plain
from resnets.training.model_facts import model_facts
from resnets.weights.catalog import find_weights
from resnets.weights.loading import model_path
from resnets.weights.model_file import read_model
from resnets.weights.safetensors_file import read_header
from resnets.weights.shipped import DEFAULT_MODEL, find_shipped, shipped_file, shipped_models

from .model_files import small_classifier

GOLDEN = Path(__file__).parents[1] / "golden"
DOCS = Path(__file__).parents[2] / "docs"
UPDATE = runpy.run_path(str(GOLDEN / "update_shipped.py"))
EXAMPLES = DOCS.parent / "examples"
FOREIGN = ("cat", "eagle", "rocket")  # it would take them for something else
SHIP = runpy.run_path(str(DOCS / "ship.py"))
MODELS = {model.name: model for model in shipped_models()}
SMALL = "resnet20:cifar10"
NAMED = pytest.mark.parametrize("name", MODELS)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a network connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path))


def test_what_is_in_the_package() -> None:
    assert next(iter(MODELS)) == DEFAULT_MODEL == "resnet18:tiny_imagenet"
    assert {SMALL, "plain20:cifar10", "resnet20:fashion_mnist"} < set(MODELS)
    assert sum(model.num_bytes for model in MODELS.values()) <= 30e6
    assert [model.name for model in shipped_models("resnet20*")] == [SMALL, "resnet20:fashion_mnist"]
    assert [model.name for model in shipped_models("*:CIFAR10")] == ["plain20:cifar10", SMALL]


@NAMED
def test_each_loads_without_network(name: str, no_network: None) -> None:
    model = resnets.load(name)
    assert model.info == MODELS[name].info
    assert find_architecture(model.info.architecture).name == name.partition(":")[0]
    assert resnets.label_set(name.partition(":")[2]).names == model.class_names
    network = resnets.create_model(name, num_classes=3)
    assert network.spec.options.num_classes == 3  # type: ignore[union-attr]
    assert network.training


@NAMED
def test_outputs_are_the_stored_ones(name: str) -> None:
    stored = json.loads((GOLDEN / "shipped_outputs.json").read_text("utf-8"))
    assert stored.keys() == MODELS.keys()
    now = UPDATE["outputs"](resnets.load(name))
    torch.testing.assert_close(
        torch.tensor(now), torch.tensor(stored[name]), rtol=1e-3, atol=2e-3, msg=UPDATE["__doc__"]
    )
    assert torch.tensor(now).std(0).min() > 1e-3  # images make a difference


@NAMED
def test_kernels_are_in_half_precision_and_vectors_are_not(name: str) -> None:
    kinds = {
        (len(entry.shape) > 1, entry.dtype) for entry in read_header(MODELS[name].file).tensors.values()
    }
    assert kinds == {(True, "F16"), (False, "F32"), (False, "I64")}


@NAMED
def test_cards_say_how_it_was_made_and_how_good_it_is(name: str) -> None:
    info = MODELS[name].info
    data = {row.name: row for row in published_datasets()}[name.partition(":")[2]]
    assert info.data is not None
    assert info.licence is not None
    assert info.licence.weights == "Apache-2.0"
    assert data.terms in info.licence.data
    top1, kept = MODELS[name].metric("top1"), MODELS[name].metric("right_kept")
    assert top1 is not None
    assert kept is not None
    assert top1.low is not None
    assert top1.low < top1.value
    assert top1.num_images == 10_000
    assert kept.value == pytest.approx(0.8 if name == DEFAULT_MODEL else 0.9, abs=0.02)
    card = info.card
    for words in (
        f'resnets.load("{name}")',
        info.data.sha256,
        "Started by\n\n```bash\nresnets train ",
        f"\nseed = {info.recipe['seed']}\n",
        "- time: ",
        "- device: ",
        "- software: resnets ",
        f"| recognised (top-1) | {plain(top1.data)} | {100 * top1.value:.1f} % |",
        f"The same figures again:\n\n```bash\nresnets evaluate {name} ",
    ):
        assert words in card, words
    if name.endswith(":cifar10"):
        assert "quality 75" in card
        assert "cost 2.9 points of top-1" in card
    for word in ("/home", "/tmp", "/root"):
        assert word not in info.model_dump_json(), word


def test_the_default_abstains() -> None:
    info = MODELS[DEFAULT_MODEL].info
    threshold = info.abstain_below
    assert threshold is not None
    answers = resnets.load().predict(UPDATE["images"](info.preprocessing.image_size), top=1)
    assert [answer.abstains for answer in answers] == [a.probability < threshold for a in answers]


@pytest.mark.parametrize(
    ("photo", "label"), [("coffee", "espresso"), *((name, None) for name in FOREIGN)]
)
def test_the_default_names_no_example_wrongly(photo: str, label: str | None) -> None:
    answer = resnets.load().predict(EXAMPLES / f"{photo}.jpg", top=1)[0]
    assert (None if answer.abstains else answer.label) == label


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    copy = Path(shutil.copy(MODELS[SMALL].file, tmp_path))
    content = bytearray(copy.read_bytes())
    content[-1000] ^= 1
    copy.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        read_model(copy)
    words = "is damaged: its SHA-256 is not the one that was written"
    assert str(caught.value) == f"{str(copy)!r} {words}"


@pytest.mark.parametrize("name", [SMALL, "ResNet-20:CIFAR10", "resnet_20: cifar10"])
def test_names_are_read_kindly(name: str) -> None:
    assert find_shipped(name) == MODELS[SMALL]
    assert model_path(name) == MODELS[SMALL].file == shipped_file(SMALL)


def test_a_file_of_the_user_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small_classifier().save(SMALL)
    assert resnets.load(SMALL).class_names == ("cat", "dog", "eel")


def test_everything_else_that_takes_a_model_knows_them(tmp_path: Path) -> None:
    facts = model_facts(f"{SMALL},num_classes=3")
    assert (facts.architecture, facts.has_weights, facts.made_for) == ("resnet20", True, 32)
    row = contender(SMALL).row
    assert (row.name, row.image_size, row.reported[0].data) == (SMALL, 32, "cifar10 test")
    with pytest.raises(ConfigError) as caught:
        resnets.calibrate(SMALL, "dataset")
    assert str(caught.value) == (
        f"1 problem in the options: {SMALL} is in the package, and stays as it is: calibrate a copy, made "
        f"by resnets convert {SMALL} FILE.safetensors"
    )
    copy = resnets.convert(SMALL, tmp_path / "copy.safetensors").written
    assert copy is not None
    assert resnets.load(copy).info.metrics == MODELS[SMALL].info.metrics


def test_wrong_tags_name_the_right_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_weights("resnet20:cifar100")
    assert str(caught.value) == (
        "no published weights named 'resnet20:cifar100'. Did you mean 'resnet20:cifar10', "
        "'resnet20:fashion_mnist'? All names: resnets list --weights"
    )
    with pytest.raises(UnknownNameError) as caught:
        find_weights("plain20:x_y_z_of_mine")
    assert str(caught.value) == (
        "no published weights named 'plain20:x_y_z_of_mine'. All names: plain20:cifar10"
    )


def test_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--weights"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(MODELS)]] == list(MODELS)
    assert all("in the package, on " in line for line in lines[1 : 1 + len(MODELS)])
    assert cli.main(["list", "plain20*", "--weights", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in document["shipped"]] == ["plain20:cifar10"]
    assert document["weights"] == []
    assert cli.main(["list", "resnet20*"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "Trained, in the package: resnet20:cifar10  resnet20:fashion_mnist"


def test_the_table_in_the_documents_is_up_to_date() -> None:
    page = (DOCS / "weights.md").read_text("utf-8")
    assert page == SHIP["page"](page), "run: python docs/ship.py"


@pytest.mark.slow
def test_a_run_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for split, count in (("train", 60), ("test", 30)):
        for label in range(2):
            folder = tmp_path / "mine" / split / f"class {label}"
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = random.integers(0, 150, (10, 10, 3), np.uint8)
                pixels[..., label] += random.integers(0, 40, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    settings = resnets.TrainingSettings(model="resnet8", epochs=3, workers=0)
    run = resnets.train(tmp_path / "mine", settings=settings, output="run")
    file = tmp_path / "resnet8-cifar10.safetensors"
    monkeypatch.setitem(SHIP["ship"].__globals__, "shipped_file", lambda _: file)
    found = SHIP["ship"](
        run.folder, "resnet8:cifar10", tmp_path / "mine", command="resnets train mine", called="mine"
    )
    info = resnets.load(file).info
    assert found.calibration is not None
    assert (found.split, found.calibration.fitted_on) == ("test", "val")  # the very val of the run
    assert info.metrics == found.metrics
    assert info.abstain_below == found.conditions.abstain_below
    assert info.licence is not None
    assert info.licence.data.startswith("CIFAR-10: no licence stated")
    assert str(tmp_path) not in info.model_dump_json()
    assert 'resnets.load("resnet8:cifar10")' in info.card
    assert "resnets evaluate resnet8:cifar10 mine --split test" in info.card
    again = resnets.evaluate(file, tmp_path / "mine", split="test", workers=0)
    assert again.top1 == found.top1
    assert again.metric("answered").value == found.metric("answered").value


def test_looking_at_them_loads_no_torch() -> None:
    code = (
        "import sys\nfrom resnets.weights.shipped import shipped_models\nshipped_models()[0].info\n"
        "print([name for name in ('torch', 'numpy', 'PIL') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
