"""Settings of a training as a TOML file, and single settings changed on the command line.

Paths in the file are relative to the folder in which resnets is started, not to the file's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from resnets import __version__
from resnets.config import validate
from resnets.errors import ConfigError, printable
from resnets.files import write_text
from resnets.recipes.settings import TrainingSettings

_MOST_BYTES = 16_384  # ten times what all settings take; tomllib's time grows with the square of a key


def read_settings(path: str | Path) -> TrainingSettings:
    """Read settings; what the file leaves out keeps its default.

    Args:
        path: of a TOML file with the fields of `TrainingSettings`.

    Raises:
        ConfigError: with every problem in the file.
    """
    return _validated(read_values(path), printable(str(path)))


def read_values(path: str | Path) -> dict[str, Any]:
    """Read a TOML file, whatever its values mean; argument as for `read_settings`.

    Raises:
        ConfigError: if it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(_read_text(Path(path)))
    except OSError as error:
        problem = f"the file cannot be read: {error.strerror or error}"
    except UnicodeDecodeError as error:
        problem = f"the file is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}"
    except RecursionError:
        problem = "the file is not TOML: its lists or tables are nested too deeply"
    except ValueError as error:
        words = str(error)
        problem = f"the file is not TOML: {printable(words[:1].lower() + words[1:])}"
    raise ConfigError(printable(str(path)), [problem])


def by_dotted_key(values: Mapping[str, Any]) -> dict[str, Any]:
    """Take tables apart, so that `merge` changes single settings in them; empty ones stay.

    Args:
        values: of a file.

    Example:
        >>> by_dotted_key({"epochs": 30, "optimizer": {"name": "adamw"}, "augmentation": {}})
        {'epochs': 30, 'optimizer.name': 'adamw', 'augmentation': {}}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        parts = by_dotted_key(value) if isinstance(value, dict) and value else {"": value}
        flat |= {f"{key}.{name}" if name else key: part for name, part in parts.items()}
    return flat


def write_settings(path: str | Path, settings: TrainingSettings) -> Path:
    """Write settings so that `read_settings` gives the same; what is None is left out.

    Args:
        path: of the file; its folder must exist.
        settings: all of them are written, defaults too.
    """
    first = f"# Written by resnets {__version__}. Paths are relative to the folder it is started in.\n"
    return write_text(path, first + tomli_w.dumps(settings.model_dump(exclude_none=True)))


def parse_overrides(words: Iterable[str]) -> dict[str, Any]:
    """Read settings as the command line gives them.

    Args:
        words: such as 'optimizer.learning_rate=0.05'; a value is TOML, but texts need no quotes. Nothing
            after '=' means none, as in 'averaging='.

    Returns:
        Values by dotted key.

    Raises:
        ConfigError: with every word that is no setting.

    Example:
        >>> parse_overrides(["epochs=30", "model=resnet18,stem=small", "averaging="])
        {'epochs': 30, 'model': 'resnet18,stem=small', 'averaging': None}
    """
    pairs = [(word, *word.partition("=")) for word in words]
    problems = [
        f"'{printable(word)}' must be KEY=VALUE, such as optimizer.learning_rate=0.05"
        for word, key, equals, _ in pairs
        if not (equals and key.strip())
    ]
    if problems:
        raise ConfigError("--set", problems)
    return {key.strip(): _parse_value(text.strip()) for _, key, _, text in pairs}


def merge(
    settings: TrainingSettings, overrides: Mapping[str, Any], *, source: str = "--set"
) -> TrainingSettings:
    """Change single settings; what was left to be chosen stays so.

    Args:
        settings: to start from.
        overrides: values by dotted key, such as 'optimizer.learning_rate'.
        source: where the overrides came from; the error names it.

    Raises:
        ConfigError: with every key that is unknown and every value that is wrong.
    """
    values = settings.model_dump(exclude_unset=True)
    problems = []
    for dotted, value in overrides.items():
        *parents, key = dotted.split(".")
        table = values
        for depth, parent in enumerate(parents, start=1):
            if table.get(parent) is None:
                table[parent] = {}
            table = table[parent]
            if not isinstance(table, dict):
                problems.append(f"{dotted} is unknown: {'.'.join(parents[:depth])} has no parts")
                break
        else:
            table[key] = value
    return _validated(values, source, problems)


def _validated(values: Mapping[str, Any], source: str, problems: Sequence[str] = ()) -> TrainingSettings:
    """Check settings, and report them with the problems that are known already."""
    found = list(problems)
    try:
        settings = validate(TrainingSettings, values, source=source)
    except ConfigError as error:
        found += error.problems
    if found:  # with names from outside
        raise ConfigError(source, list(map(printable, found)))
    return settings


def _read_text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise OSError("it is not a regular file")  # a pipe would make us wait
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise OSError(f"it is larger than {_MOST_BYTES} bytes")
    return content.decode("utf-8-sig")


def _parse_value(text: str) -> Any:
    """Take what is a TOML value as one, and everything else as a text."""
    if not text:
        return None
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value = table["value"]
    is_plain = len(table) == 1 and isinstance(value, bool | int | float | str | list | dict)
    return value if is_plain else text  # a date is none of ours, nor is a second line
