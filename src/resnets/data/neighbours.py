"""Which images could be copies of which: those whose coarse shapes and colours point the same way.

Each image becomes a short vector: the lowest frequencies of its grey picture and of its colours, by the
discrete cosine transform, as in the perceptual hash of Zauner 2010, sec. 3.2.1, but as numbers instead
of bits. The vectors of a crop and of its original are far apart; so each image is looked up ten times:
whole, as four windows of 92 %, and mirrored. The comparison is a product of matrices, of all with all:
nothing is lost to an index, and 110,000 images take a processor minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnets.data.image_signatures import (
    COLOUR_SIDE,
    GREY_SIDE,
    Signatures,
    colour_differences,
    grey_levels,
    mirrored,
)
from resnets.data.registration import Windows

Floats = NDArray[np.float32]

WINDOWS = (
    (0.0, 0.0, 1.0),
    (0.01, 0.01, 0.92),
    (0.07, 0.01, 0.92),
    (0.01, 0.07, 0.92),
    (0.07, 0.07, 0.92),
)
"""Left, top and side, as shares: any crop to 90 % or more of the sides is within 3 % of one of them."""

_GREY_FREQUENCIES, _COLOUR_FREQUENCIES = 6, 3
_PLAIN = 4.0  # length of the vector of a picture that has next to no contrast
_SIMILARITY = 0.88
# Cosine; 99.7 % of crops of CIFAR-10 and Tiny-ImageNet images are above it, and 5 pairs in a million.
_QUERIES, _COLUMNS = 512, 1024  # of one product, whose result stays in the cache
_MOST = 12
# Candidates that an image is given: in Fashion-MNIST three pairs of a hundred are alike, in a film all
# are. Of 300 copies planted in the former, 95 % are found with this limit (86 % of crops to 90 %, all
# JPEGs of quality 40, all mirror images), and 99.7 % without.


@dataclass(frozen=True)
class Candidates:
    """Pairs of images that may be copies.

    Attributes:
        whole: (N,), indices of the images that may have been cropped.
        part: (N,), indices of what may be their copies.
        windows: (N,), where in the first image the second may lie, indices of `WINDOWS`.
        mirrored: (N,), whether the first has to be mirrored.
    """

    whole: NDArray[np.int64]
    part: NDArray[np.int64]
    windows: NDArray[np.int64]
    mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.whole)

    def guesses(self) -> Windows:
        """The windows, for `registration.likeness`."""
        chosen = np.asarray(WINDOWS, np.float32)[self.windows]
        return Windows.of(chosen[:, 0], chosen[:, 1], chosen[:, 2])


def find_candidates(
    signatures: Signatures, *, on_progress: Callable[[int, int], None] | None = None
) -> Candidates:
    """Find pairs of images that may be copies of each other.

    Args:
        signatures: of all images.
        on_progress: is called with the images done and their number.

    Shape:
        (N, 1152)
    """
    stored = _in_blocks(signatures, 0).T
    found = []
    for start in range(0, len(signatures), _QUERIES):
        block = signatures[start : start + _QUERIES]
        hits = [
            _look_up(_vectors(queries, window), stored, first=start, code=2 * window + flipped)
            for flipped, queries in enumerate((block, mirrored(block)))
            for window in range(len(WINDOWS))
        ]
        found.append(_most_similar(_best_of_each_pair(np.concatenate(hits))))
        if on_progress:
            on_progress(min(start + _QUERIES, len(signatures)), len(signatures))
    best = _best_of_each_pair(np.concatenate(found)) if found else np.empty(0, _HIT)
    windows, flips = np.divmod(best["code"].astype(np.int64), 2)
    return Candidates(best["query"], best["stored"], windows, flips.astype(np.bool_))


_HIT = np.dtype([("query", "i8"), ("stored", "i8"), ("code", "i1"), ("similarity", "f4")])


def _look_up(queries: Floats, stored: Floats, *, first: int, code: int) -> NDArray[np.void]:
    """Compare some images with all.

    Args:
        queries: (Q, D).
        stored: (D, N).
        first: index of the first query.
        code: of the query's window and mirroring.
    """
    # Between whole images, one direction tells both.
    begin = first // _COLUMNS * _COLUMNS if code < 2 else 0
    hits = [np.empty(0, _HIT)]
    for left in range(begin, stored.shape[1], _COLUMNS):
        cosines = queries @ stored[:, left : left + _COLUMNS]
        rows = np.flatnonzero(cosines.max(1) >= _SIMILARITY)
        if not len(rows):
            continue
        near = cosines[rows]
        crowded = (near >= _SIMILARITY).sum(1) > _MOST
        for row in np.flatnonzero(crowded):
            near[row, np.argpartition(near[row], -_MOST)[:-_MOST]] = -1
        at, column = np.nonzero(near >= _SIMILARITY)
        hit = np.empty(len(at), _HIT)
        hit["query"], hit["stored"] = rows[at] + first, column + left
        hit["code"], hit["similarity"] = code, near[at, column]
        hits.append(hit[hit["query"] != hit["stored"]])
    return np.concatenate(hits)


def _best_of_each_pair(hits: NDArray[np.void]) -> NDArray[np.void]:
    """Keep the best window of each pair."""
    low = np.minimum(hits["query"], hits["stored"])
    high = np.maximum(hits["query"], hits["stored"])
    order = np.lexsort((-hits["similarity"], high, low))
    hits, low, high = hits[order], low[order], high[order]
    first = np.ones(len(hits), np.bool_)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return hits[first]


def _most_similar(hits: NDArray[np.void]) -> NDArray[np.void]:
    """Keep the best pairs of each query."""
    hits = hits[np.lexsort((-hits["similarity"], hits["query"]))]
    _, first, counts = np.unique(hits["query"], return_index=True, return_counts=True)
    rank = np.arange(len(hits)) - np.repeat(first, counts)
    return hits[rank < _MOST]


def _in_blocks(signatures: Signatures, window: int) -> Floats:
    parts = [_vectors(signatures[i : i + 8192], window) for i in range(0, len(signatures), 8192)]
    return np.concatenate(parts) if parts else np.empty((0, 1), np.float32)


def _vectors(signatures: Signatures, window: int) -> Floats:
    """Describe a window of images in a unit vector.

    Shape:
        (N, 1152) -> (N, 53)
    """
    left, top, side = WINDOWS[window]
    grey = grey_levels(signatures)
    grey -= grey.mean((1, 2), keepdims=True)
    parts = []
    for planes, length, count in (
        (grey, GREY_SIDE, _GREY_FREQUENCIES),
        (colour_differences(signatures), COLOUR_SIDE, _COLOUR_FREQUENCIES),
    ):
        down, across = _cosines(length, count, top, side), _cosines(length, count, left, side)
        waves = down @ planes @ across.T / length
        parts.append((waves * _weights(count)).reshape(len(signatures), -1))
    parts[0] = parts[0][:, 1:]  # brightness may change; the colours' means may not
    vectors = np.concatenate(parts, axis=1)
    lengths = np.sqrt((vectors**2).sum(1, keepdims=True) + _PLAIN**2)
    result: Floats = (vectors / lengths).astype(np.float32)
    return result


def _weights(count: int) -> Floats:
    """Raise high frequencies, as natural pictures have less of them (Field 1987)."""
    waves = np.arange(count)
    squares = np.maximum(waves[:, None] ** 2 + waves**2, 0.5)
    weights: Floats = (squares**0.35).astype(np.float32)
    return weights


def _cosines(length: int, count: int, start: float, side: float) -> Floats:
    """The cosine transform's lowest waves over a window, pixels at its edge by their share in it.

    Shape:
        (count, length)
    """
    edges = np.arange(length + 1) / length
    cover = (
        np.clip(np.minimum(edges[1:], start + side) - np.maximum(edges[:-1], start), 0, None) * length
    )
    places = np.clip(((edges[1:] + edges[:-1]) / 2 - start) / side, 0, 1)
    waves = np.cos(np.pi * np.arange(count)[:, None] * places) * cover * np.sqrt(2 / cover.sum())
    waves[0] /= np.sqrt(2)
    result: Floats = waves.astype(np.float32)
    return result
