"""Tables of names: what a module is called elsewhere, and what here.

A rule gives their name of a module and ours; the tensors in it (`weight`, `running_mean`, ...) have the
same names everywhere. In a name, `{unit}` stands for a number, `{unit+1}` for that number counted from
one, and `{i*3-2}` and the like for a place in a list of layers. A table works in both directions, and
strictly: one rule for each name, one name for each tensor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_NUMBER = re.compile(r"\{(\w+)(?:\*(\d+))?([+-]\d+)?\}")


@dataclass(frozen=True)
class Rule:
    """One row of a table of names.

    Attributes:
        theirs: name of a module in the other library.
        ours: name of that module here.
        window: their layer is a convolution over the whole map, of this height and width in pixels; ours
            is the same linear layer. None if both are of one kind.
    """

    theirs: str
    ours: str
    window: int | None = None

    def translate(self, module: str) -> str | None:
        """Our name of a module of theirs; None if the rule is about another one."""
        return _translate(module, self._their_pattern, self.theirs, self.ours)

    def translate_back(self, module: str) -> str | None:
        """Their name of a module of ours; None if the rule is about another one."""
        return _translate(module, self._our_pattern, self.ours, self.theirs)

    @cached_property
    def _their_pattern(self) -> re.Pattern[str]:
        return _pattern(self.theirs)

    @cached_property
    def _our_pattern(self) -> re.Pattern[str]:
        return _pattern(self.ours)


Rules = Sequence[Rule]


def _pattern(name: str) -> re.Pattern[str]:
    parts: list[str] = []
    place = 0
    seen: set[str] = set()
    for match in _NUMBER.finditer(name):
        parts.append(re.escape(name[place : match.start()]))
        key = match[1]
        parts.append(f"(?P={key})" if key in seen else f"(?P<{key}>[0-9]+)")
        seen.add(key)
        place = match.end()
    return re.compile("".join([*parts, re.escape(name[place:])]))


def _translate(module: str, pattern: re.Pattern[str], source: str, target: str) -> str | None:
    match = pattern.fullmatch(module)
    if match is None:
        return None
    numbers: dict[str, int] = {}
    for key, factor, offset in _NUMBER.findall(source):
        number, rest = divmod(int(match[key]) - int(offset or 0), int(factor or 1))
        if rest or number < 0:
            return None
        numbers[key] = number

    def insert(found: re.Match[str]) -> str:
        return str(numbers[found[1]] * int(found[2] or 1) + int(found[3] or 0))

    return _NUMBER.sub(insert, target)


def rename(tensors: Mapping[str, Tensor], rules: Rules) -> dict[str, Tensor]:
    """Give their tensors our names and shapes.

    Args:
        tensors: a state dict of theirs, or anything else named as one.
        rules: of which exactly one has to fit each name.

    Raises:
        LookupError: if no rule or more than one fits a name, or two names become one.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        module, _, kind = name.rpartition(".")
        fits = [(new, rule) for rule in rules if (new := rule.translate(module)) is not None]
        target, rule = _only(fits, name, kind, renamed)
        renamed[target] = tensor.flatten(1) if rule.window and tensor.ndim > 1 else tensor
    return renamed


def rename_back(tensors: Mapping[str, Tensor], rules: Rules) -> dict[str, Tensor]:
    """Give our tensors their names and shapes; the inverse of `rename`.

    Args:
        tensors: a state dict of ours, or anything else named as one.
        rules: of which exactly one has to fit each name.

    Raises:
        LookupError: if no rule or more than one fits a name, or two names become one.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        module, _, kind = name.rpartition(".")
        fits = [(new, rule) for rule in rules if (new := rule.translate_back(module)) is not None]
        target, rule = _only(fits, name, kind, renamed)
        is_map = rule.window is not None and tensor.ndim == 2
        shape = (-1, rule.window or 1, rule.window or 1)
        renamed[target] = tensor.unflatten(1, shape) if is_map else tensor
    return renamed


def _only(
    fits: Sequence[tuple[str, Rule]], name: str, kind: str, taken: Mapping[str, Tensor]
) -> tuple[str, Rule]:
    if len(fits) != 1:
        raise LookupError(f"{len(fits)} rules fit {name!r}, expected one")
    target = f"{fits[0][0]}.{kind}"
    if target in taken:
        raise LookupError(f"{name!r} is not the only one that becomes {target!r}")
    return target, fits[0][1]
