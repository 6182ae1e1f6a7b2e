"""Telling files apart by their first bytes, never by their names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from resnets.errors import WeightsError
from resnets.weights.opening import open_weights, quote
from resnets.weights.safetensors_file import looks_like_safetensors

Container = Literal["safetensors", "zip", "torch pickle", "hdf5", "onnx"]

_NO_CHECKPOINT = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the file that it points to: git lfs pull"),
    (b"<", "is a web page, not a checkpoint: the download was answered by a page"),
    (b"\x89PNG", "is an image, not a checkpoint"),
    (b"\xff\xd8\xff", "is an image, not a checkpoint"),
    (b"GIF8", "is an image, not a checkpoint"),
    (b"\x1f\x8b", "is compressed with gzip; unpack it first"),
    (b"7z\xbc\xaf", "is a 7z archive; unpack it first"),
    (b"Rar!", "is a RAR archive; unpack it first"),
    (b"%PDF", "is a PDF document, not a checkpoint"),
    (b"\x93NUMPY", "is one NumPy array, not a checkpoint"),
)

_FIRST_FIELD, _VERSIONS = 8, 64
# The first field of a ModelProto, `ir_version`, as protobuf writes it (onnx.proto); in 2026 it was 13.


def find_container(path: str | Path) -> Container:
    """Say what kind of file this is.

    Args:
        path: of the file.

    Returns:
        'zip' is any zip archive: most are torch's, Keras' own files are others. ONNX has no signature;
        its files begin with the number of the format's version.

    Raises:
        WeightsError: if it is nothing that holds weights.
    """
    with open_weights(path) as file:
        start = file.read(512)
        size = os.fstat(file.fileno()).st_size
    if not start:
        raise WeightsError(f"{quote(path)} is empty")
    # First, as the length of its header may begin with any byte, also with those of another format.
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= size - 8:
        return "safetensors"
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if start.startswith(b"PK"):
        return "zip"
    if start.startswith(b"\x80"):
        return "torch pickle"
    _refuse_others(path, start)
    if looks_like_safetensors(start, size):
        return "safetensors"
    if start[0] == _FIRST_FIELD and 0 < int.from_bytes(start[1:2]) < _VERSIONS:
        return "onnx"
    if start[257:262] == b"ustar":
        raise WeightsError(
            f"{quote(path)} is a tar archive. PyTorch before 0.1.10 wrote such; it is not read"
        )
    raise WeightsError(
        f"{quote(path)} is not a checkpoint: neither safetensors, nor a file of torch.save, nor HDF5"
    )


def _refuse_others(path: str | Path, start: bytes) -> None:
    """Say what a file is that is often taken for a checkpoint."""
    for signature, reason in _NO_CHECKPOINT:
        if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(signature):
            raise WeightsError(f"{quote(path)} {reason}")
