from __future__ import annotations

import csv
import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resnets import Classifier, Preprocessing, cli, create_model, load
from resnets.commands.evaluate_command import _Progress

NAMES = ("cat", "dog", "eel\x1b[31m")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, and images in val and test of classes that it knows, and of some that it does not."""
    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("evaluate")
    network = create_model("resnet8", num_classes=3)
    network.get_parameter("classifier.weight").data *= 20  # sure, as a trained one
    model = Classifier.from_network(
        network, class_names=list(NAMES), preprocessing=Preprocessing(image_size=16)
    )
    model.save(made / "pets.safetensors")
    pixels = np.random.default_rng(0).integers(0, 256, (39, 20, 20, 3), np.uint8)
    for i, answer in enumerate(model.predict(pixels, top=3)):
        split = "train" if i < 3 else ("val", "test")[i % 2]
        # In val and test, the model is right about two of three.
        label = NAMES[i] if i < 3 else answer.classes[(0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 2, 2)[i % 12]].label
        path = made / "photos" / split / label / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[i]).save(path)
    for name in ("cats", "dogs"):
        (made / "others" / name).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (20, 20)).save(made / "others" / name / f"{i}.png")
    return made


@pytest.fixture(autouse=True)
def there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["evaluate", *words, "--workers", "0"])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    return code, captured.out, captured.err


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_folder_with_nothing_to_train_on(
    split: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copytree(Path("photos", split), tmp_path / "pets" / split)
    code, out, _ = run(capsys, "pets.safetensors", str(tmp_path / "pets"), "--json")
    assert code == 0
    _, of_all, _ = run(capsys, "pets.safetensors", "photos", "--split", split, "--json")
    lone, whole = json.loads(out), json.loads(of_all)
    assert (lone["data"], lone["split"]) == ("pets", split)
    assert (lone["metrics"], lone["worst"]) == (whole["metrics"], whole["worst"])


def test_nothing_but_training_images_are_all_evaluated(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copytree(Path("photos", "val"), tmp_path / "pets" / "train")
    code, out, _ = run(capsys, "pets.safetensors", str(tmp_path / "pets"), "--json")
    assert (code, json.loads(out)["split"]) == (0, "all")


def predicted(split: str) -> list[tuple[str, str]]:
    """Right and answered class of each image, as `predict` says."""
    paths = sorted(Path("photos", split).glob("*/*.png"))
    answers = load("pets.safetensors").predict(paths)
    return [(path.parent.name, answer.label) for path, answer in zip(paths, answers, strict=True)]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "pets.safetensors", "photos", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    told = predicted("val")
    top1 = sum(right == answered for right, answered in told) / 18
    assert document["schema_version"] == 1
    assert document["metrics"]["top1"]["value"] == pytest.approx(top1)
    assert (document["split"], document["num_images"], document["num_classes"]) == ("val", 18, 3)
    assert document["conditions"] == {
        "crops": 1,
        "flip": False,
        "restricted": False,
        "matched_by": "names",
        "temperature": None,
        "abstain_below": None,
    }
    cells = {(cell["label"], cell["predicted"]): cell["count"] for cell in document["confusion"]}
    assert cells == {pair: told.count(pair) for pair in told}
    assert document.keys() == {
        "schema_version", "model", "architecture", "data", "split", "num_images", "num_classes",
        "conditions", "metrics", "calibration", "calibration_bins", "classes", "confusion", "worst",
        "least_certain", "notes",
    }  # fmt: skip


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "pets.safetensors", "photos", "--split", "test", "--flip")
    assert (code, err) == (0, "Next: resnets evaluate pets.safetensors photos --calibrate\n")
    lines = out.splitlines()
    assert lines[0] == "pets.safetensors (resnet8) on photos test: 18 images, 3 classes; mean of 2 views"
    starts = [line.split("  ")[0] for line in lines]
    for start in (
        "top-1",
        "loss",
        "calibration error (15 bins)",
        "class",
        "most confused",
        "highest loss",
    ):
        assert start in starts
    assert "eel\\x1b[31m" in starts


def test_many_classes_show_the_ten_that_are_worst(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = [f"class {i:02}" for i in range(30)]
    Classifier.from_network(
        create_model("resnet8", num_classes=30),
        class_names=names,
        preprocessing=Preprocessing(image_size=16),
    ).save(tmp_path / "many.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), np.uint8)
    labels = np.arange(60) % 30
    np.savez(
        tmp_path / "data.npz",
        x_train=images, y_train=labels, x_test=images, y_test=labels, class_names=np.array(names),
    )  # fmt: skip
    code, out, _ = run(capsys, str(tmp_path / "many.safetensors"), str(tmp_path / "data.npz"))
    assert code == 0
    table = out.split("lowest F1")[1].split("\n\n")[0].splitlines()[1:]
    shares = [float(line.split("%")[-2].split()[-1]) for line in table]
    assert len(table) == 10
    assert shares == sorted(shares)
    assert "top-5" in out


def test_saved_predictions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    code, _, err = run(capsys, "pets.safetensors", "photos", "--save", str(file), "--json")
    assert (code, err) == (0, f"wrote {file}\n")
    rows = list(csv.DictReader(file.open()))
    told = [
        (right.replace("\x1b", "\\x1b"), answered.replace("\x1b", "\\x1b"))
        for right, answered in predicted("val")
    ]
    assert sorted((row["label"], row["predicted"]) for row in rows) == sorted(told)
    missing = str(tmp_path / "nowhere" / "answers.csv")
    code, _, err = run(capsys, "pets.safetensors", "photos", "--save", missing, "--json")
    assert (code, err) == (5, f"resnets: error: cannot write {missing!r}: No such file or directory\n")


def test_temperature_is_written_into_the_model_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "pets.safetensors"
    file.write_bytes(Path("pets.safetensors").read_bytes())
    code, out, err = run(capsys, str(file), "photos", "--calibrate")
    assert (code, err) == (0, "Next: resnets data check photos\n")
    temperature = load(file).info.temperature
    assert (
        f"temperature {temperature:.4g}, fitted to 18 images of val and written into the model\n" in out
    )
    assert " on photos test: 18 images" in out
    code, out, _ = run(capsys, str(file), "photos", "--split", "test", "--json")
    assert json.loads(out)["conditions"]["temperature"] == temperature


@pytest.mark.parametrize("share", ["0", "0.999"])
def test_a_check_ends_with_code_6(capsys: pytest.CaptureFixture[str], share: str) -> None:
    code, out, err = run(capsys, "pets.safetensors", "photos", "--min-top1", share, "--json")
    top1 = json.loads(out)["metrics"]["top1"]["value"]
    if share == "0":
        assert (code, err) == (0, "")
    else:
        assert code == 6
        assert err.startswith(
            f"resnets: error: top-1 of pets.safetensors on photos val is {100 * top1:.2f} % ("
        )
        assert err.endswith(" with 95 % confidence), asked for was at least 99.90 %\n")


ERRORS: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (
        ("pets.safetensors", "photos", "--min-top1", "76"),
        2,
        "1 problem in the options: --min-top1 is a share, 0 to 1, got 76: did you mean 0.76?",
    ),
    (
        ("pets.safetensors", "photos", "--min-top1", "-1"),
        2,
        "1 problem in the options: --min-top1 is a share, 0 to 1, got -1",
    ),
    (
        ("pets.safetensors", "photos", "--calibrate", "--flip"),
        2,
        "1 problem in the options: --calibrate looks at each image once and at all classes: not with --crops, "
        "--flip or --restrict",
    ),
    (
        ("pets.safetensors", "photos", "--abstain"),
        2,
        "1 problem in the options: --abstain needs probabilities to rely on: add --calibrate",
    ),
    (
        ("pets.safetensors", "photos", "--calibrate", "--abstain", "--keep-right", "90"),
        2,
        "1 problem in the options: keep_right is a share, above 0 and at most 1, got 90",
    ),
    (
        ("pets.safetensors", "others"),
        3,
        "the model has 3 classes, the data 2, 0 names in common. Fine-tune first: resnets train DATA --model "
        "MODEL",
    ),
    (("nowhere", "photos"), 4, "cannot read 'nowhere': No such file or directory"),
    (
        ("pets.safetensors", "others", "--split", "test"),
        3,
        "others has no labelled images in 'test'; it has them in train, val",
    ),
)


@pytest.mark.parametrize(("words", "code", "message"), ERRORS)
def test_errors(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, message: str
) -> None:
    assert run(capsys, *words) == (code, "", f"resnets: error: {message}\n")


def test_images_that_cannot_tell_are_an_error_with_calibrate(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 20, 20, 3), np.uint8)
    for i, answer in enumerate(load("pets.safetensors").predict(pixels)):
        for split, label in (("train", NAMES[i % 3]), ("test", answer.label)):
            folder = tmp_path / "few" / split / label
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[i]).save(folder / f"{i}.png")
    before = Path("pets.safetensors").read_bytes()
    code, out, err = run(capsys, "pets.safetensors", str(tmp_path / "few"), "--calibrate")
    assert (code, out) == (3, "")
    assert err.startswith(
        "resnets: error: 4 images of few test cannot tell how sure the model should be"
    )
    assert Path("pets.safetensors").read_bytes() == before


def test_progress_is_told_every_half_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 10.0, 31.0, 40.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    progress = _Progress(64)
    for done in (1, 2, 3):
        progress(done, 4)
    assert capsys.readouterr().err == " 50%  128 images, 4/s\n"


def test_notes_are_said_aside(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for i in range(4):
        folder = tmp_path / "some" / NAMES[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (i, 9, 9)).save(folder / f"{i}.png")
    code, out, err = run(capsys, "pets.safetensors", str(tmp_path / "some"), "--json")
    assert (code, json.loads(out)["num_images"], json.loads(out)["split"]) == (0, 4, "all")
    assert err == (
        "resnets: note: 1 of the model's 3 classes have no images here, and can be answered all the same; "
        "--restrict leaves them out\n"
    )


def test_a_threshold_is_chosen_and_kept_in_the_model_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "pets.safetensors"
    file.write_bytes(Path("pets.safetensors").read_bytes())
    code, out, _ = run(capsys, str(file), "photos", "--calibrate", "--abstain", "--keep-right", "0.6")
    info = load(file).info
    assert code == 0
    assert info.abstain_below is not None
    share = f"no answer below {info.abstain_below:.1%}, which keeps 60% of the right answers"
    assert f"{share} among those 18 images\n" in out
    for title in ("answered", "top-1 of those", "right answers kept", "wrong answers refused"):
        assert re.search(rf"^{title} +\d", out, re.MULTILINE), title
    code, out, _ = run(capsys, str(file), "photos", "--split", "test")
    assert f"; no answer if less than {info.abstain_below:.1%} sure\n" in out
    code, out, _ = run(capsys, str(file), "photos", "--split", "test", "--json")
    document = json.loads(out)
    assert document["conditions"]["abstain_below"] == info.abstain_below
    told = {metric.name: metric.value for metric in info.metrics}
    for name in ("answered", "right_kept", "wrong_refused"):
        assert document["metrics"][name]["value"] == told[name]
