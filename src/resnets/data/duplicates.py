"""Images that a data set holds more than once: the same file, the same pixels, or nearly the same.

Exact copies have the same SHA-256 of the file, or of the decoded pixels, so that a copy that was saved
again without loss counts too. Near-duplicates are found in two steps. `neighbours` proposes pairs by
the low frequencies of the image, of four of its windows and of its mirror image (as the perceptual
hashes of Zauner 2010 and of ImageHash do, but with numbers instead of bits: those hashes lose crops).
`registration` then lays the two on each other and correlates them window by window. Found are crops to
90 % of the sides or more, JPEGs down to quality 40, mirror images, new sizes, changes of brightness and
contrast, and combinations; not rotations, large overlays or other shots of the same thing.

Source:
    Zauner 2010, "Implementation and benchmarking of perceptual image hash functions"; Barz and Denzler
    2020, "Do we train on test data?", arXiv:1902.00423, for what is a near-duplicate and why it matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from resnets.data.image_signatures import Signatures, mirrored
from resnets.data.neighbours import Candidates, find_candidates
from resnets.data.registration import likeness

LIKENESS = 0.973
"""Of `registration.likeness`, from where on two images count as nearly the same: 99 % of CIFAR-10 images
are above it as JPEGs of quality 40, more of other copies and of larger images."""

_VERIFIED_AT_ONCE = 4096


@dataclass(frozen=True)
class Duplicate:
    """Two images that are the same, or nearly so.

    Attributes:
        a: index of one image.
        b: index of the other; greater than `a`.
        kind: 'exact' for the same file or pixels.
        score: likeness, 0 to 1.
        mirrored: one is the mirror image of the other.
    """

    a: int
    b: int
    kind: Literal["exact", "near"]
    score: float
    mirrored: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return asdict(self)


def find_duplicates(
    signatures: Signatures,
    digests: Sequence[Sequence[bytes]] = (),
    *,
    least: float = LIKENESS,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Duplicate]:
    """Find images that are the same, or nearly so.

    Of images that are exactly the same, only the first is compared with the others: a group of k of
    them has k - 1 pairs, all with its first image.

    Args:
        signatures: of all images, from `image_signatures.signatures`.
        digests: of all images, such as the SHA-256 of files, and a second list of those of pixels;
            images that share one are the same. An empty digest is shared with none.
        least: likeness from which on images count as nearly the same.
        on_progress: is called often, with the images compared and their number; when candidates are
            all found, half of the images count as compared.

    Shape:
        (N, 1152)
    """
    exact = find_exact(len(signatures), digests)
    copies = {pair.b for pair in exact}
    firsts = np.array([i for i in range(len(signatures)) if i not in copies], np.int64)
    chosen = signatures[firsts] if copies else signatures
    report = partial(_report, on_progress, len(chosen)) if on_progress else None
    candidates = find_candidates(chosen, on_progress=report and partial(report, 0.0))
    near = [
        Duplicate(int(firsts[min(a, b)]), int(firsts[max(a, b)]), "near", round(score, 4), flipped)
        for a, b, score, flipped in _verified(chosen, candidates, least, report and partial(report, 0.5))
    ]
    if on_progress:
        on_progress(len(chosen), len(chosen))
    return sorted([*exact, *near], key=lambda pair: (pair.a, pair.b))


def find_exact(count: int, digests: Sequence[Sequence[bytes]]) -> list[Duplicate]:
    """Find images that share a digest.

    Args:
        count: of images.
        digests: lists of one digest for each image; an empty one is shared with none.
    """
    edges = []
    for column in digests:
        seen: dict[bytes, int] = {}
        for image, digest in enumerate(column):
            if digest and (first := seen.setdefault(digest, image)) != image:
                edges.append((first, image))
    parents = _connected(count, edges)
    return [Duplicate(first, i, "exact", 1.0) for i, first in enumerate(parents) if first != i]


def duplicate_groups(pairs: Iterable[Duplicate], count: int) -> list[list[int]]:
    """Gather images that are connected by pairs: sorted lists of two or more.

    Args:
        pairs: of images.
        count: of all images.
    """
    parents = _connected(count, ((pair.a, pair.b) for pair in pairs))
    groups: dict[int, list[int]] = {}
    for image, parent in enumerate(parents):
        groups.setdefault(parent, []).append(image)
    return [group for group in groups.values() if len(group) > 1]


def _connected(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """The first image of the group of each image."""
    parents = list(range(count))

    def first(image: int) -> int:
        while parents[image] != image:
            parents[image] = parents[parents[image]]
            image = parents[image]
        return image

    for a, b in edges:
        low, high = sorted((first(a), first(b)))
        parents[high] = low
    return [first(image) for image in range(count)]


def _report(
    on_progress: Callable[[int, int], None], num_images: int, before: float, done: int, total: int
) -> None:
    """Tell how far a half of the work is, as a share of all images."""
    on_progress(round(num_images * (before + 0.5 * done / total)), num_images)


def _verified(
    signatures: Signatures,
    candidates: Candidates,
    least: float,
    on_progress: Callable[[int, int], None] | None,
) -> Iterable[tuple[int, int, float, bool]]:
    guesses = candidates.guesses()
    for start in range(0, len(candidates), _VERIFIED_AT_ONCE):
        rows = slice(start, start + _VERIFIED_AT_ONCE)
        a, b, flips = candidates.whole[rows], candidates.part[rows], candidates.mirrored[rows]
        whole = signatures[a]
        whole[flips] = mirrored(whole[flips])
        guess = type(guesses)(guesses.scales[rows], guesses.shifts[rows])
        scores = likeness(whole, signatures[b], guess)
        for i in np.flatnonzero(scores >= least):
            yield int(a[i]), int(b[i]), float(scores[i]), bool(flips[i])
        if on_progress:
            on_progress(min(rows.stop, len(candidates)), len(candidates))
