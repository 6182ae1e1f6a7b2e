"""A split that is made here keeps like images together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnets.data.checked_opening import open_checked
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
