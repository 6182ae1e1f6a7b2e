"""Copies of images: crops, JPEGs and mirror images are found, other images are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from resnets.data import duplicates, neighbours
from resnets.data.duplicates import Duplicate, duplicate_groups, find_duplicates, find_exact
from resnets.data.image_signatures import mirrored, signatures

from .planted import crop, jpeg, mirror, photographs, shot

COUNT = 144
Change = Callable[[Image.Image, np.random.Generator], Image.Image]
CHANGES: dict[str, Change] = {
    "crop to 90 %": lambda image, random: shot(jpeg(crop(image, random))),
    "JPEG quality 40": lambda image, _: shot(jpeg(image, 40)),
    "mirrored": lambda image, _: shot(jpeg(mirror(image))),
    "all three": lambda image, random: shot(jpeg(mirror(crop(image, random)), 40)),
    "half size": lambda image, _: image.resize((48, 48)),
    "twice as wide": lambda image, _: image.resize((192, 96)),
    "darker": lambda image, _: image.point(lambda level: int(0.8 * level)),
}


@pytest.mark.parametrize("size", [96, 32])
def test_copies_are_found_and_others_are_not(size: int) -> None:
    random = np.random.default_rng(0)
    originals = photographs(COUNT, size=size)
    copies = [change(image, random) for change in CHANGES.values() for image in originals]
    pairs = find_duplicates(signatures([*originals, *copies]))
    found = {(pair.a, pair.b) for pair in pairs}
    for k, name in enumerate(CHANGES, start=1):
        recall = sum((i, COUNT * k + i) in found for i in range(COUNT)) / COUNT
        # Promised is each change by itself; of 32 pixels, all of them together leave little.
        assert recall >= (0.85 if (size, name) == (32, "all three") else 0.95), (name, recall)
    wrong = [pair for pair in pairs if pair.a % COUNT != pair.b % COUNT]
    assert len(wrong) <= 0.01 * COUNT
    assert all(pair.kind == "near" and 0.9 < pair.score <= 1 and pair.a < pair.b for pair in pairs)


def test_mirror_images_are_called_so() -> None:
    first, second = photographs(2)
    pairs = find_duplicates(signatures([first, mirror(first), second, second.resize((80, 80))]))
    assert [(pair.a, pair.b, pair.mirrored) for pair in pairs] == [(0, 1, True), (2, 3, False)]


def test_plain_images_are_no_copies_of_each_other() -> None:
    plain = [Image.new("RGB", (64, 64), (level, level, level)) for level in range(0, 256, 16)]
    assert find_duplicates(signatures(plain)) == []


def test_noise_is_no_copy_of_other_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    assert find_duplicates(signatures(noise)) == []


def test_same_digests_are_exact() -> None:
    images = signatures(photographs(5))
    files = [b"a", b"b", b"a", b"c", b"d"]
    pixels = [b"1", b"2", b"1", b"2", b""]
    assert find_duplicates(images, [files, pixels]) == [
        Duplicate(0, 2, "exact", 1.0),
        Duplicate(1, 3, "exact", 1.0),
    ]


def test_digests_of_files_and_of_pixels_join_into_one_group() -> None:
    pairs = find_exact(4, [[b"a", b"b", b"b", b""], [b"1", b"1", b"2", b""]])
    assert [(pair.a, pair.b) for pair in pairs] == [(0, 1), (0, 2)]
    assert find_exact(3, [[b"", b"", b""]]) == []


def test_groups_join_pairs_that_share_an_image() -> None:
    pairs = [Duplicate(0, 4, "near", 0.98), Duplicate(2, 3, "exact", 1.0), Duplicate(4, 5, "near", 0.99)]
    assert duplicate_groups(pairs, 7) == [[0, 4, 5], [2, 3]]
    assert duplicate_groups([], 3) == []


def test_no_images() -> None:
    assert find_duplicates(signatures([])) == []


def test_blocks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    originals = photographs(30)
    images = signatures([*originals, *[shot(jpeg(image, 60)) for image in originals]])
    whole = find_duplicates(images)
    monkeypatch.setattr(neighbours, "_QUERIES", 7)
    monkeypatch.setattr(neighbours, "_COLUMNS", 11)
    assert find_duplicates(images) == whole
    assert len(whole) == 30


def test_a_film_of_alike_frames_does_not_explode() -> None:
    frame = photographs(1)[0]
    frames = [frame.crop((0, 0, 96 - i % 3, 96 - i % 5)) for i in range(400)]
    candidates = neighbours.find_candidates(signatures(frames))
    assert len(candidates) <= 400 * 10 * 12
    pairs = find_duplicates(signatures(frames))
    assert duplicate_groups(pairs, 400) == [list(range(400))]


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_QUERIES", 4)
    told: list[tuple[int, int]] = []
    find_duplicates(signatures(photographs(10)), on_progress=lambda *done: told.append(done))
    assert told == [(2, 10), (4, 10), (5, 10), (10, 10)]


def test_progress_is_told_while_candidates_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_VERIFIED_AT_ONCE", 1)
    images = photographs(2)
    told: list[int] = []
    find_duplicates(
        signatures([*images, *map(mirror, images)]), on_progress=lambda done, _: told.append(done)
    )
    assert told == [2, 3, 4, 4]


def test_an_image_has_few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_MOST", 3)
    alike = signatures(np.full((20, 28, 28), 77, np.uint8))
    assert len(neighbours.find_candidates(alike)) <= 3 * 20


def test_signatures_of_mirror_images() -> None:
    images = photographs(3, size=32)
    expected = signatures([mirror(image) for image in images]).astype(int)
    assert np.abs(mirrored(signatures(images)).astype(int) - expected).max() <= 1


def test_signatures_take_grey_pixels() -> None:
    grey = np.full((2, 28, 28), 77, np.uint8)
    made = signatures(grey)
    assert made.shape == (2, 1152)
    assert set(made[0, :1024].tolist()) == {77}
    assert set(made[0, 1024:].tolist()) == {128}
