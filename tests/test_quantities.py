"""Numbers as people read them: three digits and a unit."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resnets.quantities import count, memory, times


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1"),
        (999, "999"),
        (0.5, "0.50"),
        (1_000, "1.00 k"),
        (1_234, "1.23 k"),
        (9_994, "9.99 k"),
        (9_996, "10.0 k"),
        (12_340, "12.3 k"),
        (99_940, "99.9 k"),
        (99_960, "100 k"),
        (123_400, "123 k"),
        (999_400, "999 k"),
        (1_000_000, "1.00 M"),
        (25_557_032, "25.6 M"),
        (4_089_184_256, "4.09 G"),
        (1e12, "1.00 T"),
        (2.5e15, "2500 T"),
    ],
)
def test_count(value: float, text: str) -> None:
    assert count(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(999_500, "1.00 M"), (999_999, "1.00 M"), (999_999_999, "1.00 G")]
)
def test_count_rounds_up_to_the_next_unit(value: float, text: str) -> None:
    assert count(value) == text


@given(st.integers(1_000, 999_000_000_000_000))
@example(999_999)
def test_count_has_three_digits(value: int) -> None:
    number, unit = count(value).split(" ")
    assert len(number.replace(".", "")) == 3
    scale = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}[unit]
    # Half of the last of three digits.
    assert abs(float(number) * scale - value) <= 0.0051 * value


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 B"),
        (100, "100 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1536, "1.50 KiB"),
        (1000 * 1024, "1000 KiB"),
        (2**20, "1.00 MiB"),
        (1_572_864, "1.50 MiB"),
        (2**30, "1.00 GiB"),
        (10 * 2**30, "10.0 GiB"),
        (2**40, "1.00 TiB"),
    ],
)
def test_memory(num_bytes: float, text: str) -> None:
    assert memory(num_bytes) == text


@pytest.mark.parametrize(("num_bytes", "text"), [(2**20 - 1, "1.00 MiB"), (2**30 - 1, "1.00 GiB")])
def test_memory_rounds_up_to_the_next_unit(num_bytes: float, text: str) -> None:
    assert memory(num_bytes) == text


@given(st.integers(0, 2**45))
def test_memory_is_right_to_half_a_percent(num_bytes: int) -> None:
    number, unit = memory(num_bytes).split(" ")
    scale = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}[unit]
    assert abs(float(number) * scale - num_bytes) <= 0.0051 * num_bytes


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("3x3 conv, 64", "3×3 conv, 64"),
        ("1x1, 3x3, 1x1", "1×1, 3×3, 1×1"),
        ("64x56x56", "64×56×56"),
        ("max pool 2x2", "max pool 2×2"),
        ("axes x, y", "axes x, y"),
        ("x2", "x2"),
        ("3 x 3", "3 x 3"),
        ("", ""),
    ],
)
def test_times(words: str, text: str) -> None:
    assert times(words) == text


@given(st.text("0123x ,"))
def test_times_changes_nothing_else(words: str) -> None:
    written = times(words)
    assert written.replace("×", "x") == words
    assert not re.search(r"\dx\d", written)
