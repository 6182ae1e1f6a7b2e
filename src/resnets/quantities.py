"""Numbers as people read them."""

from __future__ import annotations

import re


def count(value: float) -> str:
    """Three digits and a unit of a thousand.

    Example:
        >>> count(25_557_032), count(4_089_184_256), count(39_000), count(7)
        ('25.6 M', '4.09 G', '39.0 k', '7')
    """
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{_three_digits(value / limit)} {unit}"
    return f"{value:g}"


def memory(num_bytes: float) -> str:
    """Bytes in binary units.

    Example:
        >>> memory(10 * 2**30), memory(1_572_864), memory(100)
        ('10.0 GiB', '1.50 MiB', '100 B')
    """
    for limit, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if num_bytes >= limit:
            return f"{_three_digits(num_bytes / limit)} {unit}"
    return f"{num_bytes:g} B"


def times(words: str) -> str:
    """Write 3x3 with the sign for times.

    Example:
        >>> times("3x3 conv, 64")
        '3×3 conv, 64'
    """
    return re.sub(r"(?<=\d)x(?=\d)", "×", words)


def _three_digits(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
