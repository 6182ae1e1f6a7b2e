"""Which class of a model a user means."""

from __future__ import annotations

from collections.abc import Sequence

from resnets.errors import ResNetsError, UnknownNameError, printable, suggest

_SHOWN = 3


class UnknownClassError(UnknownNameError):
    """A class that a model does not have.

    Args:
        got: the class asked for.
        names: of the model's classes.
    """

    def __init__(self, got: str | int, names: Sequence[str]) -> None:
        if isinstance(got, int):
            guess = f"It has {len(names)}, from 0 to {len(names) - 1}"
        elif close := _nearest(got, names):
            guess = f"Nearest: {close}"
        else:
            some = ", ".join(map(repr, names[:_SHOWN]))
            guess = f"It has {len(names)}, such as {some}"
        ResNetsError.__init__(self, printable(f"Class {got!r} is not in this model. {guess}"))


def find_class(wanted: str | int, names: Sequence[str], ids: Sequence[str] = ()) -> int:
    """Find a class by its name, its id or its number.

    Args:
        wanted: the name (in any case), an id such as 'n02123045', or the index of the score.
        names: of the model's classes.
        ids: of the same; empty if they have none.

    Raises:
        UnknownClassError: with the nearest names.
    """
    if isinstance(wanted, str):
        for known in (names, ids, [name.casefold() for name in names]):
            for spelling in (wanted, wanted.casefold()):
                if spelling in known:
                    return known.index(spelling)
    number = int(wanted) if isinstance(wanted, int) or wanted.isdecimal() else -1
    if not 0 <= number < len(names):
        raise UnknownClassError(wanted, names)
    return number


def _nearest(got: str, names: Sequence[str]) -> str:
    """Names that contain the word, or else are spelt alike; quoted, empty if there are none."""
    word = got.casefold()
    containing = [name for name in names if word and word in name.casefold()]
    return ", ".join(map(repr, sorted(containing, key=len)[:_SHOWN])) or suggest(got, names)
