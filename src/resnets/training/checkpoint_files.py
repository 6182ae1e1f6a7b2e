"""How one checkpoint lies on disk: a folder of three files, none of which can run anything.

    tensors.safetensors   https://github.com/huggingface/safetensors, readable by any tool
    state.json            everything that is no tensor
    manifest.json         size and SHA-256 of the other two, written last; it holds its own digest too

A folder is a checkpoint when its manifest verifies: no flipped byte and no half-written file passes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import torch
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from torch import Tensor

from resnets import __version__
from resnets.errors import UnsupportedError, WeightsError
from resnets.files import sync_folder
from resnets.weights.opening import open_weights, quote, show
from resnets.weights.safetensors_file import MAX_HEADER_BYTES, MAX_TENSORS, read_header, read_tensors

TENSORS: Final = "tensors.safetensors"
STATE: Final = "state.json"
MANIFEST = "manifest.json"
FORMAT_VERSION = 1
MAX_STATE_BYTES = 16 << 20
_MAX_MANIFEST_BYTES = 1 << 16
_CHUNK_BYTES = 4 << 20
_LOST = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EIO)
Buffer: TypeAlias = bytes | memoryview
_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class DamagedCheckpointError(WeightsError):
    """A checkpoint that is not what was written, or not all of it."""


class FileRecord(BaseModel):
    """What a manifest says of a file.

    Attributes:
        size: in bytes.
        sha256: of all of it.
    """

    model_config = ConfigDict(strict=True, extra="forbid")
    size: int
    sha256: str


class Manifest(BaseModel):
    """What a checkpoint should be.

    Attributes:
        format_version: of the folder.
        step: of the run.
        files: by name.
        versions: of what wrote it.
    """

    model_config = ConfigDict(strict=True, extra="forbid")
    format_version: int
    step: int
    files: dict[Literal["tensors.safetensors", "state.json"], FileRecord] = Field(min_length=2)
    versions: dict[str, str]


@dataclass(frozen=True)
class Content:
    """What a checkpoint will hold, as far as it can be made before anything is written.

    Attributes:
        header: of the file of tensors.
        tensors: in the order of the header, wherever they are.
        state: the text of the state.
        step: of the run.
    """

    header: bytes
    tensors: tuple[Tensor, ...]
    state: bytes
    step: int

    @property
    def num_bytes(self) -> int:
        """Room that it takes on a disk, the manifest included."""
        return len(self.header) + sum(map(_size, self.tensors)) + len(self.state) + _MAX_MANIFEST_BYTES


def prepare(step: int, tensors: Mapping[str, Tensor], state: Mapping[str, JsonValue]) -> Content:
    """Make ready for writing, so that whatever cannot be written is refused before.

    Args:
        step: of the run.
        tensors: by any name but '__metadata__'; of any device.
        state: all the rest. NaN and infinity come back as they are.

    Raises:
        UnsupportedError: if it is too much, or of a type that the format does not have.
    """
    entries: dict[str, object] = {}
    end = 0
    for name, tensor in tensors.items():
        assert name != "__metadata__"
        if tensor.dtype not in _NAMES:
            known = ", ".join(str(kind).removeprefix("torch.") for kind in _NAMES)
            raise UnsupportedError(
                f"a checkpoint cannot hold {show(name)} of type "
                f"{str(tensor.dtype).removeprefix('torch.')}; it can hold {known}"
            )
        begin, end = end, end + _size(tensor)
        entries[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the tensors begin at a multiple of 8 bytes
    words = json.dumps(state).encode()
    for what, got, most in (
        ("tensors", len(tensors), MAX_TENSORS),
        ("bytes of names", len(text), MAX_HEADER_BYTES),
        ("bytes of state", len(words), MAX_STATE_BYTES),
    ):
        if got > most:
            raise UnsupportedError(f"a checkpoint can hold {most:,} {what}, got {got:,}")
    return Content(len(text).to_bytes(8, "little") + text, tuple(tensors.values()), words, step)


def write_files(folder: Path, content: Content) -> None:
    """Write the files of a checkpoint, the manifest last, each down to the disk.

    Args:
        folder: empty.
        content: of the files.
    """
    files = {
        TENSORS: _write(folder / TENSORS, _pieces(content)),
        STATE: _write(folder / STATE, [content.state]),
    }
    versions = {"resnets": __version__, "torch": torch.__version__, "python": platform.python_version()}
    manifest = {
        "format_version": FORMAT_VERSION,
        "step": content.step,
        "files": files,
        "versions": versions,
    }
    _write(folder / MANIFEST, [_seal(manifest)])
    sync_folder(folder)


def verify(folder: Path) -> int:
    """Compare every byte of a checkpoint with its manifest.

    Args:
        folder: of the checkpoint.

    Returns:
        The step it was saved at.

    Raises:
        WeightsError: if it cannot be read, or a newer resnets wrote it.
        DamagedCheckpointError: if it is not what was written.
    """
    manifest = _read_manifest(folder / MANIFEST)
    for name in (TENSORS, STATE):
        path, expected = folder / name, manifest.files[name]
        with _opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != expected.size:
                raise DamagedCheckpointError(
                    f"{quote(path)} is damaged: it has {size:,} bytes, {expected.size:,} were written"
                )
            if hashlib.file_digest(file, "sha256").hexdigest() != expected.sha256:
                raise DamagedCheckpointError(
                    f"{quote(path)} is damaged: its SHA-256 is not the one that was written"
                )
    return manifest.step


def read_files(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the state of a checkpoint.

    Args:
        folder: of the checkpoint.

    Raises:
        WeightsError: if they are missing, damaged or made to do harm.
    """
    path = folder / TENSORS
    tensors = read_tensors(path, read_header(path))
    state = _parse(folder / STATE, _read(folder / STATE, MAX_STATE_BYTES))
    return tensors, state


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _pieces(content: Content) -> Iterator[Buffer]:
    """One tensor after the other, so that at most one is copied."""
    yield content.header
    for tensor in content.tensors:
        if tensor.numel():
            flat = tensor.detach().to("cpu").contiguous().reshape(-1)
            yield flat.view(torch.uint8).numpy().data


