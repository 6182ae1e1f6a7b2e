from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from resnets import Classifier, Preprocessing, cli, create_model
from resnets.commands.task_progress import TaskProgress

NAMES = ("cat", "dog\x1b[31m")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, and images that the first is right about."""
    made = tmp_path_factory.mktemp("compare")
    pixels = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), np.uint8)
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        model = Classifier.from_network(
            create_model("resnet8", num_classes=2),
            class_names=list(NAMES),
            preprocessing=Preprocessing(image_size=16),
        )
        model.save(made / f"{name}.safetensors")
        if name == "first":
            labels = np.array([answer.classes[0].index for answer in model.predict(pixels)])
    np.savez(
        made / "pets.npz",
        x_train=pixels, y_train=labels, x_test=pixels, y_test=labels, class_names=np.array(NAMES),
    )  # fmt: skip
    return made


@pytest.fixture(autouse=True)
def there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("resnets.analysis.comparing.busy_note", lambda: "")
    monkeypatch.setattr("resnets.analysis.latency.memory_of_fresh_process", lambda *_, **__: 2**21)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["compare", *words, "--workers", "0"])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    return code, captured.out, captured.err


def test_on_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out_folder = tmp_path / "made"
    code, out, err = run(
        capsys, "first.safetensors", "second.safetensors", "--data", "pets.npz", "--split", "test",
        "--output", str(out_folder), "--csv", str(tmp_path / "rows.csv"),
    )  # fmt: skip
    assert code == 0
    assert err == f"wrote {tmp_path / 'rows.csv'}\nwrote {out_folder / 'comparison.html'}\n"
    lines = out.splitlines()
    assert lines[0] == "pets test: 24 images"
    assert lines[2].split("  ")[0] == "model"
    assert lines[3].startswith(
        "first.safetensors   100.00 %  86.20 to 100.00 %"
    )  # R: binom.wilson(24, 24)
    assert "  2.00 MiB  " in lines[3]
    assert "Times of 30 batches of 1 image in turn, the network alone, in float32, on " in out
    assert "first.safetensors recognises " in out
    assert "differ on " in out
    assert "McNemar's test, exact, on the same images; in brackets the 95 % interval." in lines
    assert (out_folder / "differences.csv").is_file()
    assert (tmp_path / "rows.csv").read_text() == (out_folder / "comparison.csv").read_text()


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(
        capsys, "first.safetensors", "second.safetensors", "--data", "pets.npz", "--no-speed", "--json"
    )
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document.keys() == {
        "schema_version", "models", "pairs", "data", "split", "num_images", "num_differing", "differing",
        "machine", "notes",
    }  # fmt: skip
    assert document["models"][0]["metrics"]["top1"]["value"] == 1.0
    assert (document["models"][0]["speed"], document["machine"]) == (None, {})
    (pair,) = document["pairs"]
    assert (pair["only_second"], pair["only_first"]) == (0, document["num_differing"])
    assert pair["p_value_corrected"] == pair["p_value"]


def test_without_data(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "resnet18", "resnet50:torchvision_v1")
    assert (code, err) == (0, "Next: the same with --output FOLDER, for the chart\n")
    assert out.splitlines()[2].split() == [
        "resnet50:torchvision_v1", "76.13", "%", "ImageNet", "val", "25.6", "M", "4.09", "G", "224"
    ]  # fmt: skip


def test_the_reference_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "--output", str(tmp_path))
    assert code == 0
    assert out.splitlines()[1].startswith("ConvNeXt-B")
    assert "Bianco et al. 2018, arXiv:1810.00736" in out
    assert "Bianco et al. 2018" in (tmp_path / "comparison.html").read_text("utf-8")
    assert sorted({path.name for path in tmp_path.iterdir()} - {"chart.png"}) == [
        "chart.svg",
        "comparison.csv",
        "comparison.html",
        "comparison.json",
    ]
    names = [line.split("  ")[0] for line in out.splitlines()[1:]]
    assert {"ResNet-50", "ResNet-50, recipe of 2021"} <= set(names)
    named = [name for name in names[: names.index("")] if name]
    assert len(set(named)) == len(named)


def test_random_weights_are_refused_on_data(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "first.safetensors", "resnet18", "--data", "pets.npz")
    assert (code, out) == (4, "")
    assert err.startswith("resnets: error: resnet18 is an architecture, whose weights would be random; ")


def test_few_rounds_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "resnet18", "--speed", "--rounds", "10")
    assert (code, err) == (
        2,
        "resnets: error: 1 problem in the arguments of compare: rounds must be at least 30, or medians mean "
        "little; got 10\n",
    )


def test_progress_is_told_every_half_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 10.0, 31.0, 40.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    progress = TaskProgress()
    for done in (1, 2, 3):
        progress("evaluating pets\x1b", done, 4)
    assert capsys.readouterr().err == " 50%  evaluating pets\\x1b\n"
