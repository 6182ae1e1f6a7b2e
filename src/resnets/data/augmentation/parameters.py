"""Random parameters of augmentation: pure functions of (seed, epoch, index), one stream for each use.

What is drawn for an image does not depend on the batch it is in, on its place there, on the number of
workers or on the device; and an augmentation that is switched on leaves the draws of others as they
were.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from resnets.data.order import Indices, Seeds, image_seeds, uniforms

Numbers: TypeAlias = NDArray[np.float64]

_TRIES = 8  # drawn at a time for a gamma variate; 0.95 of single ones are accepted


class Purpose(IntEnum):
    """What a stream is for. A number, once given, stays: it is part of what a seed means."""

    BOX = 0
    PAD_CROP = 1
    FLIP = 2
    POLICY = 3
    POLICY_MAGNITUDE = 4
    JITTER = 5
    JITTER_ORDER = 6
    LIGHTING = 7
    ERASING = 8
    ERASING_PIXELS = 9
    CUTOUT = 10
    MIXING = 11
    MIXUP = 12
    CUTMIX = 13
    CUTMIX_BOX = 14


class Draws:
    """Random numbers for the images of a batch, a row for each; a purpose is used for one draw only.

    Args:
        seed: of the run, 0 or more.
        epoch: 0 or more.
        indices: (N,), of the images in their split. An image that comes several times in an epoch
            (repeated augmentation) needs another number each time, such as its index plus a multiple
            of the number of images.
    """

    def __init__(self, *, seed: int, epoch: int, indices: Indices | Tensor | Sequence[int]) -> None:
        self._seed, self._epoch = seed, epoch
        numbers = indices.cpu().numpy() if isinstance(indices, Tensor) else indices
        self._indices: Indices = np.asarray(numbers, np.int64)

    def __len__(self) -> int:
        return len(self._indices)

    def of(self, images: slice) -> Draws:
        """The draws of some images alone.

        Args:
            images: their places in the batch.
        """
        return Draws(seed=self._seed, epoch=self._epoch, indices=self._indices[images])

    def uniform(self, purpose: Purpose, count: int = 1) -> Numbers:
        """Draw from [0, 1).

        Args:
            purpose: of the draw.
            count: numbers for each image.

        Shape:
            (N, count)
        """
        return uniforms(self._streams(purpose), count)

    def normal(self, purpose: Purpose, count: int = 1) -> Numbers:
        """Draw from the normal distribution with mean 0 and standard deviation 1.

        Args:
            purpose: of the draw.
            count: numbers for each image.

        Shape:
            (N, count)
        """
        return _normal(self.uniform(purpose, 2 * count))

    def choice(self, purpose: Purpose, num_choices: int, count: int = 1) -> NDArray[np.int64]:
        """Draw from 0 to num_choices - 1, each as likely.

        Args:
            purpose: of the draw.
            num_choices: what there is to choose from.
            count: choices for each image.

        Shape:
            (N, count)
        """
        return below(self.uniform(purpose, count), num_choices)

    def happens(self, purpose: Purpose, probability: float) -> NDArray[np.bool_]:
        """Decide for each image whether something happens to it.

        Args:
            purpose: of the draw.
            probability: that it does, 0 to 1.

        Shape:
            (N,)
        """
        return self.uniform(purpose)[:, 0] < probability

    def order(self, purpose: Purpose, length: int) -> NDArray[np.int64]:
        """Draw an order of things, each as likely.

        Args:
            purpose: of the draw.
            length: number of things.

        Shape:
            (N, length)
        """
        return np.argsort(self.uniform(purpose, length), axis=1, kind="stable")

    def beta(self, purpose: Purpose, alpha: float) -> Numbers:
        """Draw from the beta distribution with both parameters `alpha`, above 0.

        Shape:
            (N,)

        Source:
            X / (X + Y) of two gamma variates, each by Marsaglia and Tsang 2000,
            doi:10.1145/358407.358414, raised from alpha + 1 to alpha by their sec. 6. Logarithms, since
            variates of a small alpha are too small for a floating-point number.
        """
        streams = self._streams(purpose)
        first, second = (
            _log_gamma_variate(_substream(streams, which), alpha + 1)
            + np.log1p(-uniforms(_substream(streams, which + 2), 1)[:, 0]) / alpha
            for which in (0, 1)
        )
        with np.errstate(over="ignore"):
            share: Numbers = 1 / (1 + np.exp(second - first))
        return share

    def _streams(self, purpose: Purpose) -> Seeds:
        # The seed of a purpose is that of an image of the same number: as good as any other number.
        key = image_seeds(self._seed, self._epoch, np.array([int(purpose)], np.int64))
        return image_seeds(int(key[0]), self._epoch, self._indices)


def below(draws: Numbers, limit: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn uniform numbers into integers of 0 to limit - 1.

    Args:
        draws: in [0, 1).
        limit: above 0; one for all numbers, or for each.
    """
    return (draws * limit).astype(np.int64)


def _normal(draws: Numbers) -> Numbers:
    """Box and Muller 1958, doi:10.1214/aoms/1177706645: two uniform numbers for each normal one."""
    radius = np.sqrt(-2 * np.log1p(-draws[:, 0::2]))
    normal: Numbers = radius * np.cos(2 * np.pi * draws[:, 1::2])
    return normal


def _substream(streams: Seeds, which: int) -> Seeds:
    return image_seeds(which, 0, streams.view(np.int64))


def _log_gamma_variate(streams: Seeds, shape: float) -> Numbers:
    """Logarithms of gamma variates of a shape of at least 1, one for each stream."""
    third = shape - 1 / 3
    factor = 1 / np.sqrt(9 * third)
    result = np.empty(len(streams))
    waiting = np.arange(len(streams))
    count = _TRIES
    while len(waiting):  # for each stream the first try that is accepted, however many others need
        draws = uniforms(streams[waiting], 3 * count)[:, 3 * (count - _TRIES) :]
        pairs = np.stack([draws[:, 0::3], draws[:, 1::3]], axis=2).reshape(len(waiting), 2 * _TRIES)
        normal = _normal(pairs)
        cube = np.maximum(1 + factor * normal, 0) ** 3
        with np.errstate(divide="ignore"):
            log_cube = np.log(cube)
            limit = normal**2 / 2 + third * (1 - cube + log_cube)
        is_accepted = (cube > 0) & (np.log1p(-draws[:, 2::3]) < limit)
        is_done = is_accepted.any(axis=1)
        chosen = log_cube[np.arange(len(waiting)), is_accepted.argmax(axis=1)]
        result[waiting[is_done]] = np.log(third) + chosen[is_done]
        waiting = waiting[~is_done]
        count += _TRIES
    return result
