"""Braces mean what they mean to a shell."""

from __future__ import annotations

import pytest

from resnets.data.shards.patterns import expand
from tests.data.trees import assert_refused


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("a-{08..11}.tar", ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]),
        ("{a,b}{0..1}", ["a0", "a1", "b0", "b1"]),
        ("{a-{0..1},b}.tar", ["a-0.tar", "a-1.tar", "b.tar"]),
        ("open{a", ["open{a"]),
        ("{3..1}", []),
    ],
)
def test_braces(pattern: str, names: list[str]) -> None:
    assert expand(pattern) == names


def test_too_many_names() -> None:
    pattern = "{0..999999999999}{0..999999999999}"
    assert_refused(lambda: expand(pattern), f"'{pattern}' stands for more than 100,000 shards")
