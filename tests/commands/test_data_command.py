"""`resnets data check|show|pack|download`: what they print and write, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnets.cli import main
from resnets.data.packed import open_packed

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes in two splits; one image of val is also in train, one file is none."""
    for split, start in (("train", 0), ("val", 50)):
        for number, kind in enumerate(("cats", "dogs")):
            folder = tmp_path / "photos" / split / kind
            folder.mkdir(parents=True)
            for i in range(3):
                pixels = np.random.default_rng(start + 10 * number + i).integers(
                    0, 256, (40, 50, 3), np.uint8
                )
                Image.fromarray(pixels).save(folder / f"{i}.png")
    made = tmp_path / "photos"
    (made / "val" / "dogs" / "leak.png").write_bytes((made / "train" / "dogs" / "1.png").read_bytes())
    (made / "train" / "cats" / "page.jpg").write_text("<html>not found</html>")
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_check_tells_everything_and_changes_nothing(photos: Path, capsys: Capture) -> None:
    before = contents(photos)
    page = photos.parent / "report.html"
    assert main(["data", "check", str(photos), "--html", str(page)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(
        "photos: class folders, 2 classes\n14 images, usable: train 6, val 7\n"
    )
    assert "error: 1 image of val is also in train" in captured.out
    assert "train/cats/page.jpg" in captured.out
    assert captured.err == f"wrote {page}\n"
    html = page.read_text("utf-8")
    assert "data:image/" in html
    assert "http" not in html.split("</style>")[1]
    assert contents(photos) == before


def test_check_as_json(photos: Path, capsys: Capture) -> None:
    assert main(["data", "check", str(photos), "--json", "--no-near"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert document["ok"] is False
    assert document["num_images"] == 14
    assert document["class_names"] == ["cats", "dogs"]
    assert {"error", "warning"} <= {finding["severity"] for finding in document["findings"]}


def test_strict_ends_with_3(photos: Path, capsys: Capture) -> None:
    assert main(["data", "check", str(photos), "--strict"]) == 3
    capsys.readouterr()
    (photos / "train" / "cats" / "page.jpg").unlink()
    (photos / "val" / "dogs" / "leak.png").unlink()
    assert main(["data", "check", str(photos), "--strict"]) == 0


def test_fix_to_writes_a_cleaned_copy(photos: Path, capsys: Capture) -> None:
    out = photos.parent / "clean"
    assert main(["data", "check", str(photos), "--fix-to", str(out)]) == 0
    kept = set(contents(out))
    assert "train/cats/page.jpg" not in kept
    assert "val/dogs/leak.png" not in kept
    assert len([name for name in kept if name.endswith(".png")]) == 12
    assert main(["data", "check", str(photos), "--fix-to", str(photos / "clean")]) == 5
    assert "would lie in the data itself, which is never written to" in capsys.readouterr().err
    assert main(["data", "check", str(out), "--strict"]) == 0


def test_nothing_is_written_into_the_data(
    photos: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    before = contents(photos)
    for words in (
        ["check", ".", "--html", "report.html"],
        ["check", ".", "--fix-to", "clean"],
        ["show", ".", "sheet.png"],
        ["pack", ".", "photos.pack"],
    ):
        assert main(["data", *words]) == 5
        captured = capsys.readouterr()
        assert "would lie in the data itself" in captured.err
        assert f"such as '{photos.parent / words[-1]}'" in captured.err
        assert captured.out == ""
    assert contents(photos) == before


def test_what_cannot_be_written_is_said_before_the_check(photos: Path, capsys: Capture) -> None:
    (photos.parent / "full").mkdir()
    (photos.parent / "full" / "mine").touch()
    for words in (
        ["check", "--html", str(photos.parent / "nowhere" / "report.html")],
        ["check", "--fix-to", str(photos.parent / "full")],
        ["show", str(photos.parent / "nowhere" / "sheet.png")],
    ):
        assert main(["data", words[0], str(photos), *words[1:]]) == 5
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("resnets: error: ")


def test_a_folder_that_training_refuses_is_checked_all_the_same(photos: Path, capsys: Capture) -> None:
    (photos / "train" / "birds").mkdir()
    (photos / "val" / "cows").mkdir()
    (photos / "val" / "cows" / "0.png").write_bytes((photos / "val" / "cats" / "0.png").read_bytes())
    page = photos.parent / "report.html"
    assert main(["data", "check", str(photos), "--html", str(page), "--no-near"]) == 0
    out = capsys.readouterr().out
    assert "error: val has classes that train lacks: 'cows' (1 image)\n" in out
    assert "error: 1 class without a usable training image\n    birds\n" in out
    assert "train/cats/page.jpg" in out
    assert "cows" in page.read_text("utf-8")
    assert main(["data", "check", str(photos), "--no-near", "--strict"]) == 3
    clean = photos.parent / "clean"
    assert main(["data", "check", str(photos), "--no-near", "--fix-to", str(clean)]) == 3
    assert "no cleaned copy can be made of it as it is" in capsys.readouterr().err
    assert not clean.exists()


def test_options_of_decoding(photos: Path, capsys: Capture) -> None:
    levels = np.random.default_rng(0).random((40, 50), np.float32)
    Image.fromarray(levels).save(photos / "train" / "cats" / "float.tif")

    def codes(*words: str) -> set[str]:
        assert main(["data", "check", str(photos), "--json", "--no-near", *words]) == 0
        return {finding["code"] for finding in json.loads(capsys.readouterr().out)["findings"]}

    assert {"needs-a-range", "too-large"} & codes() == {"needs-a-range"}
    assert {"needs-a-range", "too-large"} & codes("--float-range", "0,1") == set()
    assert "too-large" in codes("--max-pixels", "1999")
    clean = photos.parent / "clean"
    codes("--float-range", "0,1", "--fix-to", str(clean))
    with Image.open(clean / "train" / "cats" / "float.png") as image:
        assert image.mode == "RGB"
    assert main(["data", "check", str(photos), "--float-range", "1,0"]) == 2
    assert "float_range must go up" in capsys.readouterr().err


def test_show_draws_sheets(photos: Path, capsys: Capture) -> None:
    for words in ([], ["--augmentations"]):
        out = photos.parent / "sheet.png"
        assert main(["data", "show", str(photos), str(out), *words]) == 0
        with Image.open(out) as sheet:
            assert sheet.format == "PNG"
            assert min(sheet.size) > 100
        out.unlink()
    assert main(["data", "show", str(photos), "x.png", "--split", "tset"]) in (2, 3)
    assert capsys.readouterr().err.startswith("wrote ")


def test_pack_writes_what_training_reads(
    photos: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "train" / "cats" / "page.jpg").unlink()
    out = photos.parent / "photos.pack"
    assert main(["data", "pack", str(photos), str(out), "--size", "32"]) == 0
    assert capsys.readouterr().out.startswith(f"packed 13 images into {out}, ")
    packed = open_packed(out)
    assert [len(packed.splits[name].labels) for name in ("train", "val")] == [6, 7]
    monkeypatch.setenv("RESNETS_CACHE", str(photos.parent / "cache"))
    assert main(["data", "pack", str(photos), "--json"]) == 0
    path = Path(json.loads(capsys.readouterr().out)["path"])
    assert path.is_relative_to(photos.parent / "cache" / "packs")


def test_a_folder_that_is_no_data_set(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["data", "check", str(tmp_path / "empty")]) == 3
    assert main(["data", "check", str(tmp_path / "nowhere")]) == 3
    assert main(["data", "download", "cifar11"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("resnets: error: ") == 3
