"""Fetching shards before an epoch comes to them: a server works while the network learns."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np

from resnets.data.order import SHARDS_AT_ONCE, Indices
from resnets.data.shards.shard import ShardImages
from resnets.data.shards.shard_cache import AHEAD, DOWNLOADS, LIMIT, Stopped, cache_limit
from resnets.errors import DataError, ResNetsError

_FAREWELL_S = 1.0
# For a thread that waits for another process's download; it ends with this one in any case.

log = logging.getLogger(__name__)


class ShardsAhead:
    """Downloads in threads of its own what the readers will ask for next.

    A shard that cannot be had is left to them: what they say of it ends the run.

    Args:
        images: in shards at addresses.
        tasks: indices of the images that are read, task after task.
        lead: tasks that the readers begin before their results are asked for.

    Raises:
        DataError: if the cache holds less than the readers need at a time.
    """

    def __init__(self, images: ShardImages, tasks: Sequence[Indices], *, lead: int) -> None:
        self._files = images.files
        self._lead = lead
        needed = [np.unique(images.shards[indices]).tolist() for indices in tasks]
        spare = _spare_room(images, _most_together(needed, lead + 1))
        self._ahead = min(AHEAD, spare)
        self._shards: list[int] = []  # in the order in which tasks come to them, some of them twice
        self._known: list[int] = []  # by task: how many of them it and those before it need
        used: dict[int, int] = {}  # when each was needed last, in numbers of those that came since
        for shards in needed:
            far = -len(self._shards) - SHARDS_AT_ONCE
            for shard in shards:
                if len(self._shards) - used.get(shard, far) >= SHARDS_AT_ONCE:
                    self._shards.append(shard)
            used |= dict.fromkeys(shards, len(self._shards))
            self._known.append(len(self._shards))
        self._next, self._may_fetch = 0, 0
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [threading.Thread(target=self._fetch_all, daemon=True) for _ in range(DOWNLOADS)]

    def go_on(self, task: int) -> None:
        """Fetch the shards that come next.

        Args:
            task: that was just read.
        """
        with self._changed:
            known = self._known[min(task + self._lead, len(self._known) - 1)]
            self._may_fetch = known + self._ahead
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is None:
                thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_FAREWELL_S)

    def _fetch_all(self) -> None:
        while (shard := self._take_turn()) is not None:
            try:
                self._files[shard].open(self._stop_if_ended).close()
            except Stopped:
                return
            except ResNetsError as error:
                log.info("%s", error)

    def _take_turn(self) -> int | None:
        """Wait for the next shard that may be fetched; None if there is none any more."""
        with self._changed:
            while not self._ended and self._next < len(self._shards):
                if self._next < self._may_fetch:
                    self._next += 1
                    return self._shards[self._next - 1]
                self._changed.wait()
        return None

    def _stop_if_ended(self, done: int, total: int | None) -> None:
        if self._ended:
            raise Stopped


def _most_together(needed: Sequence[Sequence[int]], tasks: int) -> int:
    """The most shards that so many tasks, one after the other, need."""
    most, counts = 0, Counter[int]()
    for task, shards in enumerate(needed):
        counts.update(shards)
        if task >= tasks:
            counts -= Counter(needed[task - tasks])
        most = max(most, len(counts))
    return most


def _spare_room(images: ShardImages, together: int) -> int:
    """How many shards the cache holds besides those that are read at a time and those on their way."""
    largest, limit = max(file.num_bytes for file in images.files), cache_limit()
    if sum(file.num_bytes for file in images.files) + DOWNLOADS * largest <= limit:
        return len(images.files)
    spare = limit // largest - DOWNLOADS - together
    if spare < 0:
        taken = (together + DOWNLOADS) * largest / 1e9
        raise DataError(
            f"the images that are read at a time are in {together} shards, and with {DOWNLOADS} more on "
            f"their way they may take {taken:.3g} GB of the cache, which holds {limit / 1e9:.3g}: set "
            f"{LIMIT}, or read by fewer workers or in smaller batches"
        )
    return int(spare)
