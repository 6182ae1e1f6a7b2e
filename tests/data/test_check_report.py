"""The report of a check: lines for a terminal, and a page that needs and obeys nothing from outside."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnets.data.check_report import page, text_lines, write_page
from resnets.data.checking import check
from resnets.data.dataset import Dataset, Split
from resnets.data.findings import DataReport

from ..page_reader import read_page
from .planted import jpeg, photographs

HOSTILE = "<script>alert(1)</script>&\"'"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> DataReport:
    root = tmp_path_factory.mktemp("fruit")
    images = photographs(8)
    for name, pictures in ((HOSTILE.replace("/", "_"), images[:4]), ("pear\x1b[31m", images[4:])):
        (root / name).mkdir()
        for i, picture in enumerate(pictures):
            (root / name / f"{i}.jpg").write_bytes(jpeg(picture))
        (root / name / f"same{HOSTILE.replace('/', '_')}.jpg").write_bytes(jpeg(pictures[0]))
        (root / name / "bad.jpg").write_bytes(b"")
    names = tuple(sorted(path.name for path in root.iterdir()))
    paths = sorted(root.rglob("*.jpg"))
    labels = np.array([names.index(path.parent.name) for path in paths])
    split = Split("train", paths, labels)
    return check(Dataset("fruit" + HOSTILE, "class folders", root, names, {"train": split}))


def test_the_page_loads_and_runs_nothing(report: DataReport) -> None:
    made = read_page(page(report))
    assert set(made.tags).isdisjoint({"script", "link", "iframe", "object", "form", "a"})
    assert not any(name.startswith("on") for name, _ in made.attributes)
    sources = [value for name, value in made.attributes if name in ("src", "href")]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "url(" not in page(report)
    assert "@import" not in page(report)
    policy = dict(made.attributes)["content"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_names_are_shown_and_not_obeyed(report: DataReport) -> None:
    made = read_page(page(report))
    assert "same<script>alert(1)<_script>&\"'.jpg" in made.text
    assert "\x1b" not in page(report)
    assert "pear\\x1b[31m" in made.text


def test_the_page_says_everything(report: DataReport) -> None:
    text = read_page(page(report)).text
    for finding in report.findings:
        assert finding.sentence[1:] in text
        assert finding.advice in text
    # One for both empty files, of one kind, and one because they are many.
    assert "2 errors, 2 warnings." in text


def test_the_page_is_for_all_screens(report: DataReport) -> None:
    text = page(report)
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in text
    assert "prefers-color-scheme: dark" in text
    assert text.startswith('<!doctype html>\n<html lang="en">')


def test_thumbnails_are_the_pictures(report: DataReport) -> None:
    sources = [value for name, value in read_page(page(report)).attributes if name == "src"]
    images = [Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) for source in sources]
    assert {image.size for image in images} == {(96, 96)}
    first, second = (np.asarray(image).astype(int) for image in images[:2])
    assert np.abs(first - second).max() == 0


def test_many_classes_are_shortened() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (100, 8, 8), dtype=np.uint8)
    names = tuple(f"c{i:02}" for i in range(50))
    split = Split("train", pixels, np.arange(100) % 50)
    text = page(check(Dataset("many", "arrays", Path("many.npz"), names, {"train": split})))
    assert text.count("<th scope=row>") == 40
    assert "10 classes between" in text


def test_the_page_is_written_in_one_step(report: DataReport, tmp_path: Path) -> None:
    path = write_page(report, tmp_path / "check.html")
    assert path.read_text("utf-8") == page(report)
    assert [file.name for file in tmp_path.iterdir()] == ["check.html"]


def test_lines_for_a_terminal(report: DataReport) -> None:
    lines = list(text_lines(report))
    assert lines[:2] == [
        f"fruit{HOSTILE}: class folders, 2 classes",
        "12 images, usable: train 10",
    ]
    start = lines.index("error: 2 files of 0 bytes")
    assert lines[start + 2 : start + 4] == [
        "    pear\\x1b[31m/bad.jpg (the file is empty)",
        "  Replace them, or leave them out with --fix-to.",
    ]
    assert re.fullmatch(r"2 errors, 2 warnings\. Checked in \d+\.\d s\.", lines[-1])
    assert all(line.isprintable() for line in lines)


def test_nothing_wrong_is_said_in_words() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 8, 8), dtype=np.uint8)
    split = Split("train", pixels, np.arange(50) % 2)
    report = check(Dataset("fine", "arrays", Path("fine.npz"), ("0", "1"), {"train": split}))
    assert next(reversed(list(text_lines(report)))).startswith("Nothing wrong was found. Checked in ")
    assert "Nothing wrong was found." in read_page(page(report)).text
