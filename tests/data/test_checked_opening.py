"""A split that is made here keeps like images together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnets.data.checked_opening import open_checked
from resnets.data.dataset import Dataset
from resnets.data.opening import open_dataset


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two classes of 20 images, each of them there twice: as PNG and, recompressed, as JPEG."""
    for number, kind in enumerate(("cats", "dogs")):
        folder = tmp_path / kind
        folder.mkdir()
        for i in range(20):
            small = np.random.default_rng(100 * number + i).integers(0, 256, (6, 6, 3), np.uint8)
            image = Image.fromarray(small).resize((64, 64), Image.Resampling.BICUBIC)
            image.save(folder / f"{i}.png")
            image.save(folder / f"{i}-again.jpg", quality=40)
    return tmp_path


def parted(folder: Path, names: set[str]) -> int:
    stems = [(path.parent.name, path.stem.removesuffix("-again")) for path in map(Path, names)]
    return sum(stems.count(stem) == 1 for stem in set(stems))


def test_like_images_stay_on_one_side(pairs: Path) -> None:
    plain = open_dataset(pairs)
    assert parted(pairs, {str(path) for path in plain.splits["val"].images}) > 0
    dataset, report = open_checked(pairs)
    assert parted(pairs, {str(path) for path in dataset.splits["val"].images}) == 0
    assert len(dataset.splits["train"]) + len(dataset.splits["val"]) == 80
    assert 8 <= len(dataset.splits["val"]) <= 24
    assert not any(finding.code.startswith("leaked") for finding in report.findings)
    again, _ = open_checked(pairs)
    assert list(again.splits["val"].images) == list(dataset.splits["val"].images)


def test_a_given_split_is_not_touched(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("given")
    for split, pattern in (("train", "*.png"), ("val", "*.jpg")):
        for kind in ("cats", "dogs"):
            (root / split / kind).mkdir(parents=True)
            for path in (pairs / kind).glob(pattern):
                path.rename(root / split / kind / path.name)
    dataset, report = open_checked(root)
    assert [len(dataset.splits[name]) for name in ("train", "val")] == [40, 40]
    assert any(finding.severity == "error" for finding in report.findings)


def test_like_arrays_stay_on_one_side(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    small = generator.integers(0, 256, (40, 6, 6, 3), np.uint8)
    images = np.stack(
        [np.asarray(Image.fromarray(i).resize((32, 32), Image.Resampling.BICUBIC)) for i in small]
    )
    twice, labels = np.concatenate([images, images]), np.tile(np.arange(40) % 2, 2)
    path = tmp_path / "twice.npz"
    np.savez(path, images=twice, labels=labels)
    plain = open_dataset(path)

    def on_both_sides(dataset: Dataset) -> int:
        sides = [
            {image.tobytes() for image in np.asarray(dataset.splits[n].images)} for n in ("train", "val")
        ]
        return len(sides[0] & sides[1])

    assert on_both_sides(plain) > 0
    dataset, report = open_checked(path)
    assert on_both_sides(dataset) == 0
    assert not any(finding.severity == "error" for finding in report.findings)
    again = open_dataset(path, groups=dataset.groups)
    assert again.split_origin == dataset.split_origin
    assert np.array_equal(
        np.asarray(again.splits["val"].images), np.asarray(dataset.splits["val"].images)
    )


def test_what_cannot_be_used_is_not_for_validation(tmp_path: Path) -> None:
    for number, kind in enumerate(("cats", "dogs")):
        (tmp_path / kind).mkdir()
        for i in range(10):
            pixels = np.random.default_rng(i + 100 * number).integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / kind / f"{i}.png")
    for number, broken in enumerate(open_dataset(tmp_path).splits["val"].images):
        Path(str(broken)).write_bytes(b"no image" + bytes([number]))
    dataset, report = open_checked(tmp_path)
    assert all(Path(str(path)).stat().st_size > 9 for path in dataset.splits["val"].images)
    assert [len(dataset.splits[name]) for name in ("train", "val")] == [16, 4]
    assert dataset.split_origin == "val is 20 % of each class, drawn here by seed 0"
    assert any("cannot be used" in finding.sentence for finding in report.findings)
