"""Checks of copies: in one split, across splits, and under two labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Sized

from resnets.data.duplicates import Duplicate, duplicate_groups
from resnets.data.file_checks import plural, spread
from resnets.data.findings import Example, Finding
from resnets.data.inspection import Inspection

_SAME_SPLIT = 0.5
# Of a split's images that are in another one, too: then they are not two splits.


def check_copies(images: Inspection, pairs: Sequence[Duplicate]) -> Iterator[Finding]:
    """Say which images are in the data set more than once, and what harm that does.

    Args:
        images: of a data set.
        pairs: of images, from `find_duplicates`.
    """
    exact = duplicate_groups((pair for pair in pairs if pair.kind == "exact"), len(images))
    near = [pair for pair in pairs if pair.kind == "near"]
    yield from _leaks(images, exact, near)
    yield from _labels(images, exact, near)
    yield from _within(images, exact, near)


def exact_leaks(images: Inspection, groups: Sequence[Sequence[int]]) -> dict[int, int]:
    """Which images have an exact copy in an earlier split: of each, the copy.

    Args:
        images: of a data set, its splits in their order.
        groups: of images that are the same.
    """
    leaks = {}
    for group in groups:
        first = min(group, key=lambda image: (images.splits[image], image))
        leaks.update({i: first for i in group if images.splits[i] > images.splits[first]})
    return leaks


def near_leaks(images: Inspection, pairs: Sequence[Duplicate]) -> dict[int, Duplicate]:
    """Which images have a near-duplicate in an earlier split: of each, the pair most alike.

    Args:
        images: of a data set, its splits in their order.
        pairs: of images.
    """
    leaks: dict[int, Duplicate] = {}
    for pair in pairs:
        if images.splits[pair.a] != images.splits[pair.b]:
            later = max(pair.a, pair.b, key=lambda image: int(images.splits[image]))
            if later not in leaks or leaks[later].score < pair.score:
                leaks[later] = pair
    return leaks


def _leaks(
    images: Inspection, groups: Sequence[Sequence[int]], near: Sequence[Duplicate]
) -> Iterator[Finding]:
    names = images.split_names
    same, alike = exact_leaks(images, groups), near_leaks(images, near)
    for split in range(1, len(names)):
        members = int((images.splits == split).sum())
        exact = {i: copy for i, copy in same.items() if images.splits[i] == split}
        close = {i: pair for i, pair in alike.items() if images.splits[i] == split and i not in exact}
        share = (len(exact) + len(close)) / max(members, 1)
        if share > _SAME_SPLIT:
            yield Finding(
                "same-split",
                "error",
                f"{100 * share:.0f} % of {names[split]} is also in another split: "
                "they are not two splits",
                len(exact) + len(close),
                f"Results on {names[split]} would only show what was learnt by heart. Take its images "
                "from data that no other split has.",
            )
        if exact:
            origins = _split_list(images, exact.values())
            yield Finding(
                "leaked-exact",
                "error",
                f"{plural(len(exact), 'image')} of {names[split]} {_are(exact)} also in {origins} "
                "(exact copies)",
                len(exact),
                f"Results on {names[split]} would be too good; --fix-to takes the copies out of it.",
                tuple(_pair(images, copy, i) for i, copy in spread(list(exact.items()))),
            )
        if close:
            origins = _split_list(images, (_earlier(images, pair) for pair in close.values()))
            yield Finding(
                "leaked-near",
                "warning",
                f"{plural(len(close), 'image')} of {names[split]} {_are(close)} nearly the same as "
                f"images of {origins}",
                len(close),
                f"Results on {names[split]} are too good by up to that share; look at the pairs. "
                "--fix-to takes them out of it.",
                tuple(_near(images, pair) for pair in spread(list(close.values()))),
            )


def _labels(
    images: Inspection, groups: Sequence[Sequence[int]], near: Sequence[Duplicate]
) -> Iterator[Finding]:
    torn = [group for group in groups if len(_classes(images, group)) > 1]
    if torn:
        cases = []
        for group in spread(torn):
            other = next(i for i in group if images.labels[i] not in (-1, images.labels[group[0]]))
            cases.append(_pair(images, group[0], other))
        count = sum(map(len, torn))
        yield Finding(
            "two-labels",
            "error",
            f"{plural(len(torn), 'image')} with more than one label, in {count:,} copies",
            len(torn),
            "One of the labels must be wrong: keep the right one. --fix-to leaves all of them out.",
            tuple(cases),
        )
    doubtful = [pair for pair in near if len(_classes(images, (pair.a, pair.b))) > 1]
    if doubtful:
        yield Finding(
            "two-labels-near",
            "warning",
            f"{plural(len(doubtful), 'pair')} of nearly the same images with different labels",
            len(doubtful),
            "Look at the pairs: either a label is wrong, or the classes overlap.",
            tuple(_near(images, pair) for pair in spread(doubtful)),
        )


def _within(
    images: Inspection, groups: Sequence[Sequence[int]], near: Sequence[Duplicate]
) -> Iterator[Finding]:
    cases = []
    surplus = 0
    for group in groups:
        if len(_classes(images, group)) > 1:
            continue  # reported as such
        by_split: defaultdict[int, list[int]] = defaultdict(list)
        for image in group:
            by_split[int(images.splits[image])].append(image)
        for copies in by_split.values():
            surplus += len(copies) - 1
            cases.extend([_pair(images, copies[0], copies[1])] if len(copies) > 1 else [])
    if surplus:
        yield Finding(
            "duplicate-exact",
            "warning",
            f"{plural(surplus, 'exact copy', 'exact copies')} of images in the same split",
            surplus,
            "They count more than others in training and in results; --fix-to keeps one of each.",
            tuple(spread(cases)),
        )
    close = [
        pair
        for pair in near
        if images.splits[pair.a] == images.splits[pair.b] and len(_classes(images, (pair.a, pair.b))) < 2
    ]
    if close:
        yield Finding(
            "duplicate-near",
            "note",
            f"{plural(len(close), 'pair')} of nearly the same images in the same split",
            len(close),
            "Harmless in training if there are few; a validation split taken out of these images must "
            "keep the pairs together.",
            tuple(_near(images, pair) for pair in spread(close)),
        )


def _classes(images: Inspection, group: Sequence[int]) -> set[int]:
    return set(images.labels[list(group)].tolist()) - {-1}


def _pair(images: Inspection, first: int, second: int) -> Example:
    return Example((images.names[first], images.names[second]), "the same")


def _near(images: Inspection, pair: Duplicate) -> Example:
    note = f"likeness {pair.score:.2f}{', mirrored' if pair.mirrored else ''}"
    return Example((images.names[pair.a], images.names[pair.b]), note)


def _earlier(images: Inspection, pair: Duplicate) -> int:
    return min(pair.a, pair.b, key=lambda image: int(images.splits[image]))


def _split_list(images: Inspection, members: Iterable[int]) -> str:
    found = sorted({int(images.splits[image]) for image in members})
    return " and ".join(images.split_names[split] for split in found)


def _are(things: Sized) -> str:
    return "is" if len(things) == 1 else "are"
