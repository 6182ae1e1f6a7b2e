"""Names of many shards written as one: `train-{000..127}.tar`, `{train-{00..15},val-{00..01}}.tar`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from resnets.errors import DataError, printable

_MOST = 100_000
_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})")


def expand(pattern: str) -> list[str]:
    """Write out the braces of a pattern: lists, ranges of ascending numbers, one in another.

    Args:
        pattern: with braces or without.

    Raises:
        DataError: if it stands for more than 100,000 names.

    Example:
        >>> expand("{train-{08..10},val}.tar")
        ['train-08.tar', 'train-09.tar', 'train-10.tar', 'val.tar']
    """
    names: list[str] = []
    for name in _expanded(pattern):
        if len(names) == _MOST:
            raise DataError(f"'{printable(pattern)}' stands for more than {_MOST:,} shards")
        names.append(name)
    return names


def _expanded(pattern: str) -> Iterator[str]:
    """The first braces are written out, and what follows for each of their parts."""
    start = pattern.find("{")
    stop = _closing(pattern, start) if start >= 0 else -1
    if stop < 0:
        yield pattern
        return
    before, inside, after = pattern[:start], pattern[start + 1 : stop], pattern[stop + 1 :]
    for part in _parts(inside):
        for middle in _expanded(part):
            for rest in _expanded(after):
                yield f"{before}{middle}{rest}"


def _closing(pattern: str, start: int) -> int:
    depth = 0
    for place in range(start, len(pattern)):
        depth += {"{": 1, "}": -1}.get(pattern[place], 0)
        if depth == 0:
            return place
    return -1


def _parts(inside: str) -> Iterator[str]:
    if numbers := _RANGE.fullmatch(inside):
        first, last = numbers.groups()
        for number in range(int(first), int(last) + 1):
            yield f"{number:0{len(first)}}"
        return
    depth, begin = 0, 0
    for place, letter in enumerate(inside):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            yield inside[begin:place]
            begin = place + 1
    yield inside[begin:]
