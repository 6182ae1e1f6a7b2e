"""A run's environment tells what it takes to repeat it, and nothing about who ran it."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest
import torch

import resnets
from resnets.training.environment import environment


def test_versions_and_machine() -> None:
    told = environment(device=torch.device("cpu"), command=["resnets", "train"])
    assert told["resnets"] == resnets.__version__
    assert told["python"] == platform.python_version()
    assert told["packages"]["torch"] == torch.__version__
    assert (told["device"], told["threads"]) == ("cpu", torch.get_num_threads())
    assert told["cores"] >= 1
    assert told["memory_bytes"] > 2**28


def test_nothing_tells_who_ran_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setenv("USERPROFILE", "/home/anna")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("LD_PRELOAD", "/home/anna/lib/libmalloc.so")
    monkeypatch.setenv("SECRET_TOKEN", "xyzzy")
    command = ["resnets", "train", "/home/anna/photos", "--output=/home/anna", "/home/annabel/x"]
    told = environment(device=torch.device("cpu"), command=command)
    assert told["command"] == ["resnets", "train", "~/photos", "--output=~", "/home/annabel/x"]
    assert told["variables"]["OMP_NUM_THREADS"] == "1"
    assert told["variables"]["LD_PRELOAD"] == "~/lib/libmalloc.so"
    text = json.dumps(told)
    for secret in ("/home/anna/", "SECRET_TOKEN", "xyzzy", str(Path.cwd())):
        assert secret not in text


def test_without_a_home_folder_words_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)
    assert environment(device=torch.device("cpu"), command=["/x/y"])["command"] == ["/x/y"]
