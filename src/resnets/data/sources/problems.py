"""All that is wrong with a data set, said at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from resnets.data.dataset import Dataset, UnfitDataError
from resnets.errors import DataError, printable

_SHOWN = 5
# Of many things of one kind, the first few are named: enough to see what they have in common.


def refuse(root: Path, problems: Sequence[str], dataset: Dataset | None = None) -> None:
    """Stop if there are problems.

    Args:
        root: of the data set.
        problems: a sentence each, without a full stop.
        dataset: what there is in spite of them.

    Raises:
        DataError: with all of them; an `UnfitDataError` if there is a data set.
    """
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        message = f"{count} in {printable(str(root))}: " + "; ".join(problems)
        raise DataError(message) if dataset is None else UnfitDataError(message, dataset)


def listed(items: Iterable[object]) -> str:
    """Name the first few, as in "'a', 'b' and 3 more"."""
    texts = [quoted(item) for item in items]
    more = len(texts) - _SHOWN
    return ", ".join(texts) if more <= 0 else f"{', '.join(texts[:_SHOWN])} and {more} more"


def quoted(item: object) -> str:
    """A name from outside, in quotes and safe to show."""
    return f"'{printable(str(item))}'"
