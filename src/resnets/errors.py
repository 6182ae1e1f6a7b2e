"""What can go wrong for a user, each with the sentence that says what to do about it.

    ResNetsError
    ├── UnknownNameError   (LookupError)      a name that is not in the registry
    ├── ConfigError        (ValueError)       an option that is unknown, of the wrong type or in conflict
    │   └── DepthError                        a depth that the family's rule does not allow
    ├── RegistrationError  (ValueError)       an architecture that cannot be added
    ├── InputShapeError    (ValueError)       images of a shape or type that the network cannot take
    ├── GateError          (ValueError)       gates that do not fit a network's units
    ├── UnsupportedError   (ValueError)       a network that a function cannot work on
    ├── DataError          (ValueError)       data that cannot be used
    │   └── ImageError                        an image that cannot be used, with the reason
    ├── WeightsError       (ValueError)       a file of weights that is missing, damaged or not safe
    │   └── WeightsMismatchError              weights that do not fit a network
    ├── DownloadError      (OSError)          an address that does not give what it should
    ├── MissingDependencyError (ImportError)  an optional package that a function needs
    ├── MemoryLimitError   (MemoryError)      memory that is not there
    ├── WorkerError        (RuntimeError)     a process of ours that ended too early
    ├── Interrupted        (RuntimeError)     a signal to end, obeyed
    ├── NonFiniteError     (FloatingPointError) numbers that are no longer numbers
    ├── CheckFailedError   (AssertionError)   a check that the user asked for, not met
    └── OutputError        (OSError)          a file that cannot be written

Each message says what is wrong, what was got and what would be right. `exit_code` is what the
command returns: 2 usage, 3 data, 4 model, 5 environment, 6 a check that was not met, 128 and the
signal's number after a signal.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class ResNetsError(Exception):
    """Root of every error that resnets raises on purpose.

    Attributes:
        exit_code: of a command that ends with it.
        is_told: another process has told the user.
    """

    exit_code: int = 1
    is_told: bool = False

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes: the message is made already, not the parts that made it."""
        return _restore, (type(self), self.args, self.__dict__)


class UnknownNameError(ResNetsError, LookupError):
    """A name that is not in the registry.

    Args:
        kind: what was looked up, such as 'architecture'.
        got: the name that was not found.
        known: the names that exist.
        hint: the command that lists them.
    """

    exit_code = 2

    def __init__(self, kind: str, got: str, *, known: Iterable[str], hint: str) -> None:
        close = suggest(got, known)
        guess = f" Did you mean {close}?" if close else ""
        super().__init__(f"no {kind} named {got!r}.{guess} All names: {hint}")


class ConfigError(ResNetsError, ValueError):
    """One or more options that are unknown, of the wrong type or in conflict.

    Args:
        source: where the options came from, such as a file or an architecture.
        problems: one sentence each; all of them are reported at once.
    """

    exit_code = 2

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{count} in {source}: " + "; ".join(problems))


class DepthError(ConfigError):
    """A depth that the family's rule does not allow.

    Args:
        family: what the rule belongs to.
        step: layers that one more unit in every stage adds, the 6 of 6n+2.
        offset: layers outside the stages, the 2 of 6n+2.
        got: the depth asked for, in weight layers.
    """

    def __init__(self, family: str, *, step: int, offset: int, got: int) -> None:
        n = max(1, (got - offset) // step)
        examples = ", ".join(str(step * i + offset) for i in range(1, 5))
        below, above = step * n + offset, step * (n + 1) + offset
        nearest = f"nearest is {below}" if got < below else f"nearest are {below} and {above}"
        message = f"{family} depth must be {step}n+{offset} ({examples}, ...); got {got}, {nearest}"
        self.problems = (message,)
        ResNetsError.__init__(self, message)


class RegistrationError(ResNetsError, ValueError):
    """An architecture that cannot be added to the registry."""

    exit_code = 2


class InputShapeError(ResNetsError, ValueError):
    """Images of a shape or type that the network cannot take."""

    exit_code = 3


class GateError(ResNetsError, ValueError):
    """Gates that do not fit a network's units."""

    exit_code = 4


class UnsupportedError(ResNetsError, ValueError):
    """A network that a function cannot work on."""

    exit_code = 4


class DataError(ResNetsError, ValueError):
    """Data that cannot be used."""

    exit_code = 3


class ImageError(DataError):
    """An image that cannot be used.

    Args:
        reason: what is wrong, in a word or two that a count of many files can use: 'truncated'.
        detail: the whole sentence.
        source: name of the image, if it has one.
    """

    def __init__(self, reason: str, detail: str, *, source: str | None = None) -> None:
        self.reason = reason
        self.detail = detail
        self.source = source
        super().__init__(detail if source is None else f"{printable(source)}: {detail}")


class WeightsError(ResNetsError, ValueError):
    """A file of weights that is missing, damaged, of another format or not safe to read."""

    exit_code = 4


class WeightsMismatchError(WeightsError):
    """Weights that do not fit a network."""


class DownloadError(ResNetsError, OSError):
    """An address that does not give what it should, or cannot be reached."""

    exit_code = 5


class MissingDependencyError(ResNetsError, ImportError):
    """An optional package that a function needs.

    Args:
        purpose: what needs it, such as 'reading .h5 files'.
        package: its name.
        extra: of resnets, that brings it.
    """

    exit_code = 5

    def __init__(self, purpose: str, package: str, *, extra: str) -> None:
        super().__init__(f"{purpose} needs {package}: pip install 'resnets[{extra}]'")


class MemoryLimitError(ResNetsError, MemoryError):
    """Memory that is not there."""

    exit_code = 5


class WorkerError(ResNetsError, RuntimeError):
    """A process that works for this one, and ended before its work did."""

    exit_code = 5


class Interrupted(ResNetsError, RuntimeError):  # noqa: N818 - being told to end is no mistake
    """A signal to end, obeyed: what was done so far is safe.

    Args:
        signal_number: SIGINT's 2 makes `exit_code` 130, SIGTERM's 15 makes it 143.
        message: the whole sentence.
    """

    exit_code = 130

    def __init__(self, signal_number: int, message: str) -> None:
        self.exit_code = 128 + signal_number
        super().__init__(message)


class NonFiniteError(ResNetsError, FloatingPointError):
    """Numbers that are infinite or none at all, where a training cannot go on from them."""

    exit_code = 6


class CheckFailedError(ResNetsError, AssertionError):
    """A check that the user asked for was not met."""

    exit_code = 6


class OutputError(ResNetsError, OSError):
    """A file that cannot be written."""

    exit_code = 5


def _restore(
    kind: type[ResNetsError], args: tuple[object, ...], state: dict[str, object]
) -> ResNetsError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


def printable(text: str) -> str:
    r"""Make a text from outside safe to show: what no terminal should obey is written as an escape.

    Example:
        >>> printable("a\x1b[31mb\n")
        'a\\x1b[31mb\\n'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def suggest(got: str, known: Iterable[str], *, count: int = 3, cutoff: float = 0.6) -> str:
    """Name the closest known names, quoted and comma-separated; empty if none is close.

    Letters that look like digits count as those digits.

    Example:
        >>> suggest("resnet5O", ["resnet56", "resnet50", "vgg16"], count=1)
        "'resnet50'"
    """
    alike = str.maketrans("oil", "011")
    folded = {name.lower().translate(alike): name for name in known}
    close = difflib.get_close_matches(got.lower().translate(alike), folded, n=count, cutoff=cutoff)
    return ", ".join(repr(folded[name]) for name in close)
