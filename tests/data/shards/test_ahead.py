"""Shards are fetched before they are asked for, but not long before, and no longer than anybody waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from resnets.data.opening import open_dataset
from resnets.data.shards.ahead import ShardsAhead, _most_together
from resnets.data.shards.shard import ShardImages
from resnets.data.shards.shard_cache import AHEAD, shards_folder
from tests.data.shards.writing import Server, serving, write_shards

SHARDS = 12


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "nothing was fetched"
        time.sleep(0.005)


def remote_images(server: Server) -> ShardImages:
    """Images of which none is in the cache any more."""
    images = open_dataset(f"{server.url}/{{000..011}}.tar", val_share=0).splits["train"].images
    assert isinstance(images, ShardImages)
    for path in shards_folder().glob("*.tar"):
        path.unlink()
    server.asked.clear()
    return images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_shards(tmp_path / "photos", shards=SHARDS, images=2)
    return tmp_path / "photos"


@pytest.mark.parametrize("lead", [0, 1])
def test_the_next_shards_are_fetched(folder: Path, lead: int) -> None:
    with serving(folder) as server:
        images = remote_images(server)
        tasks = [np.array([2 * shard, 2 * shard + 1]) for shard in (3, 1, 6, 0, 7, 2, 5, 4)]
        with ShardsAhead(images, tasks, lead=lead) as ahead:
            assert not server.asked
            ahead.go_on(0)
            expected = [f"{shard:03}.tar" for shard in (3, 1, 6, 0)][: 1 + lead + AHEAD]
            wait_for(lambda: len(server.asked) == len(expected))
            time.sleep(0.05)
            assert sorted(server.asked) == sorted(expected)
            ahead.go_on(len(tasks) - 1)
            wait_for(lambda: len(server.asked) == len(tasks))


def test_a_shard_that_cannot_be_had_is_left_to_the_readers(folder: Path) -> None:
    with serving(folder) as server:
        images = remote_images(server)
        (folder / "001.tar").unlink()
        with ShardsAhead(images, [np.array([0]), np.array([2]), np.array([4])], lead=0) as ahead:
            ahead.go_on(0)
            wait_for(lambda: sorted(server.asked) == ["000.tar", "001.tar", "002.tar"])


def test_a_shard_that_comes_again_is_fetched_again(folder: Path) -> None:
    with serving(folder) as server:
        images = remote_images(server)
        tasks = [np.array([2 * shard]) for shard in (0, 1, 0, *range(2, 11), 10, 0)]
        ahead = ShardsAhead(images, tasks, lead=0)
    # At its second time, 0 is surely there; at its third, it may have been thrown out.
    assert ahead._shards == [*range(11), 0]


def test_shards_that_are_needed_together() -> None:
    assert _most_together([[1, 2], [2, 3], [3, 4], [9]], 2) == 3
    assert _most_together([[1], [1], [2]], 1) == 1
    assert _most_together([[1], [2], [3]], 9) == 3


def test_ending_ends_the_threads(folder: Path) -> None:
    with serving(folder) as server:
        images = remote_images(server)
        with ShardsAhead(images, [np.array([0]), np.array([15])], lead=0) as ahead:
            ahead.go_on(0)
        assert not any(thread.is_alive() for thread in ahead._threads)
