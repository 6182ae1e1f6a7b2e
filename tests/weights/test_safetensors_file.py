from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from resnets.errors import WeightsError
from resnets.weights.safetensors_file import Entry, Header, read_header, read_tensors


def write(path: Path, header: bytes | dict[str, object], data: bytes, *, length: int = -1) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", length if length >= 0 else len(text)) + text + data)
    return path


def entry(begin: int, end: int, *, shape: object = None, dtype: str = "F32") -> dict[str, object]:
    shape = [(end - begin) // 4] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_reads_what_the_library_writes(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    tensors = {
        "a.weight": torch.randn(3, 2, 1, 1, generator=generator),
        "b/ü\n": torch.randn(5, generator=generator).half(),
        "c": torch.randn(2, 3, generator=generator).bfloat16(),
        "counter": torch.tensor(7),
        "empty": torch.empty(0, 4),
        "mask": torch.tensor([True, False]),
        "bytes": torch.arange(3, dtype=torch.uint8),
        "double": torch.tensor([1e300], dtype=torch.float64),
    }
    path = tmp_path / "x.safetensors"
    save_file(tensors, path, metadata={"format": "pt", "note": 'a "b" \\ é'})
    header = read_header(path)
    assert header.metadata == {"format": "pt", "note": 'a "b" \\ é'}
    read = read_tensors(path, header)
    expected = load_file(path)
    assert read.keys() == expected.keys()
    for name, tensor in expected.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor), name


def test_the_header_says_where_tensors_lie(tmp_path: Path) -> None:
    path = write(tmp_path / "x", {"b": entry(8, 16), "a": entry(0, 8, shape=[1, 2])}, b"\0" * 16)
    header = read_header(path)
    assert header == Header(
        {"b": Entry("F32", (2,), 8, 16), "a": Entry("F32", (1, 2), 0, 8)}, {}, header.data_start
    )
    assert header.data_start == path.stat().st_size - 16


BAD = {
    "empty": (b"", b"", 0, "expected { at character 0 of its header, got its end"),
    "header bomb": (
        b"{}",
        b"",
        1 << 63,
        "its header should have 9223372036854775808 bytes, the file has 10",
    ),
    "no object": (b"[1]", b"", -1, "expected { at character 0 of its header, got ["),
    "not UTF-8": (b"{\xff}", b"", -1, "its header is not UTF-8"),
    "nested": (b'{"a":' + b"[" * 100, b"", -1, "expected { at character 5 of its header, got ["),
    "deep": (
        b'{"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}',
        b"1234",
        -1,
        "expected at most 16 whole numbers at character 28 of its header",
    ),
    "many axes": (
        {"a": entry(0, 4, shape=[1] * 17)},
        b"1234",
        -1,
        "expected at most 16 whole numbers at character 32 of its header",
    ),
    "negative": (
        {"a": entry(0, 4, shape=[-1])},
        b"1234",
        -1,
        "expected at most 16 whole numbers at character 32 of its header",
    ),
    "twice": (
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}}',
        b"1",
        -1,
        "'a' is there twice",
    ),
    "metadata twice": (
        b'{"__metadata__":{"x":"1","x":"2"}}',
        b"",
        -1,
        "the metadata 'x' is there twice",
    ),
    "field twice": (
        b'{"a":{"dtype":"U8","dtype":"U8"}}',
        b"1",
        -1,
        "'a' has 'dtype', which is unknown or there twice",
    ),
    "other field": (b'{"a":{"url":"x"}}', b"", -1, "'a' has 'url', which is unknown or there twice"),
    "missing field": (
        b'{"a":{"dtype":"U8"}}',
        b"",
        -1,
        "'a' needs a dtype, a shape and two data_offsets",
    ),
    "type": (
        {"a": entry(0, 4, dtype="F8_E4M3")},
        b"1234",
        -1,
        "'a' has the type 'F8_E4M3'; known are F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL",
    ),
    "shape overflow": (
        {"a": entry(0, 4, shape=[2**62, 4])},
        b"1234",
        -1,
        "'a' of shape (4611686018427387904, 4) and type F32 needs 73786976294838206464 bytes, "
        "its place has 4",
    ),
    "backwards": (
        {"a": entry(8, 4, shape=[1])},
        b"12345678",
        -1,
        "'a' of shape (1,) and type F32 needs 4 bytes, its place has -4",
    ),
    "overlap": (
        {"a": entry(0, 8), "b": entry(4, 8)},
        b"12345678",
        -1,
        "'b' overlaps with the tensor before it: it begins at byte 4, not 8",
    ),
    "gap": (
        {"a": entry(0, 4), "b": entry(8, 12)},
        b"123456789012",
        -1,
        "'b' follows a gap: it begins at byte 8, not 4",
    ),
    "uncovered": ({"a": entry(0, 4)}, b"12345", -1, "its tensors should have 4 bytes, the file has 5"),
    "truncated": ({"a": entry(0, 8)}, b"1234", -1, "its tensors should have 8 bytes, the file has 4"),
    "rubbish behind": (b"{} x", b"", -1, "something follows its header"),
}


@pytest.mark.parametrize(("header", "data", "length", "sentence"), BAD.values(), ids=BAD)
def test_bad_headers(
    header: bytes | dict[str, object], data: bytes, length: int, sentence: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "bad.safetensors", header, data, length=length)
    message = f"{str(path)!r} is not a valid safetensors file: {sentence}"
    with pytest.raises(WeightsError, match=f"^{re.escape(message)}$"):
        read_header(path)


def test_headers_are_bounded(tmp_path: Path) -> None:
    path = write(tmp_path / "x", b"{" + b" " * (33 << 20) + b"}", b"")
    with pytest.raises(WeightsError, match=r"has 34603010 bytes, at most 33554432 are read$"):
        read_header(path)
    many: dict[str, object] = {f"t{i}": entry(0, 0, shape=[0], dtype="U8") for i in range(100_001)}
    with pytest.raises(WeightsError, match=r"it has more than 100000 tensors$"):
        read_header(write(path, many, b""))


def test_a_file_that_shrinks(tmp_path: Path) -> None:
    path = write(tmp_path / "x", {"a": entry(0, 8)}, b"12345678")
    header = read_header(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match=r"ends inside the tensor 'a'$"):
        read_tensors(path, header)


def test_names_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    name = "\x1b[2J" + "x" * 1_000_000
    path = write(tmp_path / "x", {name: {}}, b"")
    with pytest.raises(WeightsError) as caught:
        read_header(path)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path))