def _write(path: Path, pieces: Iterable[Buffer]) -> dict[str, int | str]:
    """Write a new file and compute its digest on the way."""
    digest, size = hashlib.sha256(), 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags, 0o666)
    try:
        for piece in pieces:
            view = memoryview(piece)
            size += len(view)
            for start in range(0, len(view), _CHUNK_BYTES):
                chunk = view[start : start + _CHUNK_BYTES]
                digest.update(chunk)
                while chunk:
                    chunk = chunk[os.write(handle, chunk) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    return {"size": size, "sha256": digest.hexdigest()}


def _seal(manifest: Mapping[str, object]) -> bytes:
    """The text of a manifest, with its own digest at the end."""
    digest = hashlib.sha256(json.dumps(manifest).encode()).hexdigest()
    return (json.dumps({**manifest, "sha256": digest}, indent=1) + "\n").encode()


def _read_manifest(path: Path) -> Manifest:
    text = _read(path, _MAX_MANIFEST_BYTES)
    values = _parse(path, text)
    values.pop("sha256", None)
    if _seal(values) != text:
        raise DamagedCheckpointError(f"{quote(path)} is damaged: it is not what was written")
    if values.get("format_version") != FORMAT_VERSION:
        raise WeightsError(
            f"{quote(path)} has the format {show(values.get('format_version'))}; this resnets "
            f"{__version__} reads {FORMAT_VERSION}. A newer resnets wrote it: pip install --upgrade "
            "resnets"
        )
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        raise DamagedCheckpointError(
            f"{quote(path)} makes no sense: {show(error.errors()[0]['msg'])}"
        ) from None


def _parse(path: Path, text: bytes) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedCheckpointError(f"{quote(path)} is damaged: {error}") from None
    if not isinstance(values, dict):
        raise DamagedCheckpointError(f"{quote(path)} is damaged: it is no JSON object")
    return values


def _read(path: Path, most: int) -> bytes:
    with _opened(path) as file:
        text = file.read(most + 1)
    if len(text) > most:
        raise DamagedCheckpointError(f"{quote(path)} is damaged: it has more than {most:,} bytes")
    return text


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """Open a file; tell one that is gone or unreadable for ever from one that this user may not read."""
    try:
        with open_weights(path) as file:
            yield file
    except DamagedCheckpointError:
        raise
    except WeightsError as error:
        cause = error.__cause__
        if cause is None or getattr(cause, "errno", None) in _LOST:
            raise DamagedCheckpointError(str(error)) from cause
        raise
    except OSError as error:
        raise DamagedCheckpointError(f"cannot read {quote(path)}: {error.strerror}") from error
