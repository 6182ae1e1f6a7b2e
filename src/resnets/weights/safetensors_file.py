"""Reading safetensors files that may be damaged or made to do harm.

The format (https://github.com/huggingface/safetensors, "Format"): eight bytes with the length of the
header, little-endian; the header, a JSON object from names to type, shape and place; the tensors. Here
every byte has to be accounted for: a header of at most 32 MiB inside the file, no key twice, and tensors
that lie end to end and fill the rest of the file.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from resnets.errors import WeightsError
from resnets.weights.opening import open_weights, quote, show

if TYPE_CHECKING:
    from torch import Tensor

MAX_HEADER_BYTES = 32 << 20
MAX_TENSORS = 100_000

_TYPES = {
    "F64": (8, "float64"),
    "F32": (4, "float32"),
    "F16": (2, "float16"),
    "BF16": (2, "bfloat16"),
    "I64": (8, "int64"),
    "I32": (4, "int32"),
    "I16": (2, "int16"),
    "I8": (1, "int8"),
    "U8": (1, "uint8"),
    "BOOL": (1, "bool"),
}
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\.)*+"')
_NUMBER = r"[ \t\r\n]*(?:0|[1-9][0-9]{0,18})[ \t\r\n]*"
_NUMBERS = re.compile(rf"\[({_NUMBER}(?:,{_NUMBER}){{0,15}}|[ \t\r\n]*)\]")
_FIELDS = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True)
class Entry:
    """Where one tensor lies in a file.

    Attributes:
        dtype: as the format names it, such as 'F32'.
        shape: of the tensor.
        begin: first byte, counted from the end of the header.
        end: the byte behind the last.
    """

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """What a file says about its tensors.

    Attributes:
        tensors: by name, in the order of the header.
        metadata: texts, by key.
        data_start: first byte behind the header.
    """

    tensors: Mapping[str, Entry]
    metadata: Mapping[str, str]
    data_start: int


def looks_like_safetensors(start: bytes, size: int) -> bool:
    """Say whether a file that begins so can be a safetensors file.

    Args:
        start: the first nine bytes or more.
        size: of the file, in bytes.
    """
    return len(start) > 8 and start[8:9] == b"{" and start[:1] != b"\x80" and size > 9


def read_header(path: str | Path) -> Header:
    """Read and check the header of a safetensors file; the tensors stay on disk.

    Args:
        path: of the file.

    Raises:
        WeightsError: with what is wrong.
    """
    with open_weights(path) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            text, data_start = _read_text(file, size)
            tensors, metadata = _parse(text)
            _check_layout(tensors, size - data_start)
        except ValueError as error:
            raise WeightsError(f"{quote(path)} is not a valid safetensors file: {error}") from None
    return Header(tensors, metadata, data_start)


def read_tensors(path: str | Path, header: Header) -> dict[str, Tensor]:
    """Read all tensors of a file.

    Args:
        path: of the file.
        header: that `read_header` gave.

    Raises:
        WeightsError: if the file is shorter than it was.
    """
    import torch

    tensors: dict[str, Tensor] = {}
    with open_weights(path) as file:
        for name, entry in header.tensors.items():
            kind = torch.uint8 if entry.dtype == "BOOL" else getattr(torch, _TYPES[entry.dtype][1])
            tensor = torch.empty(entry.shape, dtype=kind, device="cpu")
            if tensor.numel():
                file.seek(header.data_start + entry.begin)
                place = tensor.reshape(-1).view(torch.uint8).numpy()
                if file.readinto(memoryview(place.data)) != place.size:
                    raise WeightsError(f"{quote(path)} ends inside the tensor {show(name)}")
            # A byte that is neither 0 nor 1 is no bool that torch could be given.
            tensors[name] = tensor.ne(0) if entry.dtype == "BOOL" else tensor
    return tensors


def _read_text(file: BufferedReader, size: int) -> tuple[str, int]:
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > size - 8:
        raise ValueError(f"its header should have {length} bytes, the file has {size}")
    if length > MAX_HEADER_BYTES:
        raise ValueError(f"its header has {length} bytes, at most {MAX_HEADER_BYTES} are read")
    try:
        return file.read(length).decode("utf-8"), 8 + length
    except UnicodeDecodeError:
        raise ValueError("its header is not UTF-8") from None


class _Scanner:
    """Walks through a JSON text; knows only what the format allows, so that nothing grows in memory."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    def accepts(self, character: str) -> bool:
        """Pass a character, if it stands here."""
        match = _SPACE.match(self.text, self.place)
        self.place = match.end() if match else self.place
        found = self.text.startswith(character, self.place)
        self.place += len(character) if found else 0
        return found

    def expect(self, character: str) -> None:
        if not self.accepts(character):
            found = self.text[self.place : self.place + 1] or "its end"
            raise ValueError(
                f"expected {character} at character {self.place} of its header, got {found}"
            )

    def members(self) -> Iterator[str]:
        """Give the keys of an object; whoever reads them passes the values."""
        self.expect("{")
        if self.accepts("}"):
            return
        while True:
            key = self.string()
            self.expect(":")
            yield key
            if not self.accepts(","):
                self.expect("}")
                return

    def string(self) -> str:
        self.accepts("")
        match = _STRING.match(self.text, self.place)
        if match is None:
            raise ValueError(f"expected a text at character {self.place} of its header")
        self.place = match.end()
        return str(json.loads(match[0]))

    def numbers(self) -> tuple[int, ...]:
        self.accepts("")
        match = _NUMBERS.match(self.text, self.place)
        if match is None:
            raise ValueError(
                f"expected at most 16 whole numbers at character {self.place} of its header"
            )
        self.place = match.end()
        return tuple(int(number) for number in match[1].split(",") if match[1].strip())


