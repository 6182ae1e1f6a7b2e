"""Images that could not be used: each is named, the others are done, and the exit code says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import typer

from resnets import console
from resnets.errors import ImageError, printable

T = TypeVar("T")


class RefusedImages:
    """Tells of the images that could not be used, and how the command ends because of them."""

    def __init__(self) -> None:
        self._done = 0
        self._reasons: Counter[str] = Counter()

    def pass_on(self, answers: Iterator[T | ImageError]) -> Iterator[T | ImageError]:
        """Pass answers on, and name each image that has none."""
        for answer in answers:
            self._done += 1
            if isinstance(answer, ImageError):
                self._reasons[answer.reason] += 1
                name = printable(answer.source or "-")
                console.say(f"resnets: skipped {name}: {answer.detail}")
            yield answer

    def summarize(self) -> None:
        """End the command: count what could not be used.

        Raises:
            ImageError: if there were no images.
            Exit: if some could not be used.
        """
        if not self._done:
            raise ImageError("missing", "there are no images in what was given")
        if bad := self._reasons.total():
            reasons = ", ".join(f"{count} {reason}" for reason, count in self._reasons.most_common())
            console.say(f"resnets: {bad} of {self._done} images could not be used ({reasons})")
            raise typer.Exit(ImageError.exit_code)
