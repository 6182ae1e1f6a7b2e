"""Settings that are checked in full: every unknown key and wrong value is reported at once."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from resnets.errors import ConfigError, suggest


def _as_int(value: object) -> object:
    """Accept whatever counts as an integer (NumPy's too), but not True or 3.0."""
    if isinstance(value, bool):
        return value
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return value


def as_list(value: object) -> object:
    """Accept what has an order; a set or a text has none that its writer meant."""
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list, got {value!r}")
    return value


Count = Annotated[int, BeforeValidator(_as_int), Field(strict=True, ge=1)]
"""A positive number of things."""

Counts = Annotated[tuple[Count, ...], BeforeValidator(as_list)]
"""Numbers of things, in order."""

Switch = Annotated[bool, Field(strict=True)]
"""True or False, never a word or a number that could mean either."""

Rate = Annotated[float, Field(strict=True, ge=0.0, lt=1.0)]
"""A probability below 1."""


class Settings(BaseModel):
    """Base of all settings: immutable, no unknown keys, no infinite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


S = TypeVar("S", bound=Settings)


def validate(settings: type[S], values: Mapping[str, Any], *, source: str) -> S:
    """Make settings out of plain values.

    Args:
        settings: the class to make.
        values: its fields, as keyword arguments or a TOML table give them.
        source: where the values came from; the error names it.

    Raises:
        ConfigError: with every problem in `values`.
    """
    try:
        return settings.model_validate(dict(values))
    except ValidationError as error:
        # A union reports each of its members; one sentence per key is enough for a reader.
        problems = {_key(detail): _sentence(detail, settings) for detail in error.errors()}
        raise ConfigError(source, list(problems.values())) from None


def _fields(settings: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that are known where an unknown one stands."""
    for part in loc[:-1]:
        if isinstance(part, int):
            continue  # a place in a list of settings
        inner = _settings_in(settings.model_fields[part].annotation)
        if inner is None:
            return []
        settings = inner
    return [".".join(map(str, (*loc[:-1], name))) for name in settings.model_fields]


def _settings_in(annotation: object) -> type[BaseModel] | None:
    """The settings that a field holds, also as `X | None` and `tuple[X, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_settings_in, get_args(annotation))), None)


def _key(detail: ErrorDetails) -> str:
    return ".".join(str(part) for part in detail["loc"] if not str(part).startswith("function-"))


def _sentence(detail: ErrorDetails, settings: type[BaseModel]) -> str:
    key = _key(detail)
    if detail["type"] == "extra_forbidden":
        known = _fields(settings, detail["loc"])
        starts = [repr(name) for name in known if name.startswith(key)]
        close = suggest(key, known, count=1, cutoff=0.75) or "".join(starts[:1])
        guess = f"did you mean {close[1:-1]}?" if close else f"known are {', '.join(known)}"
        return f"{key} is unknown, {guess}"
    if detail["type"] == "missing":
        return f"{key} is missing"
    if detail["type"] == "value_error":
        said = str(detail["ctx"]["error"])
        return f"{key} {said}" if key else said
    must = detail["msg"].replace("Input should be", "must be").replace("a valid ", "")
    return f"{key} {must}, got {detail['input']!r}"
