"""The built wheel does its work alone: outside the repository, in an empty home, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnets.weights.shipped import DEFAULT_MODEL, shipped_models

ROOT = Path(__file__).parents[2]
LARGEST_MB = 30  # what people wait for once; the weights are most of it
NO_NETWORK = """
import socket

def refuse(*_arguments, **_options):
    raise OSError("this test has no network")

class Local(socket.socket):
    def connect(self, address):
        return super().connect(address) if self.family == socket.AF_UNIX else refuse()

    connect_ex = connect

socket.socket = Local
socket.getaddrinfo = socket.create_connection = refuse
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built of this repository."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_what_the_wheel_holds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        requires = archive.read(metadata).decode()
    package = {path for path in (ROOT / "src" / "resnets").rglob("*") if path.is_file()}
    expected = {
        path.relative_to(ROOT / "src").as_posix() for path in package if "__pycache__" not in path.parts
    }
    of_metadata = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    assert names - of_metadata == expected
    for model in shipped_models():
        assert f"resnets/weights/shipped/{model.file.name}" in names
    for licence in ("LICENSE", "WORDNET_LICENSE.txt"):
        assert any(name.endswith(licence) for name in of_metadata)
    assert "Requires-Dist: torch>=2.10" in requires
    assert wheel.stat().st_size <= LARGEST_MB * 1e6


@dataclass(frozen=True)
class Installed:
    """An environment that holds the wheel and what it depends on, and a place to work in.

    Attributes:
        program: the command.
        folder: to work in; photos, a data set of two classes.
        home: an empty folder.
    """

    program: Path
    folder: Path
    home: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment as a user would who has nothing else."""
        return subprocess.run(
            [str(self.program.with_name(words[0])), *words[1:]],
            cwd=self.folder,
            env={"HOME": str(self.home), "PATH": os.defpath, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def resnets(self, *words: str) -> str:
        """Run a command; give what it prints."""
        done = self.run("resnets", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in a new environment, which sees other packages of this one but not the repository."""
    folder = tmp_path_factory.mktemp("outside")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    binaries = folder / "env" / "bin"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(binaries / "python"), "install", "--quiet",
         "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    # Files ending in .pth below that folder are not read, so that the editable installation is not seen.
    (packages / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\nimport no_network\n")
    (packages / "no_network.py").write_text(NO_NETWORK)
    work, home = folder / "work", folder / "home"
    work.mkdir()
    home.mkdir()
    generator = np.random.default_rng(0)
    for kind, brightest in (("dark", 100), ("light", 256)):
        (work / "photos" / kind).mkdir(parents=True)
        for i in range(20):
            pixels = generator.integers(0, brightest, (32, 32, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(work / "photos" / kind / f"{i}.png")
    (work / "cat.jpg").write_bytes((ROOT / "examples" / "cat.jpg").read_bytes())
    return Installed(binaries / "resnets", work, home)


def test_the_environment_holds_the_wheel_alone(installed: Installed) -> None:
    code = (
        "import resnets, sys, socket; print(resnets.__file__); print(*sys.path, sep='\\n')\n"
        "try: socket.create_connection(('127.0.0.1', 9))\nexcept OSError as error: print(error)"
    )
    done = installed.run("python", "-c", code)
    first, *path, network = done.stdout.splitlines()
    assert Path(first).is_relative_to(installed.program.parents[1]), done.stderr
    assert not [entry for entry in path if Path(entry).is_relative_to(ROOT / "src")]
    assert network == "this test has no network"


def test_a_photo_without_a_network(installed: Installed) -> None:
    assert DEFAULT_MODEL in installed.resnets("list", "resnet18*", "--weights")
    answers = json.loads(installed.resnets("predict", "cat.jpg", "--json"))
    assert [len(image["classes"]) for image in answers["images"]] == [5]
    assert not list(installed.home.rglob("*.safetensors"))  # nothing was fetched or copied


@pytest.mark.slow
def test_the_first_minute_without_a_network(installed: Installed) -> None:
    assert "parameters 11,689,512" in installed.resnets("describe", "resnet18")
    installed.resnets("explain", "cat.jpg", "--output", "maps")
    with Image.open(installed.folder / "maps" / "cat.gradcam.png") as overlay:
        assert overlay.width > 2 * overlay.height > 0
    names = [model.name for model in shipped_models()]
    table = installed.resnets("compare", *names, "--output", "comparison")
    assert all(name in table for name in names)
    chart = (installed.folder / "comparison" / "chart.svg").read_text("utf-8")
    assert all(name in chart for name in names)


@pytest.mark.slow
def test_a_training_without_a_network(installed: Installed) -> None:
    words = ("--model", "resnet8", "--epochs", "2", "--batch-size", "8", "--output", "run")
    assert "report  run/report.html" in installed.resnets("train", "photos", *words)
    report = (installed.folder / "run" / "report.html").read_text("utf-8")
    assert "resnet8 on <bdi>photos</bdi>" in report
    found = json.loads(installed.resnets("evaluate", "run", "photos", "--json"))
    assert (found["num_images"], found["num_classes"]) == (8, 2)  # a fifth, set aside by the training
    answers = json.loads(installed.resnets("predict", "photos/dark", "--model", "run", "--json"))
    assert {c["label"] for image in answers["images"] for c in image["classes"]} == {"dark", "light"}


@pytest.mark.slow
def test_its_own_dependencies_are_enough(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python, program = (environment / "bin" / name for name in ("python", "resnets"))
    constraints = str(ROOT / "constraints.txt")
    install = [str(python), "-m", "pip", "install", "--quiet", "--constraint", constraints, str(wheel)]
    subprocess.run(install, check=True, cwd=tmp_path, capture_output=True)
    for number in range(16):
        folder = tmp_path / "photos" / ("dark" if number % 2 else "light")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 100, (16, 16, 3), np.uint8)
        Image.fromarray(pixels + np.uint8(100 * (number % 2 == 0))).save(folder / f"{number}.png")
    photo = "photos/dark/1.png"
    for words in (
        ["list"],
        ["describe", "resnet50"],
        ["predict", photo],
        ["explain", photo, "--output", "maps"],
        ["compare", "--output", "rivals"],
        ["train", "photos", "--epochs", "1", "--output", "run"],
        ["evaluate", "run", "photos"],
        ["compare", "run", "run/model.safetensors", "--data", "photos"],
    ):
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RESNETS_CACHE": str(tmp_path / "c")}
        done = subprocess.run(
            [program, *words], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (words, done.stderr)
    assert (tmp_path / "run" / "report.html").is_file()
