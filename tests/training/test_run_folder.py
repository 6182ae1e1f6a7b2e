"""The folder of a run: nobody else's is touched, and what is in it can be read at any moment."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch
from tests.training.events import epoch_record, step_progress

from resnets.data.findings import Example, Finding
from resnets.errors import Interrupted, OutputError, WeightsError
from resnets.recipes.settings import TrainingSettings
from resnets.training.data_manifest import write_groups
from resnets.training.events import RunStarted
from resnets.training.run_folder import RunFolder
from resnets.training.run_places import folder_name, refuse_run_in_data


@pytest.fixture
def users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(kind: type[Exception], text: str) -> pytest.RaisesExc[Exception]:
    return pytest.raises(kind, match=f"^{re.escape(text)}$")


def test_runs_are_numbered(users_folder: Path) -> None:
    names = []
    for _ in range(3):
        with RunFolder.create(None, name="my photos") as run:
            names.append(run.path)
            assert run.checkpoints.is_dir()
    runs = Path("runs/train")
    assert names == [runs / "my-photos", runs / "my-photos-2", runs / "my-photos-3"]
    (runs / "my-photos-2" / "checkpoints").rmdir()
    (runs / "my-photos-2" / ".lock").unlink()
    (runs / "my-photos-2").rmdir()
    (runs / "my-photos-11").write_text("a file is in the way, too")
    (runs / "my-photos-12b").mkdir()
    with RunFolder.create(None, name="my photos") as run:
        assert run.path == runs / "my-photos-12"


def test_no_run_lies_in_its_data(users_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = users_folder / "my photos"
    (photos / "cats").mkdir(parents=True)
    refuse_run_in_data(None, photos)
    refuse_run_in_data(Path("run"), photos)
    with refusal(
        OutputError,
        "'my photos/run' would lie in the data itself, which is never written to; choose a place outside "
        f"of it, such as '{users_folder / 'run'}'",
    ):
        refuse_run_in_data(Path("my photos/run"), "my photos")
    monkeypatch.chdir(photos / "cats")
    with refusal(
        OutputError,
        f"runs go to {Path('runs/train')} in the current folder, which here lies in the data itself, which "
        "is never written to: choose a place outside of it, such as --output "
        f"{users_folder / 'runs' / 'train' / 'my-photos'}",
    ):
        refuse_run_in_data(None, "..")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("resnet18,stem=small", "resnet18-stem=small"),
        ("../../x", "x"),
        ("/etc/passwd", "etc-passwd"),
        ("..", "run"),
        ("", "run"),
        (".hidden", "hidden"),
        ("--flag", "flag"),
        ("a\0b\x1b[31m\n\u202e", "a-b-31m"),
        ("C:\\x", "C-x"),
        ("Fotos von Zoë", "Fotos-von-Zoë"),
        ("\udcff", "run"),
        ("é" * 300, "é" * 50),
    ],
)
def test_any_text_gives_a_safe_name(users_folder: Path, text: str, name: str) -> None:
    assert folder_name(text) == name
    with RunFolder.create(None, name=text) as run:
        assert run.path.resolve().parent == users_folder / "runs" / "train"


def test_a_given_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "new" / "below"):
        with RunFolder.create(place, name="other") as run:
            assert (run.path, run.model_path) == (place, place / "model.safetensors")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    text = (
        f"'{tmp_path / 'run'}' is not empty, and runs are never overwritten: choose another folder, or "
        "go on with the run in it with --resume"
    )
    for _ in range(2):
        with refusal(OutputError, text):
            RunFolder.create(tmp_path / "run", name="x")
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("file", "File exists"), ("a\0b", "embedded null byte"), ("x" * 256, "File name too long")],
    ids=["file", "null", "long"],
)
def test_a_folder_that_cannot_be_made(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_text("")
    shown = str(tmp_path / name).replace("\0", "\\x00")
    with refusal(OutputError, f"cannot make the run's folder '{shown}': {reason}"):
        RunFolder.create(tmp_path / name, name="x")


def test_what_cannot_be_resumed(tmp_path: Path) -> None:
    with refusal(
        WeightsError, f"there is no folder '{tmp_path / 'none'}' to resume; runs are in runs/train"
    ):
        RunFolder.open(tmp_path / "none")
    with refusal(
        WeightsError,
        f"'{tmp_path}' is not a run that can be resumed: it has no config.toml. A run is the folder that "
        "`resnets train` made, such as runs/train/NAME",
    ):
        RunFolder.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_only_one_process_trains_in_a_folder(tmp_path: Path) -> None:
    text = f"another process is training in '{tmp_path}': wait for it, or choose another folder"
    with RunFolder.create(tmp_path, name="x") as run:
        run.write_settings(TrainingSettings(epochs=3))
        with refusal(OutputError, text):
            RunFolder.open(tmp_path)
        with refusal(OutputError, text):
            RunFolder.create(tmp_path, name="x")
    with RunFolder.open(tmp_path) as run:
        assert run.read_settings() == TrainingSettings(epochs=3)


HOLDER = """
import multiprocessing, sys, time
from pathlib import Path
from resnets.recipes.settings import TrainingSettings
from resnets.training.run_folder import RunFolder
run = RunFolder.create(Path(sys.argv[1]), name="x")
run.write_settings(TrainingSettings())
run.write_status("running")
reader = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
reader.start()
print(reader.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_killed_process_lets_go_though_its_readers_live_on(tmp_path: Path) -> None:
    place = tmp_path / "run"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(place)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    reader = int(holder.stdout.readline())
    with pytest.raises(OutputError, match="another process is training"):
        RunFolder.open(place)
    holder.kill()
    holder.wait()
    try:
        os.kill(reader, 0)  # is still there
        with RunFolder.open(place) as run:
            status = run.read_status()
        assert status is not None
        assert (status.state, status.pid) == ("running", holder.pid)
    finally:
        os.kill(reader, signal.SIGKILL)
        holder.stdout.close()


def test_status_is_always_whole(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, name="x") as run:
        assert run.read_status() is None
        run.write_status("running")
        first = run.read_status()
        run.write_status("failed", "the disk is full")
        status = run.read_status()
        assert first is not None
        assert status is not None
        assert (status.state, status.reason, status.pid) == ("failed", "the disk is full", os.getpid())
        assert status.started == first.started <= status.updated
        for damaged in ("", "{", "[]", '{"state": 3}'):
            (tmp_path / "status.json").write_text(damaged)
            assert run.read_status() is None
        run.write_status("done")
        assert json.loads((tmp_path / "status.json").read_text())["state"] == "done"


def test_every_start_is_described(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, name="x") as run:
        run.write_environment(device=torch.device("cpu"), command=["resnets", "train", "photos"])
        run.write_environment(device=torch.device("cpu"))
    document = json.loads((tmp_path / "environment.json").read_text())
    assert document["schema_version"] == 1
    assert [start["command"] for start in document["starts"]] == [["resnets", "train", "photos"], []]
    assert document["starts"][0]["packages"]["torch"] == torch.__version__


def test_a_run_is_recorded_and_drawn(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, name="x") as run:
        run.write_curves()
        assert not (tmp_path / "curves.svg").exists()
        run.record(step_progress(0, 50))
        for epoch in (1, 2, 3):
            run.record(epoch_record(epoch))
        status = run.read_status()
        assert status is not None
        assert status.state == "running"
        run.truncate(200)
        assert run.history() == [epoch_record(1), epoch_record(2)]
        run.write_curves(kept=2)
    assert ET.parse(tmp_path / "curves.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 3


def test_the_log_has_what_happened_and_why_it_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest would send what it captures between its processes, as UTF-8, which a lone surrogate is not.
    monkeypatch.setattr(logging.getLogger("resnets"), "propagate", False)
    log = logging.getLogger("resnets.training.anything")
    with RunFolder.create(tmp_path, name="x") as run:
        with run.log_to_file():
            log.info("first \udcff")
            log.debug("too much")
        log.warning("outside")
        with pytest.raises(KeyError), run.log_to_file():
            raise KeyError("lost")
        with pytest.raises(Interrupted), run.log_to_file():
            raise Interrupted(15, "saved, then ended")
    text = (tmp_path / "train.log").read_text()
    assert re.match(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO resnets\.training\.anything: first \\udcff\n", text
    )
    assert "too much" not in text
    assert "outside" not in text
    assert "ERROR resnets: the run failed\nTraceback (most recent call last):\n" in text
    assert "KeyError: 'lost'\n" in text
    assert text.endswith("INFO resnets: saved, then ended\n")
    assert logging.getLogger("resnets").handlers == []
    assert logging.getLogger("resnets").level == logging.NOTSET


def test_the_log_tells_what_was_chosen_and_each_epoch(tmp_path: Path) -> None:
    started = RunStarted(
        folder=tmp_path,
        model="resnet8",
        device="cpu",
        num_parameters=75_000,
        num_images={"train": 192},
        num_classes=3,
        choices=(("epochs", "30", "192 images"),),
        notes=("2 images are in both splits",),
        resumed_epoch=0,
        resumed_step=7,
    )
    with RunFolder.create(tmp_path, name="x") as run, run.log_to_file():
        run.record(started)
        run.record(epoch_record(1))
    lines = (tmp_path / "train.log").read_text().splitlines()
    assert [line.split(": ", 1)[1] for line in lines] == [
        "resnet8 on cpu, images: {'train': 192}",
        "epochs = 30: 192 images",
        "note: 2 images are in both splits",
        "going on in epoch 1, after step 7",
        "epoch 1: loss 0.6667",
    ]


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "train.log").mkdir()
    (tmp_path / "config.toml").write_text("")
    with (
        RunFolder.open(tmp_path) as run,
        refusal(OutputError, f"cannot write '{tmp_path / 'train.log'}': Is a directory"),
        run.log_to_file(),
    ):
        pass


def test_what_was_killed_before_it_began_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with RunFolder.create(path, name="x") as run:
        run.write_status("running")
        run.write_choices([])
        write_groups(path, {"a.jpg": 1})
        (path / ".resnets-k3y").write_bytes(b"half a manifest")
    with RunFolder.create(path, name="x") as run:
        run.write_settings(TrainingSettings())
    with pytest.raises(OutputError, match="is not empty, and runs are never overwritten"):
        RunFolder.create(path, name="x")


def test_findings_of_the_check_are_kept(tmp_path: Path) -> None:
    found = (
        Finding(
            "leaked-exact", "error", "1 image is in two splits", 1, "Remove one", (Example(("a", "b")),)
        ),
        Finding("empty-class", "note", "1 class is empty", 1, "None", (Example((), "fish"),)),
    )
    with RunFolder.create(tmp_path / "run", name="") as run:
        assert run.read_findings() is None
        run.write_findings(found)
        assert run.read_findings() == found
        run.write_findings(())
        assert run.read_findings() == ()
        (run.path / "data_check.json").write_text('{"findings": [{"code": "x"}]}')
        assert run.read_findings() is None
