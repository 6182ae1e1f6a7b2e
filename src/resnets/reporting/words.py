"""Figures of a training as people read them."""

from __future__ import annotations

from math import isnan

from resnets.evaluation.metrics import wilson_interval


def percent(share: float, digits: int = 1) -> str:
    """Write a share.

    Args:
        share: 0 to 1; NaN where there is none.
        digits: after the point.

    Example:
        >>> percent(0.931), percent(1), percent(float("nan"))
        ('93.1 %', '100.0 %', '-')
    """
    return "-" if isnan(share) else f"{100 * share:.{digits}f} %"


def percent_interval(hits: int, total: int) -> str:
    """Write the 95 % interval of a share.

    Args:
        hits: images that were recognised.
        total: images; '-' if there are none.

    Example:
        >>> percent_interval(9310, 10000)
        '92.6 to 93.6 %'
    """
    if not total:
        return "-"
    low, high = wilson_interval(hits, total)
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def duration(seconds: float) -> str:
    """Write a time.

    Example:
        >>> duration(7.26), duration(75), duration(4000), duration(360000)
        ('7.3 s', '1 min 15 s', '1 h 7 min', '100 h 0 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60} min"


def sentence_list(words: list[str]) -> str:
    """Join words as a sentence does.

    Example:
        >>> sentence_list(["a", "b", "c"])
        'a, b and c'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def shortened(name: str, most: int = 40) -> str:
    """Cut a name that is too long for a sentence, in the middle: names often differ at their ends.

    Args:
        name: of anything.
        most: letters.

    Example:
        >>> shortened("a long name of a class", 11)
        'a lon…class'
    """
    kept = most - 1
    return name if len(name) <= most else f"{name[: kept - kept // 2]}…{name[len(name) - kept // 2 :]}"
