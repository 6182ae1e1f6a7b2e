"""All that is wrong with a data set, said at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from resnets.errors import DataError, printable

_SHOWN = 5
# Of many things of one kind, the first few are named: enough to see what they have in common.


def refuse(root: Path, problems: Sequence[str]) -> None:
    """Stop if there are problems.

    Args:
        root: of the data set.
        problems: a sentence each, without a full stop.

    Raises:
        DataError: with all of them.
    """
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise DataError(f"{count} in {printable(str(root))}: " + "; ".join(problems))


def listed(items: Iterable[object]) -> str:
    """Name the first few, as in "'a', 'b' and 3 more"."""
    texts = [quoted(item) for item in items]
    more = len(texts) - _SHOWN
    return ", ".join(texts) if more <= 0 else f"{', '.join(texts[:_SHOWN])} and {more} more"


def quoted(item: object) -> str:
    """A name from outside, in quotes and safe to show."""
    return f"'{printable(str(item))}'"
