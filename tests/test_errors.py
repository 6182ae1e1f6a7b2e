"""Each error says what is wrong, what was got and what would be right."""

from __future__ import annotations

import inspect
import pickle
import signal

import pytest

from resnets import errors
from resnets.errors import (
    ConfigError,
    DataError,
    DepthError,
    ResNetsError,
    UnknownNameError,
    WeightsError,
    suggest,
)

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, ResNetsError)
}
PROMISES = {
    "ResNetsError": (Exception, 1),
    "UnknownNameError": (LookupError, 2),
    "ConfigError": (ValueError, 2),
    "DepthError": (ConfigError, 2),
    "RegistrationError": (ValueError, 2),
    "InputShapeError": (ValueError, 3),
    "GateError": (ValueError, 4),
    "UnsupportedError": (ValueError, 4),
    "DataError": (ValueError, 3),
    "ImageError": (DataError, 3),
    "WeightsError": (ValueError, 4),
    "WeightsMismatchError": (WeightsError, 4),
    "DownloadError": (OSError, 5),
    "MissingDependencyError": (ImportError, 5),
    "MemoryLimitError": (MemoryError, 5),
    "WorkerError": (RuntimeError, 5),
    "Interrupted": (RuntimeError, 130),
    "NonFiniteError": (FloatingPointError, 6),
    "CheckFailedError": (AssertionError, 6),
    "OutputError": (OSError, 5),
}


@pytest.mark.parametrize("name", CLASSES)
def test_builtin_parent_and_exit_code(name: str) -> None:
    parent, exit_code = PROMISES[name]
    assert issubclass(CLASSES[name], parent)
    assert CLASSES[name].exit_code == exit_code
    assert CLASSES[name].__doc__


def test_docstring_draws_every_class() -> None:
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        words = line.replace("│", " ").replace("├──", " ").replace("└──", " ").split()
        if words and words[0] in CLASSES:
            builtin = words[1].strip("()") if len(words) > 1 and "(" in words[1] else None
            drawn[words[0]] = builtin
    assert set(drawn) == set(CLASSES)
    for name, builtin in drawn.items():
        if builtin:
            assert builtin in [base.__name__ for base in CLASSES[name].__mro__]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            UnknownNameError("family", "resnt", known=["resnet", "vgg"], hint="resnets list"),
            "no family named 'resnt'. Did you mean 'resnet'? All names: resnets list",
        ),
        (
            UnknownNameError("family", "xyzzy", known=["resnet", "vgg"], hint="resnets list"),
            "no family named 'xyzzy'. All names: resnets list",
        ),
        (ConfigError("my.toml", ["epochs is missing"]), "1 problem in my.toml: epochs is missing"),
        (ConfigError("my.toml", ["a", "b"]), "2 problems in my.toml: a; b"),
        (
            DepthError("wide_resnet", step=6, offset=4, got=30),
            "wide_resnet depth must be 6n+4 (10, 16, 22, 28, ...); got 30, nearest are 28 and 34",
        ),
        (
            DepthError("CIFAR resnet", step=6, offset=2, got=3),
            "CIFAR resnet depth must be 6n+2 (8, 14, 20, 26, ...); got 3, nearest is 8",
        ),
        (
            DepthError("CIFAR resnet", step=9, offset=2, got=10),
            "CIFAR resnet depth must be 9n+2 (11, 20, 29, 38, ...); got 10, nearest is 11",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_full_text(error: ResNetsError, text: str) -> None:
    assert str(error) == text


def test_config_error_keeps_its_problems() -> None:
    assert ConfigError("x", ["a", "b"]).problems == ("a", "b")


@pytest.mark.parametrize(
    "error",
    [
        UnknownNameError("family", "resnt", known=["resnet"], hint="resnets list"),
        ConfigError("my.toml", ["a", "b"]),
        DepthError("CIFAR resnet", step=6, offset=2, got=3),
        errors.InputShapeError("too small"),
        errors.Interrupted(15, "saved, then ended"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling(error: ResNetsError) -> None:
    """Worker processes send their errors home pickled."""
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert back.exit_code == error.exit_code


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_decides_the_exit_code(number: signal.Signals, exit_code: int) -> None:
    error = errors.Interrupted(number, "saved, then ended")
    assert (error.exit_code, str(error)) == (exit_code, "saved, then ended")


def test_depth_error_lists_its_problem() -> None:
    error = DepthError("CIFAR resnet", step=6, offset=2, got=3)
    assert error.problems, "whoever catches ConfigError shows `problems`"


@pytest.mark.parametrize(
    ("got", "close"),
    [
        ("resnet5O", "'resnet50'"),
        ("RESNET51", "'resnet50'"),
        ("", ""),
        ("zzzz", ""),
    ],
)
def test_suggest(got: str, close: str) -> None:
    assert suggest(got, ["resnet50", "vgg16"]) == close


def test_suggest_keeps_the_case_of_known_names() -> None:
    assert suggest("mynet", ["MyNet"]) == "'MyNet'"


@pytest.mark.parametrize(
    ("got", "nearest"),
    [
        (-4, "nearest is 8"),
        (0, "nearest is 8"),
        (2, "nearest is 8"),
        (7, "nearest is 8"),
        (9, "nearest are 8 and 14"),
        (13, "nearest are 8 and 14"),
        (15, "nearest are 14 and 20"),
    ],
)
def test_nearest_depths(got: int, nearest: str) -> None:
    rule = "CIFAR resnet depth must be 6n+2 (8, 14, 20, 26, ...)"
    assert str(DepthError("CIFAR resnet", step=6, offset=2, got=got)) == f"{rule}; got {got}, {nearest}"


def test_suggest_names_as_many_as_asked_for_closest_first() -> None:
    known = ["resnet50", "resnet56", "resnet20", "resnet44"]
    assert suggest("resnet5o", known, count=1) == "'resnet50'"
    assert suggest("resnet5o", known, count=2) == "'resnet50', 'resnet56'"
    assert suggest("vgg", []) == ""
