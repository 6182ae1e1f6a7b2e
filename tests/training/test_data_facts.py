from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnets.data.labels import label_set
from resnets.data.opening import open_dataset
from resnets.data.sources.arrays import from_arrays
from resnets.training.data_facts import data_facts


def save(path: Path, size: tuple[int, int], mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, 100).save(path)


def test_folders_are_told_by_their_headers(tmp_path: Path) -> None:
    for i in range(10):
        save(tmp_path / "train" / ("cat" if i < 7 else "dog") / f"{i}.png", (100 + i, 60 + i))
    save(tmp_path / "train" / "dog" / "grey.png", (300, 200), "L")
    (tmp_path / "train" / "cat" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno image")
    save(tmp_path / "val" / "cat" / "1.png", (9, 9))
    facts = data_facts(open_dataset(tmp_path))
    assert facts.class_counts == (8, 4)
    assert (facts.num_train, facts.num_classes, facts.num_val, facts.has_val) == (12, 2, 1, True)
    assert (facts.num_sampled, facts.median_side, facts.low_side) == (11, 65, 60)
    assert not facts.same_size
    assert facts.grey_share == pytest.approx(1 / 11)
    assert (facts.known_as, facts.mean) == ("", ())


def test_arrays_are_measured() -> None:
    pixels = np.zeros((4, 20, 30, 3), np.uint8)
    pixels[..., 0] = 255
    pixels[::2, :, :, 1] = 255
    facts = data_facts(from_arrays({"train": (pixels, np.array([0, 1, 1, 1]))}))
    assert (facts.mean, facts.std) == ((1.0, 0.5, 0.0), (0.0, 0.5, 0.0))
    assert (facts.median_side, facts.same_size, facts.grey_share) == (20, False, 0.0)
    assert (facts.class_counts, facts.has_val) == ((1, 3), False)
    grey = data_facts(from_arrays({"train": (pixels[:, :, :20, 0], np.array([0, 1, 1, 1]))}))
    assert (grey.grey_share, grey.same_size, grey.mean) == (1.0, True, (1.0,))


def test_large_sets_are_sampled_class_after_class() -> None:
    pixels = np.repeat(np.arange(100, dtype=np.uint8), 30)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    facts = data_facts(from_arrays({"train": (pixels, np.arange(3000) // 30)}))
    assert facts.num_sampled == 500
    assert facts.mean[0] * 255 == pytest.approx(49.5, abs=0.1)


@pytest.mark.parametrize(
    ("name", "side", "known"),
    [("cifar10", 32, "cifar10"), ("cifar10", 40, ""), ("fashion_mnist", 28, "fashion_mnist")],
)
def test_published_sets_are_known_by_classes_and_size(name: str, side: int, known: str) -> None:
    names = label_set(name).names
    labels = np.arange(len(names))
    images = np.zeros((len(names), side, side), np.uint8)
    dataset = from_arrays({"train": (images, labels)}, class_names=names)
    assert data_facts(dataset).known_as == known


def test_nothing_can_be_read(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(5):
            (tmp_path / name / f"{i}.png").write_bytes(b"\x89PNG\r\n\x1a\nno image")
    facts = data_facts(open_dataset(tmp_path))
    assert (facts.num_sampled, facts.median_side, facts.same_size) == (0, 0, False)
