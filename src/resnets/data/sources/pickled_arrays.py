"""Reading the few things that CIFAR's pickles hold, without executing them.

A pickle is a program. `pickletools` of the standard library takes it apart without running it, and what
follows here knows only the steps that put numbers, texts, lists, tables and arrays of bytes together:
nothing that the file names is ever imported or called.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

_ARRAY = {"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"}
_NAMES = {*_ARRAY, "numpy ndarray", "numpy dtype", "_codecs encode"}

_PLAIN = {
    "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8", "BINUNICODE8",
}  # fmt: skip
_CONSTANTS: Mapping[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_MAX_STEPS = 2_000_000
# CIFAR-100's training file, the longest, has some 300,000.


class PickleRefused(ValueError):  # noqa: N818 - it is an answer, not a defect
    """The text says what the pickle holds that is not read."""


@dataclass(frozen=True)
class _Name:
    """Something that the pickle names; only compared, never looked up."""

    text: str


@dataclass
class _Made:
    """What calling a name would have made."""

    name: str
    arguments: tuple[Any, ...]
    state: Any = None


class _Mark:
    pass


@dataclass
class _Machine:
    """What is on the stack, and what the pickle remembers."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def since_mark(self) -> list[Any]:
        """Take what lies above the last mark, and the mark."""
        place = len(self.stack) - 1
        while not isinstance(self.stack[place], _Mark):  # an IndexError if there is none
            place -= 1
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items


def read_pickled_table(data: bytes) -> dict[str, Any]:
    """Read a pickled dict of texts, numbers, lists and arrays of bytes.

    Args:
        data: the whole pickle.

    Raises:
        PickleRefused: if it holds anything else, or is damaged.
    """
    machine = _Machine()
    try:
        for steps, (step, argument, _) in enumerate(pickletools.genops(data)):
            if steps > _MAX_STEPS:
                raise PickleRefused("has more steps than any file of CIFAR")
            if step.name == "STOP":
                break
            _do(machine, step.name, argument)
        (table,) = machine.stack
        return {_text(key): _finish(value) for key, value in table.items()}
    except PickleRefused:
        raise
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise PickleRefused(f"is not a pickle of CIFAR, or damaged ({error})") from error


def _do(machine: _Machine, step: str, argument: Any) -> None:
    stack = machine.stack
    if step in _PLAIN:
        stack.append(argument)
    elif step in _CONSTANTS:
        stack.append(_CONSTANTS[step])
    elif step in {"BINPUT", "LONG_BINPUT", "PUT"}:
        machine.memo[int(argument)] = stack[-1]
    elif step == "MEMOIZE":
        machine.memo[len(machine.memo)] = stack[-1]
    elif step in {"BINGET", "LONG_BINGET", "GET"}:
        stack.append(machine.memo[int(argument)])
    elif step in _STEPS:
        _STEPS[step](machine, argument)
    elif step not in {"PROTO", "FRAME"}:
        raise PickleRefused(f"does more than put data together ({step})")


def _name(machine: _Machine, argument: Any) -> None:
    if argument not in _NAMES:
        raise PickleRefused(f"names {str(argument).replace(' ', '.', 1)!r}, which is not data")
    machine.stack.append(_Name(argument))


def _stack_name(machine: _Machine, _: Any) -> None:
    attribute, module = machine.stack.pop(), machine.stack.pop()
    _name(machine, f"{module} {attribute}")


def _call(machine: _Machine, _: Any) -> None:
    arguments, name = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(_Made(name.text, tuple(arguments)))


def _build(machine: _Machine, _: Any) -> None:
    state = machine.stack.pop()
    if not isinstance(machine.stack[-1], _Made):
        raise PickleRefused("does more than put data together (BUILD)")
    machine.stack[-1].state = state


def _set_item(machine: _Machine, _: Any) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.stack[-1][_text(key)] = value


def _set_items(machine: _Machine, _: Any) -> None:
    items = machine.since_mark()
    keys = [_text(key) for key in items[::2]]
    machine.stack[-1].update(zip(keys, items[1::2], strict=True))


def _dict(machine: _Machine, _: Any) -> None:
    items = machine.since_mark()
    keys = [_text(key) for key in items[::2]]
    machine.stack.append(dict(zip(keys, items[1::2], strict=True)))


def _append(machine: _Machine, _: Any) -> None:
    value = machine.stack.pop()
    machine.stack[-1].append(value)


def _appends(machine: _Machine, _: Any) -> None:
    items = machine.since_mark()
    machine.stack[-1].extend(items)


def _tuple_of(count: int) -> Callable[[_Machine, Any], None]:
    def make(machine: _Machine, _: Any) -> None:
        items = tuple(machine.stack[len(machine.stack) - count :])
        del machine.stack[len(machine.stack) - count :]
        machine.stack.append(items)

    return make


_STEPS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda machine, _: machine.stack.append(_Mark()),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "DICT": _dict,
    "LIST": lambda machine, _: machine.stack.append(machine.since_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.since_mark())),
    "EMPTY_TUPLE": _tuple_of(0),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "GLOBAL": _name,
    "STACK_GLOBAL": _stack_name,
    "REDUCE": _call,
    "BUILD": _build,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "APPEND": _append,
    "APPENDS": _appends,
}


def _finish(value: Any) -> Any:
    """Make the arrays; what is not one stays as it is."""
    if not isinstance(value, _Made):
        return value
    if value.name not in _ARRAY:
        return _encoded(value)
    _, shape, kind, is_fortran, content = value.state
    if kind.name != "numpy dtype" or kind.arguments[0] not in {"u1", "|u1"}:
        raise PickleRefused("has an array of something other than bytes")
    content = _encoded(content) if isinstance(content, _Made) else content
    data = content.encode("latin-1") if isinstance(content, str) else content
    array: NDArray[np.uint8] = np.frombuffer(data, np.uint8)
    return array.reshape(shape, order="F" if is_fortran else "C")


def _encoded(made: _Made) -> bytes:
    """Python 3's way to write bytes so that Python 2 can read them: a text and 'latin1'."""
    if made.name != "_codecs encode":
        _refuse_name(made.name)
    text, encoding = made.arguments
    if encoding != "latin1":
        _refuse_name(f"encoding {encoding}")
    return bytes(text.encode("latin-1"))


def _refuse_name(name: str) -> NoReturn:
    raise PickleRefused(f"has {name!r} where data should be")


def _text(key: Any) -> str:
    if isinstance(key, _Made):
        key = _encoded(key)
    if isinstance(key, bytes):
        return key.decode("latin-1")
    if not isinstance(key, str):
        raise PickleRefused("has a table whose keys are not texts")
    return key
