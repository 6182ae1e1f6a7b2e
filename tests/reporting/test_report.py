"""The page of a training: complete, self-contained, and not to be tricked by names."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnets.data.checking import check
from resnets.data.dataset import Dataset, Split
from resnets.data.findings import Example, Finding
from resnets.reporting.facts import TrainingFacts
from resnets.reporting.galleries import MOST_PICTURES, image_sources
from resnets.reporting.report import kept_epoch, report_page, write_report

from ..page_reader import Page, read_page
from .trainings import confused, evaluated, facts_of, rows

HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m&\"'"


@pytest.fixture(scope="module")
def facts() -> TrainingFacts:
    names = [HOSTILE, "dog", "fish", "עברית", "e", "f", "g"]
    matrix = np.diag([30] * 7) + 1
    history = rows(8, val_loss=np.linspace(2, 1, 8).tolist())
    evaluation = confused(matrix.tolist(), class_names=names, data=f"pets{HOSTILE}")
    train = Split("train", np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 1, 2, 2]))
    report = check(Dataset("pets", "arrays", Path("pets.npz"), tuple(names), {"train": train}))
    return facts_of(evaluation, history=history, findings=report.findings)


@pytest.fixture(scope="module")
def page(facts: TrainingFacts) -> Page:
    return read_page(report_page(facts))


def test_the_page_loads_nothing_and_runs_only_its_script(facts: TrainingFacts, page: Page) -> None:
    text = report_page(facts)
    script = text.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = (a["content"] for _, a in page.elements if a.get("http-equiv"))
    assert policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-"
        + digest
        + "'"
    )
    assert set(page.tags).isdisjoint({"link", "iframe", "object", "form", "base", "embed"})
    assert page.tags.count("script") == 1
    assert not any(name.startswith("on") for name, _ in page.attributes)
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert all(source.startswith(("data:image/", "#")) for source in sources)
    assert "url(" not in text
    assert "@import" not in text
    assert re.findall("https?://[^\"' ]+", text) == ["http://www.w3.org/2000/svg"] * 4


def test_names_are_shown_and_not_obeyed(page: Page) -> None:
    assert "<script>alert(1)</script>\\u202e\\x1b[31m&\"'" in page.text
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text
    assert "עברית" in page.text


def test_everything_is_there(facts: TrainingFacts, page: Page) -> None:
    ids = [a["id"] for tag, a in page.elements if tag == "section"]
    assert ids == [
        *("use", "curves", "confusion", "classes", "trust", "mistakes", "unsure", "labels"),
        *("data", "making", "cost"),
    ]
    assert [a["href"][1:] for tag, a in page.elements if tag == "a"] == ids
    assert 'resnets.load("model.safetensors")' in page.text
    for words in (
        "1 min 15 s",
        "a processor",
        "12 images",
        "own photographs",
        "ab" * 32,
    ):
        assert words in page.text
    assert "To train it againresnets train pets.npz" in page.text
    assert facts.findings
    assert all(finding.sentence in page.text for finding in facts.findings)


def test_the_page_is_for_everybody(page: Page) -> None:
    assert page.elements[0] == ("html", {"lang": "en"})
    assert all(a.get("alt") for tag, a in page.elements if tag == "img")
    assert all(a.get("aria-label") for tag, a in page.elements if a.get("role") in ("img", "region"))
    assert all(a.get("scope") for tag, a in page.elements if tag == "th")
    headings = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))
    assert "prefers-color-scheme: dark" in page.text


def test_pictures_are_those_of_the_mistakes() -> None:
    """Every image is grey, but for one that is taken for another class with great certainty."""
    table = np.tile([[0.9, 0.1]], (60, 1))
    table[17] = [0.01, 0.99]
    pixels = np.full((60, 90, 90, 3), 128, np.uint8)
    pixels[17] = [200, 0, 0]
    page = read_page(report_page(facts_of(evaluated([0] * 59 + [1], table), pixels=pixels)))
    images = [a for tag, a in page.elements if tag == "img"]
    assert images[0]["alt"] == "val[17]"
    first, second = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(a["src"].partition(",")[2]))))
        for a in images[:2]
    )
    assert np.abs(first.reshape(-1, 3).mean(0) - [200, 0, 0]).max() < 6
    assert np.abs(second.reshape(-1, 3).mean(0) - 128).max() < 3


@pytest.mark.parametrize("num_classes", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_classes_fit_into_two_megabytes(num_classes: int) -> None:
    """Pictures of noise are the worst for JPEG."""
    random = np.random.default_rng(0)
    labels = random.integers(0, num_classes, 2 * num_classes)
    pixels = random.integers(0, 256, (2 * num_classes, 80, 80, 3), dtype=np.uint8)
    table = random.dirichlet(np.full(num_classes, 0.05), 2 * num_classes)
    names = [f"class number {i} of many" for i in range(num_classes)]
    text = report_page(facts_of(evaluated(labels, table, class_names=names), pixels=pixels))
    page = read_page(text)
    assert len(text) < 2_000_000
    assert page.tags.count("img") == 3 * MOST_PICTURES
    assert page.tags.count("tr") > num_classes


def test_without_anything_kept_aside() -> None:
    page = read_page(report_page(facts_of(None)))
    assert [a["id"] for tag, a in page.elements if tag == "section"] == ["use", "data", "making", "cost"]
    assert "how well it recognises others is not known" in page.text


def test_findings_name_their_images_and_what_shows_them_all(tmp_path: Path) -> None:
    names = [f"train/{HOSTILE}{i}.png" for i in range(4)]
    pairs = (Example((names[0], "val/b.png")), *[Example((name,)) for name in names[1:]])
    few = Finding("misnamed", "note", "2 names lie", 2, "rename them", (Example(("a.png",)),) * 2)
    none = Finding("rare", "note", "a class is rare", 1, "add some", (Example(note="cat: 1"),))
    many = Finding("leaked", "error", "4 images leak", 4, "move them", pairs)
    facts = facts_of(None, findings=[many, few, none])
    page = read_page(report_page(facts))
    shown = names[0].replace("\u202e", "\\u202e").replace("\x1b", "\\x1b")
    first, second, third = shown, *[shown.replace("0.png", f"{i}.png") for i in (1, 2)]
    assert f"4 images leak{first} = val/b.png, {second}, {third}, ...move them" in page.text
    assert "2 names liea.png, a.pngrename them" in page.text
    assert "a class is rareadd some" in page.text
    assert "resnets data check" not in page.text
    there = dataclasses.replace(facts.dataset, root=tmp_path)
    page = read_page(report_page(dataclasses.replace(facts, dataset=there)))
    assert f"resnets data check {tmp_path} --html check.html" in page.text


def test_images_that_are_gone_are_left_out(tmp_path: Path) -> None:
    evaluation = confused([[3, 1], [1, 3]])
    paths = [tmp_path / f"{i}.png" for i in range(len(evaluation))]
    split = Split("val", paths, evaluation.labels)
    dataset = Dataset("pets", "class folders", tmp_path, ("a", "b"), {"val": split})
    assert image_sources(dataset, ["3.png", "nine.png"]) == {"3.png": paths[3]}
    facts = facts_of(evaluation)
    facts.dataset.splits["val"] = split  # type: ignore[index]
    assert "no picture" in read_page(report_page(facts)).text


def test_the_kept_epoch() -> None:
    history = rows(8, val_top1=[0.1, 0.2, 0.9, 0.3, 0.3, 0.3, 0.3, 0.3])
    evaluation = confused([[3, 1], [1, 3]])
    assert kept_epoch(facts_of(evaluation, history=history, settings={"select": "best"})) == 3
    assert kept_epoch(facts_of(evaluation, history=history, settings={"select": "last"})) == 8
    assert kept_epoch(facts_of(None, history=rows(2, val_top1=[None, None]))) == 2
    assert kept_epoch(facts_of(evaluation)) is None


def test_the_page_is_written_in_one_step(facts: TrainingFacts, tmp_path: Path) -> None:
    path = write_report(tmp_path / "report.html", facts)
    assert path.read_text("utf-8") == report_page(facts)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
