from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from resnets import Classifier, Preprocessing, cli, console, create_model, load

LABELS = ("tabby\x1b[31m cat", "dog\nhound", '=eel,"electric"')
PHOTOS = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    classifier = Classifier.from_network(
        create_model("resnet20", num_classes=3),
        class_names=list(LABELS),
        class_ids=["n1", "n2\r", "n3"],
        preprocessing=Preprocessing(image_size=32),
    )
    return str(classifier.save(tmp_path_factory.mktemp("models") / "pets.safetensors"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three images and three files that are none, with names that would redraw a terminal."""
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "photos"
    made.mkdir()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(made / "a.png")
    Image.new("L", (30, 40), 90).save(made / "b\n\x1b[2J.jpg")
    pages = [Image.new("RGB", (32, 32), (0, 99 * i, 200)) for i in range(2)]
    pages[0].save(made / "c,\udcff.gif", save_all=True, append_images=pages[1:])
    (made / "empty.jpg").touch()
    (made / "page.jpg").write_bytes(b"<html>")
    (made / "page2.jpg").write_bytes(b"<html>")
    return made


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["predict", *words])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    return code, captured.out, captured.err


SKIPPED = (
    "resnets: skipped photos/empty.jpg: the file is empty\n"
    "resnets: skipped photos/page.jpg: is an HTML page; was it saved by a failed download?\n"
    "resnets: skipped photos/page2.jpg: is an HTML page; was it saved by a failed download?\n"
    "resnets: 3 of 6 images could not be used (2 not an image, 1 empty)\n"
)
SHOWN = ("photos/a.png", "photos/b\\n\\x1b[2J.jpg", "photos/c,\\udcff.gif")
SHOWN_LABELS = {"tabby\\x1b[31m cat", "dog\\nhound", '=eel,"electric"'}


def test_text(capsys: pytest.CaptureFixture[str], model: str, folder: Path) -> None:
    code, out, err = run(capsys, "photos", "--model", model)
    assert (code, err) == (3, SKIPPED)
    lines = out.splitlines()
    assert len(lines) == 12
    assert lines[::4] == [
        *SHOWN[:2],
        f"{SHOWN[2]}  (only the first of several frames or pages was seen)",
    ]
    assert {line.split("%  ")[1].rsplit("  ")[0] for line in lines[1:4]} == SHOWN_LABELS
    percent = [float(line.split("%")[0]) for line in lines[1:4]]
    assert percent == sorted(percent, reverse=True)
    assert sum(percent) == pytest.approx(100, abs=0.2)


def test_one_class_an_image_is_one_line(
    capsys: pytest.CaptureFixture[str], model: str, folder: Path
) -> None:
    code, out, err = run(capsys, "photos/a.png", str(PHOTOS / "cat.jpg"), "--model", model, "--top", "1")
    assert (code, err) == (0, "")
    assert [line.rsplit("  ", 1)[1] for line in out.splitlines()] == [
        "photos/a.png",
        str(PHOTOS / "cat.jpg"),
    ]


def test_json(capsys: pytest.CaptureFixture[str], model: str, folder: Path) -> None:
    code, out, err = run(capsys, "photos", "--model", model, "--json", "--top", "2")
    assert (code, err) == (3, SKIPPED)
    document = json.loads(out)
    assert document["schema_version"] == 1
    known = {"architecture": "resnet20", "num_classes": 3, "abstain_below": None}
    assert document["model"] == {"weights": model, **known}
    images = document["images"]
    assert [image["image"] for image in images] == [
        "photos/a.png",
        "photos/b\n\x1b[2J.jpg",
        "photos/c,\udcff.gif",
        "photos/empty.jpg",
        "photos/page.jpg",
        "photos/page2.jpg",
    ]
    assert images[0].keys() == {"image", "classes", "abstains", "notes"}
    assert images[0]["classes"][0].keys() == {"label", "id", "index", "probability"}
    assert all(LABELS[c["index"]] == c["label"] for image in images[:3] for c in image["classes"])
    assert images[3] == {"image": "photos/empty.jpg", "error": "the file is empty", "reason": "empty"}


def test_jsonl_has_the_same_images(capsys: pytest.CaptureFixture[str], model: str, folder: Path) -> None:
    lines = run(capsys, "photos", "--model", model, "--jsonl")[1].splitlines()
    document = json.loads(run(capsys, "photos", "--model", model, "--json")[1])
    assert [json.loads(line) for line in lines] == document["images"]


def test_csv(capsys: pytest.CaptureFixture[str], model: str, folder: Path) -> None:
    code, out, err = run(capsys, "photos", "--model", model, "--csv")
    assert (code, err) == (3, SKIPPED)
    assert len(out.splitlines()) == 1 + 3 * 3 + 3
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["image"] for row in rows[:9:3]] == list(SHOWN)
    assert [row["rank"] for row in rows[:9]] == ["1", "2", "3"] * 3
    assert {row["label"] for row in rows[:9]} == SHOWN_LABELS
    assert {row["id"] for row in rows[:9]} == {"n1", "n2\\r", "n3"}
    assert sum(float(row["probability"]) for row in rows[:3]) == pytest.approx(1, abs=1e-5)
    assert [row["error"] for row in rows[9:10]] == ["the file is empty"]


def test_every_format_says_the_same(capsys: pytest.CaptureFixture[str], model: str) -> None:
    words = (str(PHOTOS), "--model", model, "--crops", "5", "--flip", "--batch-size", "3")
    images = json.loads(run(capsys, *words, "--json")[1])["images"]
    rows = list(csv.DictReader(io.StringIO(run(capsys, *words, "--csv")[1])))
    told = [
        (image["image"], c["index"], f"{c['probability']:.6f}")
        for image in images
        for c in image["classes"]
    ]
    assert told == [(row["image"], int(row["index"]), row["probability"]) for row in rows]


class Input:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, model: str, folder: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", Input((PHOTOS / "cat.jpg").read_bytes()))
    code, out, err = run(capsys, "-", "photos/a.png", "--model", model, "--jsonl")
    assert (code, err) == (0, "")
    assert [json.loads(line)["image"] for line in out.splitlines()] == ["", "photos/a.png"]
    monkeypatch.setattr(sys, "stdin", Input(b"<html>"))
    assert run(capsys, "-", "--model", model) == (
        3,
        "",
        "resnets: skipped -: is an HTML page; was it saved by a failed download?\n"
        "resnets: 1 of 1 images could not be used (1 not an image)\n",
    )


def test_patterns(capsys: pytest.CaptureFixture[str], model: str, folder: Path) -> None:
    code, out, _ = run(capsys, "photos/*.png", "--model", model, "--jsonl")
    assert (code, len(out.splitlines())) == (0, 1)


@pytest.mark.parametrize("form", ["--json", "--jsonl", "--csv", "--flip"])
def test_no_images_at_all(
    capsys: pytest.CaptureFixture[str], model: str, folder: Path, form: str
) -> None:
    (folder / "empty folder").mkdir()
    code, out, err = run(capsys, "photos/empty folder", "--model", model, form)
    assert (code, err) == (3, "resnets: error: there are no images in what was given\n")
    assert form != "--json" or json.loads(out)["images"] == []


ERRORS: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("--json", "--csv"), 2, "1 problem in the options: --json, --jsonl and --csv exclude each other"),
    (("--jsonl", "--csv"), 2, "1 problem in the options: --json, --jsonl and --csv exclude each other"),
    (("--crops", "3"), 2, "1 problem in the arguments of predict: crops must be 1 or 5, got 3"),
    (
        ("--float-range", "1"),
        2,
        "1 problem in the options: --float-range needs two numbers such as 0,1, got '1'",
    ),
    (
        ("--float-range", "0,1,2"),
        2,
        "1 problem in the options: --float-range needs two numbers such as 0,1, got '0,1,2'",
    ),
    (
        ("--float-range", "1,1"),
        2,
        "1 problem in the decode policy: float_range must go up, such as (0, 1), got (1.0, 1.0)",
    ),
    (
        ("--max-pixels", "3"),
        2,
        "Invalid value for '--max-pixels': Input should be greater than or equal to 64",
    ),
    (("--model", "nowhere"), 4, "cannot read 'nowhere': No such file or directory"),
    (("--model", "photos"), 4, "cannot read 'photos/model.safetensors': No such file or directory"),
    (
        ("--model", "photos/page.jpg"),
        4,
        "'photos/page.jpg' is a web page, not a checkpoint: the download was answered by a page",
    ),
    (
        ("--model", "resnet50"),
        4,
        "resnet50 is an architecture, whose weights would be random; give a model file or published weights",
    ),
)


@pytest.mark.parametrize(("words", "code", "message"), ERRORS)
def test_errors(
    capsys: pytest.CaptureFixture[str],
    model: str,
    folder: Path,
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    got, out, err = run(capsys, "photos", "--model", model, *words)
    assert (got, out) == (code, "")
    assert err.startswith(f"resnets: error: {message}")
    assert "bug" not in err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("photos", "--modle", "x"),
        ("photos", "--model", "x", "--top", "0"),
        ("photos", "--model", "x", "--jsn"),
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], folder: Path, words: tuple[str, ...]) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err.endswith("Help: resnets predict --help\n")


def test_names_that_no_file_can_have(capsys: pytest.CaptureFixture[str], model: str) -> None:
    code, _, err = run(capsys, "a" * 300, "--model", model)
    assert code == 3
    assert f"skipped {'a' * 300}: cannot be read: File name too long\n" in err


def test_32_bit_images_with_a_range(
    capsys: pytest.CaptureFixture[str], model: str, folder: Path
) -> None:
    Image.new("F", (9, 9), 0.5).save("x.tif")
    assert run(capsys, "x.tif", "--model", model)[0] == 3
    assert run(capsys, "x.tif", "--model", model, "--float-range", "0,1")[0] == 0


def test_help_shows_the_examples_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "\\b" not in out
    assert "\n  resnets predict photo.jpg --model runs/train/pets\n" in out


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_a_reader_that_stops_early_stops_the_work(model: str, folder: Path, form: str) -> None:
    for number in range(400):
        os.link("photos/a.png", f"photos/a{number:03}.png")
    command = (
        f"{sys.executable} -m resnets predict photos --batch-size 1 --model {model} {form} | head -n 1"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env=environment
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""  # the bad files come last: nobody got so far


def test_names_in_a_strict_encoding(model: str, folder: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8:strict"}
    command = [sys.executable, "-m", "resnets", "predict", "photos", "--model", model, "--csv"]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 3
    assert b"\\udcff" in done.stdout


def test_progress_is_told_every_half_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: Any = iter([0.0, 10.0, 31.0, 40.0, 62.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert list(console.count_progress([7, 8, 9, 10], "images")) == [7, 8, 9, 10]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "2 images, 0.1/s\n4 images, 0.1/s\n")


def test_a_document_comes_bit_by_bit(capsys: pytest.CaptureFixture[str]) -> None:
    items: list[dict[str, Any]] = [{"b": "\u20ac"}, {"b": 2}]
    console.print_json_stream({"a": 1}, "items", iter(items))
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "a": 1,
        "items": [{"b": "\u20ac"}, {"b": 2}],
    }
    console.print_json_stream({}, "items", [])
    assert json.loads(capsys.readouterr().out) == {"schema_version": 1, "items": []}


@pytest.fixture
def unsure(model: str, tmp_path: Path) -> str:
    """The model, which abstains unless it is completely sure."""
    classifier = load(model)
    classifier.info = classifier.info.model_copy(update={"abstain_below": 1.0})
    return str(classifier.save(tmp_path / "unsure.safetensors"))


def test_abstaining(capsys: pytest.CaptureFixture[str], unsure: str, folder: Path) -> None:
    words = ("photos/a.png", "--model", unsure)
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == ["photos/a.png", "  none of my 3 classes, most likely"]
    assert len(out.splitlines()) == 5
    line = run(capsys, *words, "--top", "1")[1]
    assert line.endswith("  photos/a.png  (none of my 3 classes, most likely)\n")
    document = json.loads(run(capsys, *words, "--json")[1])
    assert (document["model"]["abstain_below"], document["images"][0]["abstains"]) == (1.0, True)
    assert json.loads(run(capsys, *words, "--jsonl")[1])["abstains"] is True
    rows = list(csv.DictReader(io.StringIO(run(capsys, *words, "--csv")[1])))
    assert [row["abstains"] for row in rows] == ["1", "1", "1"]


def test_without_a_model_one_line_says_which_answers(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, str(PHOTOS / "cat.jpg"), "--json")
    assert (code, err.count("\n")) == (0, 1)
    assert json.loads(out)["model"]["weights"] == "resnet18:tiny_imagenet"
    assert json.loads(out)["model"]["num_classes"] == 200
    info = load().info
    top1 = next(metric for metric in info.metrics if metric.name == "top1")
    assert err == (
        "resnets: resnet18:tiny_imagenet of the package answers: 200 everyday things at "
        f"{info.preprocessing.image_size} px, top-1 {top1.value:.1%} on {top1.data}. ImageNet's 1,000 classes at 224 px: "
        "resnets predict PHOTO --model resnet50:torchvision_v2 (98 MiB, downloaded once)\n"
    )


def test_grey_and_odd_images_without_a_model(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    Image.new("I;16", (300, 9), 40_000).save(folder / "deep.png")
    Image.new("1", (9, 300), 1).save(folder / "bits.png")
    Image.new("RGBA", (70, 70), (9, 9, 9, 0)).save(folder / "clear.png")
    names = [f"photos/{name}.png" for name in ("deep", "bits", "clear")]
    code, out, _ = run(capsys, *names, "photos/b*.jpg", "--csv", "--top", "1")
    assert (code, len(out.splitlines())) == (0, 5)
