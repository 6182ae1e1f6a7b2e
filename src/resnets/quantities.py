"""Numbers as people read them."""

from __future__ import annotations

import re


def count(value: float) -> str:
    """Three digits and a unit of a thousand.

    Example:
        >>> count(25_557_032), count(4_089_184_256), count(39_000), count(7)
        ('25.6 M', '4.09 G', '39.0 k', '7')
    """
    return _scaled(value, 1000, ("", " k", " M", " G", " T"))


def memory(num_bytes: float) -> str:
    """Bytes in binary units.

    Example:
        >>> memory(10 * 2**30), memory(1_572_864), memory(100)
        ('10.0 GiB', '1.50 MiB', '100 B')
    """
    return _scaled(num_bytes, 1024, (" B", " KiB", " MiB", " GiB", " TiB"))


def times(words: str) -> str:
    """Write 3x3 with the sign for times.

    Example:
        >>> times("3x3 conv, 64")
        '3×3 conv, 64'
    """
    return re.sub(r"(?<=\d)x(?=\d)", "×", words)


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    """Write a number in the largest unit that leaves at least one before the point, once rounded."""
    scaled, place = float(value), 0
    while scaled >= step - 0.5 and place < len(units) - 1:
        scaled, place = scaled / step, place + 1
    if scaled == int(scaled) and place == 0:
        return f"{int(scaled)}{units[0]}"
    digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    return f"{scaled:.{digits}f}{units[place]}"
