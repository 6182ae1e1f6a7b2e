"""The order of the data and every random draw as pure functions of (seed, epoch, index): no state.

Whoever knows the seed, the epoch and the step knows which images come next and how each is drawn, so
a run can be resumed at any step, with another number of workers or processes, without replaying it.

The numbers are those of splitmix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195, fig. 14):
the i-th output of the generator with key k is mix(k + (i + 1) * 0x9e3779b97f4a7c15). Any output can be
had without those before it, and all of it is written out here because NumPy does not promise that its
own streams stay the same from version to version (NEP 19).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.int64]
Seeds: TypeAlias = NDArray[np.uint64]

_GAMMA = 0x9E3779B97F4A7C15
_FACTORS = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_BITS = 2**64 - 1

_ORDER, _IMAGES, _BALANCE, _STEPS, _SHARDS = range(5)
"""What a stream is for: the first thing that is mixed into a seed."""

SHARDS_AT_ONCE = 8
"""From how many shards the images of any moment of an epoch come."""


def epoch_order(num_images: int, *, seed: int, epoch: int, shuffle: bool = True) -> Indices:
    """Put all images into the order of one epoch, each exactly once.

    Args:
        num_images: how many there are.
        seed: of the run, 0 or more.
        epoch: 0 or more.
        shuffle: in an order that differs from epoch to epoch; else in their own.

    Shape:
        (num_images,)
    """
    if not shuffle:
        return np.arange(num_images)
    return np.argsort(_outputs(_key(_ORDER, seed, epoch), num_images), kind="stable")


def balanced_order(labels: Indices, *, seed: int, epoch: int, num_images: int | None = None) -> Indices:
    """Put images into an order in which every class comes equally often.

    Of a class, no image comes a second time before all others came once. Images whose label is not
    known (-1) are left out.

    Args:
        labels: of all images.
        seed: of the run, 0 or more.
        epoch: 0 or more.
        num_images: length of the epoch. [number of labels]

    Shape:
        (num_images,)
    """
    total = len(labels) if num_images is None else num_images
    classes = np.unique(labels[labels >= 0])
    assert len(classes), "no image has a label"
    key = _key(_BALANCE, seed, epoch)
    # Where the classes do not divide the epoch, chance decides which of them come once more.
    turns = np.argsort(_outputs(key, len(classes)), kind="stable")
    chosen = []
    for turn, which in enumerate(turns.tolist()):
        members = np.flatnonzero(labels == classes[which])
        count = total // len(classes) + (turn < total % len(classes))
        rounds = [
            members[np.argsort(_outputs(_derived(key, which, again), len(members)), kind="stable")]
            for again in range(-(-count // len(members)))
        ]
        chosen.append(np.concatenate(rounds)[:count] if rounds else members[:0])
    return np.concatenate(chosen)[epoch_order(total, seed=seed, epoch=epoch)]


def shard_order(shards: Indices, *, seed: int, epoch: int) -> Indices:
    """Put images in shards into the order of one epoch, each exactly once, few shards at a time.

    The shards stand in a circle, in an order that differs from epoch to epoch, and each image draws a
    place anywhere in the stretch of `SHARDS_AT_ONCE` shards that begins with its own. So whichever part
    of an epoch is read, its images come from that many shards, equally from each, and one shard is done
    where another begins: shards can be fetched one after the other, and fewer are kept than there are.
    A set of no more shards than that has a plain random order.

    Args:
        shards: that the images are in, by any numbers.
        seed: of the run, 0 or more.
        epoch: 0 or more.

    Shape:
        (N,) -> (N,)
    """
    numbers, which = np.unique(shards, return_inverse=True)
    key = _key(_SHARDS, seed, epoch)
    places = np.empty(len(numbers), np.int64)
    places[np.argsort(_outputs(_derived(key, 0), len(numbers)), kind="stable")] = np.arange(len(numbers))
    drawn = (_outputs(_derived(key, 1), len(shards)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    stretch = min(SHARDS_AT_ONCE, len(numbers))
    return np.argsort((places[which] + stretch * drawn) % len(numbers), kind="stable")


def num_steps(num_images: int, *, batch_size: int, drop_last: bool = False) -> int:
    """Count the steps of an epoch.

    Args:
        num_images: of the epoch.
        batch_size: images of one step, over all processes together.
        drop_last: leave out the last step if it is not full, unless it is the only one.
    """
    full, rest = divmod(num_images, batch_size)
    return full + bool(rest and not (drop_last and full))


def batch_indices(
    order: Indices, step: int, *, batch_size: int, rank: int = 0, num_ranks: int = 1
) -> Indices:
    """Choose the images that a process sees at a step.

    The step's images are divided among the processes in order, as evenly as possible, none twice: the
    shares of a step that does not divide evenly differ by one image, and may be empty.

    Args:
        order: of the epoch.
        step: of the epoch, 0 or more.
        batch_size: images of one step, over all processes together; another number of processes then
            leaves every step's images as they were.
        rank: of this process.
        num_ranks: processes.
    """
    assert batch_size > 0 <= step
    assert 0 <= rank < num_ranks
    images = order[step * batch_size : (step + 1) * batch_size]
    start, stop = (len(images) * r // num_ranks for r in (rank, rank + 1))
    return images[start:stop]


def image_seeds(seed: int, epoch: int, indices: Indices) -> Seeds:
    """Give each image its own random stream for an epoch.

    Args:
        seed: of the run, 0 or more.
        epoch: 0 or more.
        indices: of images.

    Returns:
        One seed per image, which `uniforms` turns into numbers.
    """
    with np.errstate(over="ignore"):
        streams = (indices.astype(np.uint64) + np.uint64(1)) * np.uint64(_GAMMA)
        return _mix(np.uint64(_key(_IMAGES, seed, epoch)) + streams)


def step_seed(seed: int, step: int) -> int:
    """Give a step of a run its own random stream, for what is drawn for all images together.

    Args:
        seed: of the run, 0 or more.
        step: of the run, 0 or more.

    Returns:
        0 to 2**63 - 1, as `torch.manual_seed` takes it.
    """
    return _key(_STEPS, seed, step) >> 1


def repeated(order: Indices, repeats: int) -> Indices:
    """Let each image of an epoch come several times in a row, and the epoch end as soon as without.

    The k-th time, an image's index is larger by k times the number of images, so that it is drawn anew
    (Hoffer et al. 2019, arXiv:1901.09335; the length of the epoch is that of torchvision's RASampler).

    Args:
        order: of the epoch, without repeats.
        repeats: times that each image comes.

    Shape:
        (N,) -> (N,)
    """
    count = len(order)
    copies = order[: -(-count // repeats), None] + count * np.arange(repeats)
    return copies.reshape(-1)[:count]


def uniforms(seeds: Seeds, count: int) -> NDArray[np.float64]:
    """Draw numbers from the stream of each image, uniform in [0, 1) with 53 bits.

    Args:
        seeds: of images.
        count: numbers per image; the first ones do not depend on how many are drawn.

    Shape:
        (N,) -> (N, count)
    """
    with np.errstate(over="ignore"):
        counters = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GAMMA)
        drawn = _mix(seeds[:, None] + counters)
    return (drawn >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(z: Seeds) -> Seeds:
    """The finaliser of splitmix64: every bit of the input moves every bit of the output."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_FACTORS[0])
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_FACTORS[1])
    return z ^ (z >> np.uint64(31))


def _outputs(key: int, count: int) -> Seeds:
    """The first outputs of a stream."""
    with np.errstate(over="ignore"):
        return _mix(np.uint64(key) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GAMMA))


def _key(purpose: int, seed: int, epoch: int) -> int:
    return _derived(0, purpose, seed, epoch)


def _derived(key: int, *parts: int) -> int:
    """Make a key out of a key and numbers of 0 to 2**64 - 1: each picks an output of the last stream."""
    for part in parts:
        z = (key + (part + 1) * _GAMMA) & _BITS
        # As `_mix`; one number is mixed ten times as fast without NumPy.
        z = ((z ^ (z >> 30)) * _FACTORS[0]) & _BITS
        z = ((z ^ (z >> 27)) * _FACTORS[1]) & _BITS
        key = z ^ (z >> 31)
    return key
