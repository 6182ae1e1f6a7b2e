"""Which score of a model belongs to which class of a data set: by id or by name, never by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from resnets.errors import DataError, printable, suggest
from resnets.weights.model_info import ModelInfo

_SHOWN = 5  # classes named in an error


@dataclass(frozen=True, eq=False)
class ClassMatch:
    """The classes of a data set among those of a model.

    Attributes:
        columns: (D,), the model's class for each of the data's; -1 where the model lacks one that has no
            images.
        by: 'ids' or 'names'.
    """

    columns: NDArray[np.int64]
    by: Literal["ids", "names"]


def match_classes(
    names: Sequence[str], ids: Sequence[str], info: ModelInfo, *, present: Sequence[int]
) -> ClassMatch:
    """Find the classes of a data set among those of a model.

    Ids, where both have them, and names are each taken as they are written; what finds more of the
    classes that have images counts.

    Args:
        names: of the data's classes; they may be ids.
        ids: of the data's classes; empty if it has none.
        info: of the model.
        present: the data's classes that have images to evaluate.

    Raises:
        DataError: if the model lacks any of those.
    """
    by_id = {each: column for column, each in enumerate(info.class_ids)}
    by_name = {each: column for column, each in enumerate(info.class_names)}
    best = ClassMatch(np.full(len(names), -1), "names")
    most = -1
    for keys, known, how in ((ids, by_id, "ids"), (names, by_id, "ids"), (names, by_name, "names")):
        columns = np.array([known.get(key, -1) for key in keys], np.int64)
        found = int((columns[list(present)] >= 0).sum()) if len(columns) else 0
        if found > most and len(columns):
            best, most = ClassMatch(columns, "ids" if how == "ids" else "names"), found
    if most < len(present):
        lacking = [names[i] for i in present if best.columns[i] < 0]
        raise DataError(_sentence(names, info.class_names, lacking, num_present=len(present)))
    return best


def _sentence(
    names: Sequence[str], known: Sequence[str], lacking: Sequence[str], *, num_present: int
) -> str:
    advice = "Fine-tune first: resnets train DATA --model MODEL"
    if len(lacking) == num_present:
        if len(names) == len(known):
            advice += (
                "; or, if its classes are these by other names: resnets convert MODEL OUT --classes FILE"
            )
        return f"the model has {len(known)} classes, the data {len(names)}, 0 names in common. {advice}"
    shown = [_with_guess(name, known) for name in lacking[:_SHOWN]]
    more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
    return (
        f"the model has {len(known)} classes, and not {len(lacking)} of the data's {len(names)}: "
        f"{', '.join(shown)}{more}. Rename or leave out their folders, or fine-tune: "
        "resnets train DATA --model MODEL"
    )


def _with_guess(name: str, known: Sequence[str]) -> str:
    close = suggest(name, known, count=1, cutoff=0.75)
    return f"'{printable(name)}'" + (f" (did you mean {printable(close)}?)" if close else "")
