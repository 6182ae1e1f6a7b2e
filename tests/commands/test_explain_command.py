from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resnets import Classifier, Preprocessing, cli, create_model, load

LABELS = ("tabby\x1b[31m cat", "Siberian husky", "eel")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    classifier = Classifier.from_network(
        create_model("resnet20", num_classes=3, widths=(4, 4, 8)),
        class_names=list(LABELS),
        preprocessing=Preprocessing(image_size=16),
    )
    return str(classifier.save(tmp_path_factory.mktemp("models") / "pets.safetensors"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "photos"
    made.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(noise).save(made / "a.png")
    Image.fromarray(noise[::-1]).save(made / "b\x1b[2J.png")
    (made / "page.jpg").write_bytes(b"<html>")
    return made


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["explain", *words])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    return code, captured.out, captured.err


SKIPPED = (
    "resnets: skipped photos/page.jpg: is an HTML page; was it saved by a failed download?\n"
    "resnets: 1 of 3 images could not be used (1 not an image)\n"
)


def test_one_line_and_two_files_an_image(
    capsys: pytest.CaptureFixture[str], model: str, folder: Path
) -> None:
    code, out, err = run(capsys, "photos", "--model", model, "--class", "siberian husky")
    assert (code, err) == (3, SKIPPED)
    lines = out.splitlines()
    assert len(lines) == 2
    name, label, probability, written = lines[0].split("  ")[:4]
    assert (name, label, written) == ("photos/a.png", "Siberian husky", "explanations/a.gradcam.png")
    assert 0 < float(probability.removesuffix("%")) < 100
    assert "explanations/b\\x1b[2J.gradcam.png" in lines[1]
    with Image.open("explanations/a.gradcam.png") as shown:
        assert shown.format == "PNG"
    assert np.load("explanations/a.gradcam.npy").shape == (4, 4)
    _, out, _ = run(capsys, "photos/a.png", "--model", model)
    assert "explanations/a.gradcam-2.png" in out


def test_json(capsys: pytest.CaptureFixture[str], model: str, folder: Path) -> None:
    words = ("--method", "layercam", "--layers", "stages", "--check", "--output", "out")
    code, out, err = run(capsys, "photos", "--model", model, "--json", *words)
    assert (code, err) == (3, SKIPPED)
    document = json.loads(out)
    assert document["model"] == {"architecture": "resnet20", "num_classes": 3}
    first, _, bad = document["images"]
    assert first["image"] == "photos/a.png"
    assert first["method"] == "layercam"
    assert [part["layer"] for part in first["maps"]] == ["stages.0", "stages.1", "stages.2"]
    assert first["seen"] == {"left": 5, "top": 0, "right": 25, "bottom": 20}
    assert first["overlay"] == "out/a.layercam.png"
    assert first["raw_maps"] == [f"out/a.layercam.stages.{i}.npy" for i in range(3)]
    assert all(Path(path).exists() for path in (first["overlay"], *first["raw_maps"]))
    assert first["deletion"].keys() == {"area", "random_area", "beats_random"}
    assert bad["reason"] == "not an image"


def test_the_check_is_told(capsys: pytest.CaptureFixture[str], model: str, folder: Path) -> None:
    _, out, _ = run(capsys, "photos/a.png", "--model", model, "--method", "occlusion", "--check")
    assert "explanations/a.occlusion.png  deleted, the class goes " in out
    assert " than by chance (area 0." in out


def test_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, model: str, folder: Path
) -> None:
    class Input:
        buffer = io.BytesIO((folder / "a.png").read_bytes())

    monkeypatch.setattr(sys, "stdin", Input())
    code, out, err = run(capsys, "-", "--model", model, "--method", "integrated-gradients")
    assert (code, err) == (0, "")
    assert out.startswith("-  ")
    assert np.load("explanations/image.integrated-gradients.npy").shape == (16, 16)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ("--class", "husky"),
            2,
            "Class 'husky' is not in this model. Nearest: 'Siberian husky'",
        ),
        (
            ("--method", "occlusion", "--layers", "stages"),
            2,
            "1 problem in the arguments of explain: layers have no effect with method 'occlusion'",
        ),
        (
            ("--layers", "stages.0,stages.7"),
            2,
            "1 problem in layers: 'stages.7' is no part of this network; its parts are stem, stages.0, "
            "stages.1, stages.2, final; did you mean 'stages.2'?",
        ),
        (
            ("--model", "resnet50"),
            4,
            "resnet50 is an architecture, whose weights would be random; give a model file or published "
            "weights (resnets list 'resnet50' --weights)",
        ),
        (("--output", "photos/a.png"), 5, "cannot write into 'photos/a.png': File exists"),
    ],
)
def test_errors(
    capsys: pytest.CaptureFixture[str],
    model: str,
    folder: Path,
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    got = run(capsys, "photos/a.png", "--model", model, *words)
    assert got == (code, "", f"resnets: error: {message}\n")


def test_no_images_at_all(capsys: pytest.CaptureFixture[str], model: str, folder: Path) -> None:
    (folder / "empty").mkdir()
    code, out, err = run(capsys, "photos/empty", "--model", model)
    assert (code, out, err) == (3, "", "resnets: error: there are no images in what was given\n")


def test_a_method_that_there_is_not(
    capsys: pytest.CaptureFixture[str], model: str, folder: Path
) -> None:
    code, _, err = run(capsys, "photos/a.png", "--model", model, "--method", "gradcam++")
    assert code == 2
    assert "'gradcam', 'layercam', 'integrated-gradients', 'occlusion'" in err


def test_without_a_model_the_one_in_the_package_is_explained(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    code, out, err = run(capsys, "photos/a.png")
    assert code == 0
    assert err.startswith("resnets: resnet18:tiny_imagenet of the package answers: 200 everyday things")
    assert out.startswith("photos/a.png  ")
    assert (folder.parent / "explanations").is_dir()


def test_a_model_that_abstains_says_so(
    capsys: pytest.CaptureFixture[str], model: str, folder: Path
) -> None:
    classifier = load(model)
    classifier.info = classifier.info.model_copy(update={"abstain_below": 1.0})
    unsure = str(classifier.save(folder.parent / "unsure.safetensors"))
    code, out, err = run(capsys, "photos/a.png", "--model", unsure, "--class", "eel")
    assert (code, err) == (0, "")
    assert out.endswith("  (none of my 3 classes, most likely)\n")
