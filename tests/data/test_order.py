"""The order of the data is a function of (seed, epoch, step), and chance one of (seed, epoch, index)."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from resnets.data.order import (
    SHARDS_AT_ONCE,
    _outputs,
    balanced_order,
    batch_indices,
    epoch_order,
    image_seeds,
    num_steps,
    repeated,
    shard_order,
    step_seed,
    uniforms,
)

COUNTS = st.integers(1, 300)
NUMBERS = st.integers(0, 2**64 - 1)


def test_the_generator_is_splitmix64() -> None:
    # First outputs for the seeds 0 and 1234567, as in the JDK's SplittableRandom and Rosetta Code.
    from_zero = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert _outputs(0, 3).tolist() == from_zero
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert _outputs(1234567, 3).tolist() == published


@given(num_images=COUNTS, seed=NUMBERS, epoch=NUMBERS, shuffle=st.booleans())
def test_every_image_comes_once(num_images: int, seed: int, epoch: int, shuffle: bool) -> None:
    order = epoch_order(num_images, seed=seed, epoch=epoch, shuffle=shuffle)
    assert sorted(order.tolist()) == list(range(num_images))
    assert (order == epoch_order(num_images, seed=seed, epoch=epoch, shuffle=shuffle)).all()


@given(num_images=COUNTS, batch_size=COUNTS, num_ranks=st.integers(1, 9), start=COUNTS, seed=NUMBERS)
def test_every_image_comes_once_for_any_batch_world_and_resume_point(
    num_images: int, batch_size: int, num_ranks: int, start: int, seed: int
) -> None:
    order = epoch_order(num_images, seed=seed, epoch=0)
    steps = num_steps(num_images, batch_size=batch_size)
    start = min(start, steps)
    seen = [
        index
        for first, last, ranks in ((0, start, num_ranks), (start, steps, 2 * num_ranks + 1))
        for step in range(first, last)
        for rank in range(ranks)
        for index in batch_indices(
            order, step, batch_size=batch_size, rank=rank, num_ranks=ranks
        ).tolist()
    ]
    assert seen == order.tolist()


@given(num_images=COUNTS, batch_size=COUNTS, num_ranks=st.integers(1, 9))
def test_ranks_share_a_step_evenly(num_images: int, batch_size: int, num_ranks: int) -> None:
    order = np.arange(num_images)
    for step in range(num_steps(num_images, batch_size=batch_size)):
        shares = [
            len(batch_indices(order, step, batch_size=batch_size, rank=rank, num_ranks=num_ranks))
            for rank in range(num_ranks)
        ]
        assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize(
    ("num_images", "drop_last", "steps"),
    [(0, False, 0), (10, False, 3), (10, True, 2), (8, True, 2), (3, True, 1), (3, False, 1)],
)
def test_num_steps(num_images: int, drop_last: bool, steps: int) -> None:
    assert num_steps(num_images, batch_size=4, drop_last=drop_last) == steps


def test_epochs_and_seeds_differ() -> None:
    orders = {
        tuple(epoch_order(50, seed=seed, epoch=epoch).tolist())
        for seed in range(5)
        for epoch in range(5)
    }
    assert len(orders) == 25


def test_every_place_is_equally_likely() -> None:
    places = np.stack([epoch_order(8, seed=0, epoch=epoch) for epoch in range(4000)])
    counts = np.stack([np.bincount(column, minlength=8) for column in places.T])
    chi_squared = ((counts - 500) ** 2 / 500).sum()
    assert 25 < chi_squared < 85  # 49 degrees of freedom: 0.1 % to 99.9 %


@settings(deadline=None)
@given(
    labels=st.lists(st.integers(-1, 6), min_size=1, max_size=80).filter(lambda x: max(x) >= 0),
    epoch=st.integers(0, 100),
    num_images=st.integers(0, 200),
)
def test_balanced_order_shows_classes_equally_often(
    labels: list[int], epoch: int, num_images: int
) -> None:
    given_labels = np.array(labels)
    order = balanced_order(given_labels, seed=1, epoch=epoch, num_images=num_images)
    assert len(order) == num_images
    classes = sorted(set(labels) - {-1})
    counts = [int((given_labels[order] == c).sum()) for c in classes]
    assert sum(counts) == num_images
    assert max(counts) - min(counts) <= 1
    for c in classes:
        times = np.bincount(order, minlength=len(labels))[given_labels == c]
        assert times.max() - times.min() <= 1  # none again before all others came


def test_balanced_order_reaches_every_image_of_a_large_class() -> None:
    labels = np.array([0] * 100 + [1] * 10)
    seen = {i for epoch in range(20) for i in balanced_order(labels, seed=0, epoch=epoch).tolist()}
    assert seen == set(range(110))
    assert len(balanced_order(labels, seed=0, epoch=0)) == 110


@given(seed=NUMBERS, epoch=NUMBERS, order=st.permutations(range(20)), cut=st.integers(0, 20))
def test_an_image_has_its_stream_whoever_asks(seed: int, epoch: int, order: list[int], cut: int) -> None:
    whole = image_seeds(seed, epoch, np.arange(20))
    parts: list[NDArray[np.uint64]] = [
        image_seeds(seed, epoch, np.array(part, np.int64)) for part in (order[:cut], order[cut:])
    ]
    assert (np.concatenate(parts) == whole[order]).all()
    assert (uniforms(whole, 5)[:, :2] == uniforms(whole, 2)).all()


def test_streams_are_independent_and_uniform() -> None:
    drawn = np.stack([uniforms(image_seeds(0, epoch, np.arange(2000)), 4) for epoch in range(5)])
    assert 0 <= drawn.min() < drawn.max() < 1
    assert len(np.unique(drawn)) == drawn.size
    counts = np.histogram(drawn, bins=20, range=(0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 44  # 19 degrees of freedom: 99.9 %
    # Between neighbouring images, epochs and draws: standard error of a correlation is 0.005.
    for a, b in (
        (drawn[:, 1:], drawn[:, :-1]),
        (drawn[1:], drawn[:-1]),
        (drawn[..., 1:], drawn[..., :-1]),
    ):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.025


def test_order_and_streams_need_no_torch() -> None:
    code = "import sys, resnets.data.order; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(num_images=st.integers(1, 200), repeats=st.integers(1, 5))
def test_repeats_show_fewer_images_more_often(num_images: int, repeats: int) -> None:
    order = repeated(epoch_order(num_images, seed=1, epoch=0), repeats)
    assert len(order) == num_images
    assert len(set(order.tolist())) == num_images  # each repetition is drawn anew
    counts = np.bincount(order % num_images)
    assert counts.max() <= repeats
    assert (counts > 0).sum() == -(-num_images // repeats)


def test_steps_have_seeds_of_their_own() -> None:
    seeds = {step_seed(seed, step) for seed in range(20) for step in range(500)}
    assert len(seeds) == 10_000
    assert all(0 <= seed < 2**63 for seed in seeds)


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=40), seed=NUMBERS, epoch=NUMBERS)
def test_images_in_shards_come_once_each(sizes: list[int], seed: int, epoch: int) -> None:
    shards = np.repeat(np.arange(len(sizes)) * 7, sizes)  # any numbers
    order = shard_order(shards, seed=seed, epoch=epoch)
    assert sorted(order.tolist()) == list(range(len(shards)))
    assert (order == shard_order(shards, seed=seed, epoch=epoch)).all()


def test_few_shards_at_a_time_equally_from_each() -> None:
    shards = np.repeat(np.arange(100), 200)
    order = shard_order(shards, seed=3, epoch=0)
    for start in range(0, len(order), 200):
        found, counts = np.unique(shards[order[start : start + 200]], return_counts=True)
        # As many images as one shard has: the stretch has moved on by about one.
        assert SHARDS_AT_ONCE - 2 <= len(found) <= SHARDS_AT_ONCE + 3
        assert counts.max() < 3 * 200 / SHARDS_AT_ONCE
    assert (order != shard_order(shards, seed=3, epoch=1)).mean() > 0.9
    assert (order != shard_order(shards, seed=4, epoch=0)).mean() > 0.9


def test_few_shards_are_mixed_all_together() -> None:
    shards = np.repeat(np.arange(4), 250)
    order = shard_order(shards, seed=3, epoch=0)
    for start in range(0, 1000, 100):
        assert np.bincount(shards[order[start : start + 100]], minlength=4).min() > 8