def _parse(text: str) -> tuple[dict[str, Entry], dict[str, str]]:
    scanner = _Scanner(text)
    tensors: dict[str, Entry] = {}
    metadata: dict[str, str] | None = None
    for name in scanner.members():
        if name in tensors or (name == "__metadata__" and metadata is not None):
            raise ValueError(f"{show(name)} is there twice")
        if name == "__metadata__":
            metadata = {}
            for key in scanner.members():
                if key in metadata:
                    raise ValueError(f"the metadata {show(key)} is there twice")
                metadata[key] = scanner.string()
            continue
        if len(tensors) == MAX_TENSORS:
            raise ValueError(f"it has more than {MAX_TENSORS} tensors")
        tensors[name] = _parse_entry(scanner, name)
    if scanner.accepts("") and text[scanner.place :].strip(" \0"):
        raise ValueError("something follows its header")
    return tensors, metadata or {}


def _parse_entry(scanner: _Scanner, name: str) -> Entry:
    kind: str | None = None
    numbers: dict[str, tuple[int, ...]] = {}
    for field in scanner.members():
        if field not in _FIELDS or field in numbers or (field == "dtype" and kind is not None):
            raise ValueError(f"{show(name)} has {show(field)}, which is unknown or there twice")
        if field == "dtype":
            kind = scanner.string()
        else:
            numbers[field] = scanner.numbers()
    offsets = numbers.get("data_offsets", ())
    if kind is None or "shape" not in numbers or len(offsets) != 2:
        raise ValueError(f"{show(name)} needs a dtype, a shape and two data_offsets")
    if kind not in _TYPES:
        raise ValueError(f"{show(name)} has the type {show(kind)}; known are {', '.join(_TYPES)}")
    entry = Entry(kind, numbers["shape"], *offsets)
    length = math.prod(entry.shape) * _TYPES[kind][0]
    if length != entry.end - entry.begin:
        raise ValueError(
            f"{show(name)} of shape {entry.shape} and type {kind} needs {length} bytes, "
            f"its place has {entry.end - entry.begin}"
        )
    return entry


def _check_layout(tensors: Mapping[str, Entry], size: int) -> None:
    """Refuse tensors that overlap, leave gaps or go beyond the file."""
    end = 0
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != end:
            what = "overlaps with the tensor before it" if entry.begin < end else "follows a gap"
            raise ValueError(f"{show(name)} {what}: it begins at byte {entry.begin}, not {end}")
        end = entry.end
    if end != size:
        raise ValueError(f"its tensors should have {end} bytes, the file has {size}")
