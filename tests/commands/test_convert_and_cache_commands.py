"""`resnets convert`, `resnets cache` and `resnets list --weights`: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import resnets
from resnets.cli import main
from resnets.weights.to_layout import to_layout

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    network = resnets.create_model("resnet18", num_classes=7)
    path = tmp_path / "net.pth"
    torch.save({"model": to_layout(network, "torchvision"), "epoch": 3}, path)
    return path


def test_convert_says_what_it_assumes(checkpoint: Path, capsys: Capture) -> None:
    out = checkpoint.parent / "model.safetensors"
    assert main(["convert", str(checkpoint), str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{checkpoint}: zip, torchvision layout, under 'model'"
    assert lines[1] == "network    resnet18,num_classes=7 (7 classes)"
    assert any(
        line.startswith("assumed    mean = (0.485, 0.456, 0.406) (convention of") for line in lines
    )
    assert any(line.endswith("to change: class_names=") or "classes=" in line for line in lines)
    assert lines[-1] == f"wrote      {out} (resnets)"
    assert resnets.load(out).class_names[6] == "class 6"


def test_convert_takes_options_and_fields(checkpoint: Path, capsys: Capture) -> None:
    out = checkpoint.parent / "model.safetensors"
    words = ["--option", "drop_path_rate=0.1", "--preprocess", "image_size=160", "--preprocess",
             "resize_size=182", "--preprocess", "mean=0.5:0.5:0.5", "--json"]  # fmt: skip
    assert main(["convert", str(checkpoint), str(out), *words]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert document["layout"] == "torchvision"
    info = resnets.load(out).info
    assert info.preprocessing.image_size == 160
    assert info.preprocessing.mean == (0.5, 0.5, 0.5)
    assert info.options["drop_path_rate"] == 0.1


def test_convert_refuses_with_exit_code_4(tmp_path: Path, capsys: Capture) -> None:
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"\x80\x02cos\nsystem\nq\x00X\x02\x00\x00\x00lsq\x01\x85q\x02Rq\x03.")
    assert main(["convert", str(bad)]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("resnets: error: ")
    assert "Traceback" not in captured.err


def test_list_of_weights(capsys: Capture) -> None:
    assert main(["list", "resnet18", "--weights"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["weights", "top-1", "%"]
    assert lines[1].startswith("resnet18:tiny_imagenet")
    assert lines[2].split()[:3] == ["resnet18:torchvision_v1", "69.76", "89.08"]
    assert main(["list", "resnet18:torchvision*", "--weights", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["weights"]
    assert [row["name"] for row in rows] == ["resnet18:torchvision_v1"]
    assert main(["list", "resnet19", "--weights"]) == 2


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache" / "weights"
    folder.mkdir(parents=True)
    monkeypatch.setenv("RESNETS_CACHE", str(folder.parent))
    return folder


def test_empty_cache(cache: Path, capsys: Capture) -> None:
    assert main(["cache", "list"]) == 0
    assert capsys.readouterr().out == f"nothing is kept in {cache.parent}\n"
    assert main(["cache", "verify"]) == 0
    assert main(["cache", "clean"]) == 0
    assert capsys.readouterr().out == "0 files, 0 B\n"


def test_cache_with_a_damaged_file(cache: Path, capsys: Capture) -> None:
    (cache / "resnet18-f37072fd.pth").write_bytes(b"not what torchvision published")
    assert main(["cache", "list"]) == 0
    assert "resnet18:torchvision_v1" in capsys.readouterr().out
    assert main(["cache", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["name"] == "resnet18-f37072fd.pth"
    assert main(["cache", "verify"]) == 4
    captured = capsys.readouterr()
    assert captured.out.startswith("damaged   resnet18-f37072fd.pth  ")
    assert captured.err == (
        "resnets: error: 1 of 1 files are damaged, first 'resnet18-f37072fd.pth'; delete them with resnets "
        "cache clean and they are downloaded again when needed\n"
    )
    assert main(["cache", "clean", "resnet18*"]) == 0
    assert not list(cache.glob("*.pth"))


def test_help_shows_examples_line_by_line(capsys: Capture) -> None:
    for words in (["convert"], ["cache", "list"], ["predict"], ["list"], ["describe"]):
        assert main([*words, "--help"]) == 0
        out = capsys.readouterr().out
        assert "\\b" not in out
        assert [line for line in out.splitlines() if line.startswith(f"  resnets {words[0]}")]


def test_shards_are_listed_and_cleaned(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("RESNETS_SHARD_CACHE_GB", "1")
    shards = cache.parent / "shards"
    shards.mkdir()
    for name in ("a.tar", "b.tar", "c.tar.part"):  # a part is of a download under way
        (shards / name).write_bytes(bytes(512))
    said = (
        f"2 shards of data sets, 1.00 KiB of at most 954 MiB (RESNETS_SHARD_CACHE_GB), in {cache.parent}"
    )
    assert main(["cache", "list"]) == 0
    assert capsys.readouterr().out == f"{said}\n"
    assert main(["cache", "list", "--json"]) == 0
    expected = {"count": 2, "num_bytes": 1024, "limit_bytes": 10**9}
    assert json.loads(capsys.readouterr().out)["shards"] == expected
    assert main(["cache", "clean", "resnet18*"]) == 0
    assert main(["cache", "clean", "--partial"]) == 0
    capsys.readouterr()
    assert main(["cache", "clean"]) == 0
    assert capsys.readouterr().out == "deleted   2 shards  1.00 KiB\n0 files, 1.00 KiB\n"
    assert [path.name for path in shards.iterdir() if path.is_file()] == ["c.tar.part"]
