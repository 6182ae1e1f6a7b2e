"""`resnets list --recipes` and `resnets describe RECIPE`."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from resnets import cli
from resnets.config import validate
from resnets.recipes.catalog import find_recipe, list_recipes
from resnets.recipes.settings import TrainingSettings


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_recipes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "list", "--recipes")
    assert (code, err) == (0, "")
    lines = out.split("\n")
    assert [line.split()[0] for line in lines[1 : len(list_recipes()) + 1]] == list_recipes()
    row = next(line for line in lines if line.startswith("resnet_cifar "))
    assert row.split()[:4] == ["resnet_cifar", "CIFAR-10", "resnet20", "8.75"]
    assert "\x1b" not in out


def test_recipes_are_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "list", "strikes*", "--recipes", "--json")
    assert code == 0
    rows = json.loads(out)["recipes"]
    assert [row["name"][-2:] for row in rows] == ["a1", "a2", "a3"]
    assert rows[2]["expected"][0]["top1"] == 21.948


def test_no_such_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "list", "vgg*", "--recipes")
    assert code == 2
    assert err == "resnets: error: no recipe named 'vgg*'. All names: resnets list --recipes\n"


def test_a_recipe_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "describe", "SE-ImageNet")
    assert (code, err) == (0, "")
    assert out.startswith(
        "se_imagenet  | Hu et al. 2017, arXiv:1709.01507  | ImageNet-1k  | seresnet50_v1\n"
    )
    titles = [line.split()[0] for line in out.split("\n") if line[:1].isalpha()]
    assert titles[2:7] == ["source", "command", "cost", "expected", "doubtful"]
    assert "not stated by the source, or recalled: optimizer.weight_decay, optimizer.decay" in out
    assert "23.29   6.62" in out
    written = tomllib.loads(out.partition("# What it sets")[2].partition("\n")[2])
    assert validate(TrainingSettings, written, source="out") == find_recipe("se_imagenet").settings()


def test_a_recipe_and_a_network_are_described_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "describe", "resnet_cifar", "resnet20", "--json")
    assert code == 0
    document = json.loads(out)
    assert [network["name"] for network in document["networks"]] == ["resnet20"]
    assert document["recipes"][0]["settings"]["epochs"] == 164
    assert document["recipes"][0]["documentation"]["Cost"].startswith("2.0 PFLOP")


def test_a_recipe_cannot_be_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "describe", "resnet_cifar", "--draw", str(tmp_path / "net.svg"))
    assert code == 2
    assert err == (
        "resnets: error: 1 problem in the drawing: resnet_cifar is a recipe; draw its network: "
        "resnets describe resnet20\n"
    )


@pytest.mark.parametrize("words", [["list", "--recipes"], ["describe", "fast_cifar"]])
def test_torch_is_not_loaded(words: list[str]) -> None:
    code = (
        "import sys\nfrom resnets.cli import main\n"
        f"code = main({words!r})\n"
        "print(code, 'torch' in sys.modules, 'numpy' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split("\n")[-2] == "0 False False"
