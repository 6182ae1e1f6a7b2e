"""The names of all architectures, and what each name stands for.

A family is a builder with its options and its paper; an architecture is a row of that family: a name
and the options that differ from the family's defaults. Some families also have name rules, which make
a row out of any name of a given form (`resnext50_8x14d`). Nothing here or in a row needs torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resnets.config import Settings
from resnets.errors import RegistrationError, UnknownNameError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Paper:
    """Where an architecture was published.

    Attributes:
        authors: first author, as in 'He et al.'.
        year: of the first version.
        title: in full.
        arxiv: identifier such as '1512.03385', or None.
    """

    authors: str
    year: int
    title: str
    arxiv: str | None = None

    def __str__(self) -> str:
        where = f", arXiv:{self.arxiv}" if self.arxiv else ""
        return f"{self.authors} {self.year}{where}"


@dataclass(frozen=True)
class NameRule:
    """A form of names that stands for any number of architectures.

    Attributes:
        form: the form as users read it, such as 'resnet<6n+2>_cifar'.
        pattern: matches the whole name.
        make: makes the architecture from a match; raises DepthError or ConfigError for a number
            that the form does not allow.
    """

    form: str
    pattern: re.Pattern[str]
    make: Callable[[re.Match[str]], Architecture]


@dataclass(frozen=True)
class Family:
    """Architectures that share one builder.

    Attributes:
        name: lower-case, such as 'resnet'.
        title: as the paper writes it.
        paper: where the idea was published.
        options: the settings that `build` takes.
        build: makes the network. With `initialize` it runs on the meta device, where tensors have
            shapes but no values.
        initialize: fills every parameter and buffer of a network; None if `build` does so itself.
    """

    name: str
    title: str
    paper: Paper
    options: type[Settings]
    build: Callable[[Any], nn.Module]
    initialize: Callable[[nn.Module, Any], None] | None = None


@dataclass(frozen=True)
class Architecture:
    """One row: a name, and what it stands for.

    Attributes:
        name: public and stable; letters, digits, '_' and '-'.
        family: the builder and its options.
        settings: the options that differ from the family's defaults.
        image_size: height and width of the paper's input, in pixels.
        parameters: trainable parameters; None if not stated.
        multiply_adds: of the convolutions and linear layers for one image; None if not stated.
        source: place in the paper, or the code that defined this variant.
        paper: where this row was published, if not where the family was.
    """

    name: str
    family: Family
    settings: Mapping[str, Any] = field(default_factory=dict)
    image_size: int = 224
    parameters: int | None = None
    multiply_adds: int | None = None
    source: str = ""
    paper: Paper | None = None

    @property
    def published_in(self) -> Paper:
        """The paper of this row."""
        return self.paper or self.family.paper


_architectures: dict[str, Architecture] = {}
_rules: list[NameRule] = []
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def register_architecture(architecture: Architecture) -> None:
    """Add an architecture, so that every command and function knows its name.

    Args:
        architecture: the row to add.

    Raises:
        RegistrationError: if the name is taken or has characters that a shell would change.
    """
    name = architecture.name
    if not _NAME.fullmatch(name):
        raise RegistrationError(
            f"an architecture's name has letters, digits, '_', '-' and '.' only; got {name!r}"
        )
    if normalize(name) in _architectures:
        taken = _architectures[normalize(name)]
        raise RegistrationError(
            f"the name {name!r} is taken by {taken.name!r} of the family {taken.family.name!r}; "
            "choose another"
        )
    _architectures[normalize(name)] = architecture


def register_name_rule(rule: NameRule) -> None:
    """Add a form of names; rows come before rules, and rules in the order they were added."""
    _rules.append(rule)


def registered_architectures() -> tuple[Architecture, ...]:
    """All rows, in the order in which they were added."""
    return tuple(_architectures.values())


def registered_name_rules() -> tuple[NameRule, ...]:
    """All forms of names, in the order in which they were added."""
    return tuple(_rules)


def find_architecture(name: str) -> Architecture:
    """Look a name up among the rows, then among the name rules.

    Args:
        name: as the user wrote it; case, parentheses, and '-' for '_' do not matter.

    Raises:
        UnknownNameError: with the closest names.
        DepthError: if a rule knows the form but not the depth.
    """
    key = normalize(name)
    if key in _architectures:
        return _architectures[key]
    for rule in _rules:
        if match := rule.pattern.fullmatch(key):
            made = rule.make(match)
            return _architectures.get(normalize(made.name), made)
    known = [architecture.name for architecture in _architectures.values()]
    raise UnknownNameError("architecture", name, known=known, hint="resnets list")


def normalize(name: str) -> str:
    """Fold the spellings of a name that a shell or a habit would change.

    Example:
        >>> normalize("ResNet-50"), normalize("plain_34"), normalize("resnext50_32x4d")
        ('resnet50', 'plain34', 'resnext50_32x4d')
    """
    folded = re.sub(r"[\s_()-]+", "_", str(name).strip().lower()).strip("_")
    folded = re.sub(r"_(?=v2)|(?<=^se)_", "", folded)  # resnet_v2_50, se_resnet_50
    return re.sub(r"^([a-z]+(?:v2)?)_(?=\d)", r"\1", folded)
