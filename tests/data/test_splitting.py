"""The validation split that is made here: stratified, repeatable, groups kept together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnets.data.opening import open_dataset
from resnets.data.sources.arrays import from_arrays
from resnets.data.splitting import STAYS, divide, with_validation
from resnets.errors import ConfigError
from tests.data.trees import assert_refused, counts, write_tree

LABELS = st.lists(st.integers(0, 4), min_size=2, max_size=60)
SHARES = st.floats(0.05, 0.95)
SEEDS = st.integers(0, 2**32)


def names_of(labels: list[int]) -> list[str]:
    return [f"{label}/{index}.jpg" for index, label in enumerate(labels)]


@settings(deadline=None)
@given(labels=LABELS, share=SHARES, seed=SEEDS)
def test_classes_are_divided_to_the_nearest_image(labels: list[int], share: float, seed: int) -> None:
    chosen = divide(names_of(labels), np.array(labels), share=share, seed=seed)
    assert chosen.shape == (len(labels),)  # each image is in one of the two, once
    for label, count in Counter(labels).items():
        in_val = int(chosen[np.array(labels) == label].sum())
        if count == 1:
            assert in_val == 0
        else:
            assert 1 <= in_val <= count - 1
            assert abs(in_val - share * count) <= 1


@settings(deadline=None)
@given(labels=LABELS, share=SHARES, seed=SEEDS)
def test_the_same_seed_gives_the_same_split_in_any_order(
    labels: list[int], share: float, seed: int
) -> None:
    names = names_of(labels)
    first = divide(names, np.array(labels), share=share, seed=seed)
    turned = divide(names[::-1], np.array(labels[::-1]), share=share, seed=seed)
    assert np.array_equal(first, turned[::-1])


@settings(deadline=None)
@given(data=st.data(), labels=LABELS, share=SHARES, seed=SEEDS)
def test_no_group_is_divided(data: st.DataObject, labels: list[int], share: float, seed: int) -> None:
    member = st.none() | st.integers(0, 6)
    groups = data.draw(st.lists(member, min_size=len(labels), max_size=len(labels)))
    chosen = divide(names_of(labels), np.array(labels), share=share, seed=seed, groups=groups)
    for group in set(groups) - {None}:
        assert len({bool(chosen[i]) for i, each in enumerate(groups) if each == group}) == 1
    for label in set(labels):
        of_class = chosen[np.array(labels) == label]
        assert not of_class.all(), "a class has no training image left"


@settings(deadline=None)
@given(seed=SEEDS, sizes=st.lists(st.integers(1, 5), min_size=8, max_size=30))
def test_classes_of_groups_are_near_their_share(seed: int, sizes: list[int]) -> None:
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    labels = np.zeros(len(groups), np.int64)
    names = names_of(labels.tolist())
    chosen = divide(names, labels, share=0.3, seed=seed, groups=groups)
    assert abs(chosen.sum() - 0.3 * len(groups)) <= max(sizes)
    assert chosen.any()


@settings(deadline=None)
@given(labels=st.lists(st.integers(0, 2), min_size=10, max_size=60), seed=SEEDS)
def test_a_new_file_moves_at_most_one_other(labels: list[int], seed: int) -> None:
    names = names_of(labels)
    before = divide(names, np.array(labels), share=0.2, seed=seed)
    after = divide([*names, "0/new.jpg"], np.array([*labels, 0]), share=0.2, seed=seed)
    assert (before != after[:-1]).sum() <= 1


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_seeds_differ(seed: int) -> None:
    labels = [0] * 100
    one, two = (divide(names_of(labels), np.array(labels), share=0.5, seed=s) for s in (seed, seed + 1))
    assert 20 < (one != two).sum() < 80


def test_a_group_larger_than_its_share_goes_to_val_if_nothing_else_can() -> None:
    groups = [0, 0, 0, 1, 1, 1, 1]
    chosen = divide(names_of([0] * 7), np.zeros(7, np.int64), share=0.1, seed=0, groups=groups)
    assert chosen.tolist() == [True] * 3 + [False] * 4


def test_what_must_stay_is_never_chosen() -> None:
    groups = [STAYS, STAYS, STAYS, None, None]
    labels = np.zeros(5, np.int64)
    for seed in range(20):
        chosen = divide(names_of([0] * 5), labels, share=0.9, seed=seed, groups=groups)
        assert not chosen[:3].any()
        assert chosen[3:].sum() == 1  # the other usable one is left
    nothing = divide(names_of([0] * 5), labels, share=0.5, seed=0, groups=[STAYS] * 5)
    assert not nothing.any()


def test_a_split_is_the_same_on_every_machine(tmp_path: Path) -> None:
    def drawn(root: Path, name: str) -> list[str]:
        dataset = open_dataset(write_tree(root, {name: 20, "bar": 20}))
        paths = [Path(str(path)) for path in dataset.splits["val"].images]
        return [path.name for path in paths]

    one = drawn(tmp_path / "here", "\u00e9t\u00e9")
    assert drawn(tmp_path / "there" / "deep", "e\u0301te\u0301") == one
    assert len(one) == 8


def test_where_it_came_from_is_recorded(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a": 10, "b": 20})
    dataset = open_dataset(tmp_path, seed=3, val_share=0.1)
    assert counts(dataset) == {"train": {"a": 9, "b": 18}, "val": {"a": 1, "b": 2}}
    assert dataset.split_origin == "val is 10 % of each class, drawn here by seed 3"
    groups = {f"a/{i}.jpg": 7 for i in range(9)}
    dataset = open_dataset(tmp_path, groups=groups)
    assert counts(dataset)["val"] == {"a": 1, "b": 4}
    assert (
        dataset.split_origin == "val is 20 % of each class, drawn here by seed 0; groups kept together"
    )


def test_test_images_are_left_alone(tmp_path: Path) -> None:
    dataset = open_dataset(write_tree(tmp_path, {"train/a": 5, "train/b": 5, "test": 2}))
    assert list(counts(dataset)) == ["train", "val", "test"]
    assert counts(dataset)["test"] == {"?": 2}


def test_what_cannot_be_divided(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "pets", {"a": 1, "b": 1})
    assert_refused(
        lambda: open_dataset(root),
        "pets cannot be divided into train and val: no class has two images that may be apart",
    )


@pytest.mark.parametrize("share", [0, 1, -0.5, float("nan")])
def test_shares_are_between_0_and_1(share: float) -> None:
    dataset = from_arrays({"train": (np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 0, 1]))})
    with pytest.raises(ConfigError) as caught:
        with_validation(dataset, share=share)
    assert str(caught.value) == f"1 problem in the split: val_share must be between 0 and 1, got {share}"
