"""Everything that is wrong with a folder of data is found, said in full, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnets.data.checking import check
from resnets.data.dataset import Dataset, Split
from resnets.data.decode_policy import DecodePolicy
from resnets.data.findings import DataReport, Finding
from resnets.data.opening import open_dataset

from .planted import jpeg, photographs, plant

APPLE, PEAR = "train/apple", "train/pear"
UNUSABLE = {
    "damaged": {"damaged.png"},
    "empty": {"zero.jpg"},
    "needs-a-range": {"float.tif"},
    "not-an-image": {"notes.png", "page.jpg", "pointer.jpg"},
    "too-large": {"bomb.png"},
    "too-small": {"pixel.png"},
    "unsupported-format": {"phone.heic"},
}
ODD = {
    "misnamed": {f"{PEAR}/wrong_name.jpg", "test/apple/leak.png"},
    "rotated": {f"{PEAR}/lying.jpg"},
    "odd-mode": {f"{PEAR}/{name}" for name in ("deep.png", "film.gif", "glass.png", "print.jpg")},
    "animated": {f"{PEAR}/film.gif"},
    "tiny": {f"{PEAR}/icon.png"},
    "huge": {f"{PEAR}/huge.jpg"},
}
SENTENCES = {
    "animated": "1 image with more than one frame or page: 1 GIF",
    "class-missing": "1 class in train but not in val: accuracy on val says nothing about that",
    "damaged": "1 file with damaged content",
    "duplicate-exact": "2 exact copies of images in the same split",
    "duplicate-near": "1 pair of nearly the same images in the same split",
    "empty": "1 file of 0 bytes",
    "empty-class": "1 class without a usable training image",
    "few-images": "1 class with fewer than 20 training images",
    "huge": "1 image of more than 10 million pixels: 1 4000x2600",
    "imbalance": "the largest class has 14 times as many training images as the smallest",
    "leak-by-mode": "1 class that the colour mode gives away",
    "leaked-near": "1 image of test is nearly the same as images of train",
    "many-unusable": "9.0 % of the training images cannot be used: training stops above 1 %",
    "misnamed": (
        "2 images whose content is of another format than the name says: "
        "1 PNG called .jpg, 1 JPEG called .png"
    ),
    "needs-a-range": "1 file with 32-bit values, of which black and white are not known",
    "not-an-image": "3 files without an image inside, whatever the name says",
    "odd-mode": "4 images neither RGB nor grey: 1 I;16, 1 P, 1 RGBA, 1 CMYK",
    "passed-over": (
        "6 things in the folder that are no part of the data set: 1 a folder that was read already, "
        "2 hidden, 1 left by the system, 1 not an image, 1 stray file"
    ),
    "rotated": "1 image with an EXIF tag for rotation: 1 orientation 6",
    "tiny": "1 image of less than 32 pixels on a side, in a set of larger ones: 1 20x20",
    "too-large": "1 file with more pixels than are decoded",
    "too-small": "1 file of less than 8 pixels on a side",
    "truncated": "2 files cut short (truncated)",
    "two-labels": "1 image with more than one label, in 2 copies",
    "two-labels-near": "1 pair of nearly the same images with different labels",
    "unsupported-format": "1 file in a format that is not read",
}
SEVERITIES = {
    "warning": {
        *(
            "animated",
            "duplicate-exact",
            "few-images",
            "leak-by-mode",
            "leaked-near",
            "misnamed",
            "tiny",
        ),
        "two-labels-near",
    },
    "note": {"duplicate-near", "huge", "imbalance", "odd-mode", "passed-over", "rotated"},
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> DataReport:
    root = tmp_path_factory.mktemp("orchard")
    plant(root)
    return check(open_dataset(root))


def the(report: DataReport, code: str) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.code == code]
    return finding


def images_of(finding: Finding) -> set[str]:
    return {name for example in finding.examples for name in example.images}


def test_every_planted_defect_is_found_and_no_other(report: DataReport) -> None:
    sentences = {finding.code: finding.sentence for finding in report.findings}
    leaks = [finding.sentence for finding in report.findings if finding.code == "leaked-exact"]
    assert {code: words for code, words in sentences.items() if code != "leaked-exact"} == SENTENCES
    assert leaks == [
        "1 image of val is also in train (exact copies)",
        "1 image of test is also in train (exact copies)",
    ]


def test_severities(report: DataReport) -> None:
    for severity, codes in SEVERITIES.items():
        assert {finding.code for finding in report.findings if finding.severity == severity} == codes
    order = [finding.severity for finding in report.findings]
    assert order == sorted(order, key=["error", "warning", "note"].index)
    assert not report.ok


@pytest.mark.parametrize("code", UNUSABLE)
def test_unusable_files_are_named(report: DataReport, code: str) -> None:
    assert images_of(the(report, code)) == {f"{APPLE}/{name}" for name in UNUSABLE[code]}


@pytest.mark.parametrize("code", ODD)
def test_odd_images_are_named(report: DataReport, code: str) -> None:
    assert images_of(the(report, code)) == ODD[code]


@pytest.mark.parametrize(
    ("code", "pairs"),
    [
        ("duplicate-exact", {("01.jpg", "copy.jpg"), ("02.jpg", "saved_again.bmp")}),
        ("duplicate-near", {("07.jpg", "again.jpg")}),
    ],
)
def test_copies_are_named(report: DataReport, code: str, pairs: set[tuple[str, str]]) -> None:
    found = {example.images for example in the(report, code).examples}
    assert found == {(f"{APPLE}/{a}", f"{APPLE}/{b}") for a, b in pairs}


def test_copies_across_splits_and_classes_are_named(report: DataReport) -> None:
    leaks = [finding for finding in report.findings if finding.code == "leaked-exact"]
    assert [finding.examples[0].images for finding in leaks] == [
        (f"{APPLE}/04.jpg", "val/apple/leak.jpg"),
        (f"{APPLE}/05.jpg", "test/apple/leak.png"),
    ]
    cases = {
        "leaked-near": ("06.jpg", "test/apple/cropped.jpg"),
        "two-labels": ("03.jpg", f"{PEAR}/torn.jpg"),
    }
    cases["two-labels-near"] = ("08.jpg", f"{PEAR}/doubtful.jpg")
    for code, (first, second) in cases.items():
        (example,) = the(report, code).examples
        assert example.images == (f"{APPLE}/{first}", second)


def test_what_is_said_of_classes(report: DataReport) -> None:
    notes = {code: [e.note for e in the(report, code).examples] for code in SENTENCES}
    assert notes["empty-class"] == ["medlar"]
    assert notes["class-missing"] == ["quince"]
    assert notes["few-images"] == ["plum: 3 images"]
    assert notes["imbalance"] == ["apple: 43 images", "plum: 3 images"]
    assert notes["leak-by-mode"] == ["quince: 100 % are L, of the other classes 0.0 %"]
    assert report.class_counts["train"] == (43, 0, 40, 3, 25)


def test_the_report_as_plain_values(report: DataReport) -> None:
    plain = report.to_dict()
    assert plain["num_images"] == 151
    assert plain["ok"] is False
    assert plain["seconds_per_10000"] == pytest.approx(plain["seconds"] * 10000 / 151, rel=0.01)
    assert {"code", "severity", "sentence", "count", "advice", "examples"} == set(plain["findings"][0])
    assert all(finding["advice"].endswith(".") for finding in plain["findings"])
    assert all(
        0 < len(finding["examples"]) <= 12
        for finding in plain["findings"]
        if finding["code"] != "many-unusable"
    )


def fill(folder: Path, images: list[Image.Image]) -> None:
    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        (folder / f"{i}.jpg").write_bytes(jpeg(image))


def test_a_clean_folder_has_no_findings(tmp_path: Path) -> None:
    images = photographs(90)
    for i, (split, count) in enumerate((("train", 25), ("val", 10), ("test", 10))):
        start = (0, 50, 70)[i]
        fill(tmp_path / split / "a", images[start : start + count])
        fill(tmp_path / split / "b", images[start + count : start + 2 * count])
    report = check(open_dataset(tmp_path))
    assert report.findings == ()
    assert report.ok


def test_the_same_folder_twice_is_not_two_splits(tmp_path: Path) -> None:
    images = photographs(50)
    for split in ("train", "val"):
        fill(tmp_path / split / "a", images[:25])
        fill(tmp_path / split / "b", images[25:])
    report = check(open_dataset(tmp_path))
    assert [(finding.code, finding.sentence) for finding in report.findings] == [
        ("same-split", "100 % of val is also in another split: they are not two splits"),
        ("leaked-exact", "50 images of val are also in train (exact copies)"),
    ]


def test_near_duplicates_can_be_left_out(tmp_path: Path) -> None:
    images = photographs(45)
    fill(tmp_path / "train" / "a", images[:20])
    fill(tmp_path / "train" / "b", images[20:40])
    fill(tmp_path / "val" / "a", [images[40], images[0].resize((80, 80))])
    fill(tmp_path / "val" / "b", images[41:45])
    dataset = open_dataset(tmp_path)
    assert [finding.code for finding in check(dataset).findings] == ["leaked-near"]
    assert check(dataset, near_duplicates=False).findings == ()


def test_a_class_told_by_its_size_or_format(tmp_path: Path) -> None:
    images = photographs(60)
    fill(tmp_path / "train" / "a", images[:20])
    fill(
        tmp_path / "train" / "b", [*images[20:30], *(image.resize((90, 90)) for image in images[30:40])]
    )
    folder = tmp_path / "train" / "c"
    folder.mkdir()
    for i, image in enumerate(images[40:]):
        image.save(folder / f"{i}.png")
    train = open_dataset(tmp_path).splits["train"]
    report = check(Dataset("d", "class folders", tmp_path, ("a", "b", "c"), {"train": train}))
    found = {f.code: [e.note for e in f.examples] for f in report.findings}
    labels = train.labels.tolist()
    share = round(
        100
        * sum(
            Image.open(p).size == (90, 90) for p, y in zip(train.images, labels, strict=True) if y == 1
        )
        / labels.count(1)
    )
    assert found["leak-by-size"] == [f"b: {share} % are 90x90, of the other classes 0.0 %"]
    assert found["leak-by-format"] == ["c: 100 % are PNG, of the other classes 0.0 %"]


def test_arrays_are_checked_too() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), dtype=np.uint8)
    pixels[50] = pixels[3]
    labels = np.arange(60) % 2
    splits = {
        "train": Split("train", pixels[:40], labels[:40]),
        "val": Split("val", pixels[40:], labels[40:]),
    }
    report = check(Dataset("noise", "arrays", Path("noise.npz"), ("0", "1"), splits))
    codes = {finding.code: finding for finding in report.findings}
    assert set(codes) == {"leaked-exact", "two-labels"}
    assert codes["leaked-exact"].examples[0].images == ("train[3]", "val[10]")


def test_a_split_without_labels_lacks_no_class() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), dtype=np.uint8)
    splits = {
        "train": Split("train", pixels[:50], np.arange(50) % 2),
        "test": Split("test", pixels[50:], np.full(10, -1)),
    }
    report = check(Dataset("noise", "arrays", Path("noise.npz"), ("0", "1"), splits))
    assert report.findings == ()
    assert report.class_counts["test"] == (0, 0)


def test_a_hundred_to_one_is_a_warning() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (203, 8, 8), dtype=np.uint8)
    labels = np.array([0] * 202 + [1])
    report = check(
        Dataset("n", "arrays", Path("n.npz"), ("0", "1"), {"train": Split("train", pixels, labels)})
    )
    finding = the(report, "imbalance")
    assert (finding.severity, finding.sentence) == (
        "warning",
        "the largest class has 202 times as many training images as the smallest",
    )


def test_the_policy_decides_what_is_usable(tmp_path: Path) -> None:
    fill(tmp_path / "a", photographs(25))
    fill(tmp_path / "b", photographs(50)[25:])
    Image.fromarray(np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32)).save(
        tmp_path / "a" / "f.tif"
    )
    dataset = open_dataset(tmp_path)
    assert "needs-a-range" in {f.code for f in check(dataset).findings}
    told = check(dataset, policy=DecodePolicy(float_range=(0, 1)))
    assert "needs-a-range" not in {f.code for f in told.findings}


@pytest.mark.parametrize(("bad", "stops"), [(0, False), (1, True)])
def test_small_sets_are_judged_as_training_does(tmp_path: Path, bad: int, stops: bool) -> None:
    images = photographs(80)
    fill(tmp_path / "train" / "a", images[:30])
    fill(tmp_path / "train" / "b", images[30:60])
    fill(tmp_path / "val" / "a", images[60:70])
    fill(tmp_path / "val" / "b", images[70:])
    for i in range(bad):
        (tmp_path / "train" / "a" / f"{i}.jpg").write_bytes(b"")
    (tmp_path / "val" / "a" / "0.jpg").write_bytes(b"")
    report = check(open_dataset(tmp_path), near_duplicates=False)
    found = {finding.code: finding.sentence for finding in report.findings}
    assert ("many-unusable" in found) == stops
    if stops:
        assert found["many-unusable"] == (
            "1.7 % of the training images cannot be used: training stops above 1 %"
        )


def test_progress_names_both_stages(tmp_path: Path) -> None:
    fill(tmp_path / "a", photographs(5))
    fill(tmp_path / "b", photographs(10)[5:])
    told: list[tuple[str, int, int]] = []
    check(open_dataset(tmp_path), on_progress=lambda *what: told.append(what))
    assert told == [("decoding", 10, 10), ("comparing", 5, 10), ("comparing", 10, 10)]
