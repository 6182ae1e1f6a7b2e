"""`resnets train` on the command line: what it prints, what it refuses, and with which code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from resnets import cli
from resnets.recipes.settings import TrainingSettings
from resnets.recipes.toml_files import write_settings

QUICK = ["--epochs", "1", "--workers", "0", "--device", "cpu", "--no-check", "--model", "resnet8"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Squares of 8 pixels of two classes."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (48, 8, 8, 3)).astype(np.uint8)
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    np.savez(
        path,
        train_images=images[:32],
        train_labels=np.arange(32) % 2,
        val_images=images[32:],
        val_labels=np.arange(16) % 2,
    )
    return path


def test_a_training_prints_its_result_and_how_to_go_on(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert cli.main(["train", str(data), "--output", str(run), *QUICK]) == 0
    out, err = capsys.readouterr()
    lines = [line.split()[0] for line in out.splitlines()]
    assert lines == ["top-1", "model", "report"]
    assert "16 images of val that it has not learned from" in out
    assert "\x1b" not in out + err
    assert "epoch 1/1" in err
    assert err.splitlines()[-1] == f"Next: resnets predict photo.jpg --model {run}"
    assert (run / "model.safetensors").is_file()
    # The same run from what it wrote down.
    config = run / "config.toml"
    again = tmp_path / "again"
    words = ["--config", str(config), "--output", str(again), "--no-check", "--device", "cpu"]
    assert cli.main(["train", *words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert document["choices"] == []
    assert [row["epoch"] for row in document["epochs"]] == [1]
    same = [
        (folder / "results.csv").read_text().splitlines()[1].split(",")[:8] for folder in (run, again)
    ]
    assert same[0] == same[1]
    # And once more into a folder that holds a run.
    assert cli.main(["train", *words]) == 5
    assert "resume" in capsys.readouterr().err


def test_a_plan_writes_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", str(data), "--dry-run", "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert "images  32 train, 16 val; 2 classes" in out
    assert "optimizer.learning_rate" in out
    assert "Nothing was written" in err
    assert list(tmp_path.iterdir()) == []
    assert cli.main(["train", str(data), "--dry-run", "--json", "--recipe", "resnet_cifar"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["settings"]["epochs"] == 164
    assert document["settings"]["optimizer"]["learning_rate"] == 0.1


def test_settings_can_be_changed_by_option(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--set", "optimizer.weight_decay=0.25", "--set", "averaging=", "--lr", "0.5", "--json"]
    assert cli.main(["train", str(data), "--dry-run", "--device", "cpu", *words]) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert settings["optimizer"]["weight_decay"] == 0.25
    assert settings["optimizer"]["learning_rate"] == 0.5
    assert "averaging" not in settings


def test_a_file_goes_on_top_of_a_recipe_and_options_on_top_of_both(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"data = '{data}'\nmodel = 'wrn-10-1'\nepochs = 170\n[optimizer]\nweight_decay = 0.25\n"
    file = write_toml(tmp_path, text + "[augmentation]\n")
    words = ["train", "--recipe", "wide_resnet_cifar", "--config", file, "--dry-run", "--device", "cpu"]
    words += ["--set", "preprocessing.image_size=8", "--lr", "0.5", "--json"]
    assert cli.main(words) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    optimizer, schedule = settings["optimizer"], settings["schedule"]
    assert (settings["data"], settings["epochs"], settings["batch_size"]) == (str(data), 170, 128)
    assert settings["model"] == "wrn-10-1,init=fan_in"  # the recipe has seen it
    assert (optimizer["weight_decay"], optimizer["learning_rate"]) == (0.25, 0.5)
    assert (optimizer["nesterov"], schedule["gamma"]) == (True, 0.2)
    assert settings["augmentation"]["flip"] == 0  # an empty table is none
    assert cli.main([*words, "--model", "wrn-16-1"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["model"] == "wrn-16-1,init=fan_in"


def test_a_run_in_the_data_is_refused_before_the_data_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        generator_image(tmp_path / "photos" / name)
    monkeypatch.chdir(tmp_path / "photos")
    assert cli.main(["train", ".", *QUICK]) == 5
    assert f"--output {tmp_path / 'runs' / 'train' / 'photos'}" in capsys.readouterr().err
    assert cli.main(["train", ".", "--output", "run", *QUICK]) == 5
    assert f"such as '{tmp_path / 'run'}'" in capsys.readouterr().err
    assert cli.main(["train", ".", "--find-lr", *QUICK]) == 5
    assert f"such as '{tmp_path / 'learning_rate.svg'}'" in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["cats", "dogs"]


def test_what_a_check_advises_can_be_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        generator_image(tmp_path / "photos" / name)
    words = ["train", str(tmp_path / "photos"), "--dry-run", "--no-check", "--device", "cpu", "--json"]
    assert cli.main(words) == 0
    plain = json.loads(capsys.readouterr().out)["settings"]["preprocessing"]
    words += ["--set", "preprocessing.decoding.max_pixels=100000000"]
    assert cli.main([*words, "--set", "preprocessing.decoding.float_range=[0,1]"]) == 0
    told = json.loads(capsys.readouterr().out)["settings"]["preprocessing"]
    assert told["decoding"] == plain["decoding"] | {"max_pixels": 100_000_000, "float_range": [0, 1]}
    assert {**told, "decoding": None} == {**plain, "decoding": None}


def write_toml(folder: Path, text: str) -> str:
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_what_is_wrong_is_said_before_anything_starts(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "single" / "cats").mkdir(parents=True)
    single = generator_image(tmp_path / "single" / "cats")
    whole = str(write_settings(tmp_path / "whole.toml", TrainingSettings(complete=True)))
    bad = write_toml(tmp_path, 'epochs = "ten"\n[optimizer]\nlearnign_rate = 0.1\n')
    cases = [
        ([], 2, "data is missing"),
        (["nowhere"], 3, "there is no file or folder 'nowhere'"),
        (["empty"], 3, "empty"),
        ([str(single)], 3, "one class"),
        ([str(data), "--model", "resent50"], 2, "Did you mean"),
        ([str(data), "--model", "resnet50,num_classes=7"], 2, "num_classes"),
        ([str(data), "--recipe", "resnet_cifr"], 2, "Did you mean 'resnet_cifar'"),
        ([str(data), "--recipe", "resnet_cifar", "--config", bad], 2, f"2 problems in {bad}: "),
        ([str(data), "--recipe", "resnet_cifar", "--config", whole], 2, "leaves nothing to a recipe"),
        ([str(data), "--config", bad], 2, "2 problems in "),
        ([str(data), "--set", "epochs"], 2, "must be KEY=VALUE"),
        ([str(data), "--resume"], 2, "resume needs output"),
        ([str(data), "--resume", "--epochs", "3", "--output", "x"], 2, "keeps its settings"),
        (["--resume", "--output", "empty"], 4, "empty"),
        ([str(data), "--device", "cuda:7"], 2, "cuda"),
    ]
    for words, code, sentence in cases:
        given = cli.main(["train", *words])
        err = capsys.readouterr().err
        assert (given, sentence in err) == (code, True), (words, given, err)
        assert "Traceback" not in err
    assert not (tmp_path / "runs").exists()


def generator_image(folder: Path) -> Path:
    from PIL import Image

    for number in range(4):
        Image.new("RGB", (16, 16), (number, 0, 0)).save(folder / f"{number}.png")
    return folder.parent
