"""The class names of well-known datasets, in the order of their class numbers.

ImageNet's come with the WordNet ids that name its folders. A set is one file in `label_sets/`, with its
source; `[names]` is a table from id to name, or a list where the dataset has no ids.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from resnets.errors import UnknownNameError

_NAMES = ("imagenet", "tiny_imagenet", "cifar10", "cifar100", "fashion_mnist", "mnist")


@dataclass(frozen=True)
class LabelSet:
    """The classes of one dataset.

    Attributes:
        name: what `label_set` knows it by, such as 'cifar10'.
        title: as its authors write it.
        names: one readable name for each class, no two alike.
        ids: the WordNet id of each class, such as 'n01440764'; None if the dataset has none.
        source: who published the classes, and where.
    """

    name: str
    title: str
    names: tuple[str, ...]
    ids: tuple[str, ...] | None
    source: str


def label_sets() -> tuple[str, ...]:
    """The names of all label sets."""
    return _NAMES


@cache
def label_set(name: str) -> LabelSet:
    """Look up the classes of a dataset.

    Args:
        name: one of `label_sets()`.

    Raises:
        UnknownNameError: with the closest names.

    Example:
        >>> label_set("cifar10").names[:3]
        ('airplane', 'automobile', 'bird')
    """
    if name not in _NAMES:
        raise UnknownNameError("label set", name, known=_NAMES, hint=", ".join(_NAMES))
    file = resources.files("resnets.data") / "label_sets" / f"{name}.toml"
    content = tomllib.loads(file.read_text("utf-8"))
    names = content["names"]
    by_id = isinstance(names, dict)
    return LabelSet(
        name=name,
        title=content["title"],
        names=tuple(names.values() if by_id else names),
        ids=tuple(names) if by_id else None,
        source=content["source"],
    )
