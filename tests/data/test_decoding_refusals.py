"""What is not decoded, with the reason and the sentence; damaged files are in test_decoding_fuzz.py too."""

from __future__ import annotations

import io
import os
import re
import signal
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from resnets.data import decoding
from resnets.data.decode_policy import DecodePolicy
from resnets.data.decoding import decode
from resnets.errors import ImageError

from .image_corpus import encode, rgb, scene, seed_files

PNG = seed_files()["PNG RGB"]
SMALL = DecodePolicy(max_pixels=1_000_000)


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """What waits for ever fails instead."""

    def ring(_signal: int, _frame: object) -> None:
        raise TimeoutError("20 s were not enough")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=["simplejpeg", "Pillow"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "Pillow":
        monkeypatch.setattr(decoding, "simplejpeg", None)
    elif find_spec("simplejpeg") is None:
        pytest.skip("simplejpeg is not installed")
    return str(request.param)


def refused(source: Any, policy: DecodePolicy | None = None) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode(source, policy)
    return caught.value


@pytest.mark.parametrize("size", [(7, 8), (8, 7), (1, 1), (1, 60000)])
def test_smaller_is_refused(size: tuple[int, int]) -> None:
    for source in (encode(Image.new("RGB", size), "PNG"), np.zeros((size[1], size[0], 3), np.uint8)):
        error = refused(source)
        assert error.reason == "too small"
        assert str(error) == f"has {size[0]}x{size[1]} pixels; the least is 8x8"


def test_the_most_pixels() -> None:
    policy = DecodePolicy(max_pixels=93 * 67)
    assert decode(PNG, policy).image.size == (93, 67)
    for source in (PNG, rgb(), scene()):
        error = refused(source, DecodePolicy(max_pixels=93 * 67 - 1))
        assert error.reason == "too large"
        assert str(error) == (
            "has 93x67 pixels; at most 0.00623 million are decoded, max_pixels allows more"
        )


def test_without_a_policy_50_million_pixels_are_the_limit() -> None:
    error = refused(encode(Image.new("1", (10000, 5001)), "PNG"))
    assert str(error) == "has 10000x5001 pixels; at most 50 million are decoded, max_pixels allows more"


def test_a_file_with_more_bytes_than_pixels_need_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.png"
    path.write_bytes(PNG)
    os.truncate(path, 4 * SMALL.max_pixels + 2**20)
    decode(path, SMALL)
    os.truncate(path, 4 * SMALL.max_pixels + 2**20 + 1)
    error = refused(path, SMALL)
    assert (error.reason, error.detail) == ("too large", "has 5 MB, more than 1 million pixels need")
    assert refused(bytes(5_048_577), SMALL).detail == error.detail


ARRAYS = {
    "of floats": (np.zeros((9, 9, 3)), "float64 of shape (9, 9, 3)"),
    "of two channels": (np.zeros((9, 9, 2), np.uint8), "uint8 of shape (9, 9, 2)"),
    "of a batch": (np.zeros((1, 9, 9, 3), np.uint8), "uint8 of shape (1, 9, 9, 3)"),
    "of nothing": (np.zeros((), np.uint8), "uint8 of shape ()"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_are_no_images(name: str) -> None:
    array, got = ARRAYS[name]
    error = refused(array)
    assert error.reason == "not an image"
    assert str(error) == f"pixels must be uint8 of shape (H, W), (H, W, 3) or (H, W, 4); got {got}"


def test_objects_that_are_no_images() -> None:
    error = refused(None)
    assert error.reason == "not an image"
    assert str(error) == "an image is a path, bytes, a Pillow image or an array, got NoneType"


FILES = {
    "empty": (b"", "empty", "the file is empty"),
    "words": (
        b"Dear Sir",
        "not an image",
        "is none of the formats that are read (BMP, GIF, JPEG, PNG, TIFF, WEBP)",
    ),
    "HEIC": (
        b"\0\0\0\x18ftypheic",
        "unsupported format",
        "is HEIC, which is not read; convert it to JPEG or PNG",
    ),
    "cut header": (PNG[:20], "truncated", None),
    "half a PNG": (PNG[:2000], "truncated", None),
    "half a JPEG": (seed_files()["JPEG baseline"][:1500], "truncated", None),
    "nonsense in a JPEG": (b"\xff\xd8\xff" + bytes(500), "damaged", None),
}


@pytest.mark.parametrize("name", FILES)
def test_bytes_that_are_refused(name: str, decoder: str) -> None:
    data, reason, words = FILES[name]
    error = refused(data)
    assert error.reason in ((reason,) if words else ("truncated", "damaged"))
    assert error.source is None
    if words:
        assert str(error) == words
    else:
        assert re.fullmatch(r"is a (JPEG|PNG) file that (ends too early|is damaged): .+", str(error))


def test_a_wrong_checksum_is_damage() -> None:
    place = PNG.index(b"IDAT") - 4
    damaged = bytearray(PNG)
    damaged[place + 30] ^= 1
    error = refused(bytes(damaged))
    assert error.reason == "damaged"
    assert str(error) == f"is a damaged PNG file: wrong checksum at byte {place}"


def test_a_pillow_image_that_ends_too_early() -> None:
    image = Image.open(io.BytesIO(seed_files()["JPEG baseline"][:1500]))
    error = refused(image)
    assert error.reason == "truncated"
    assert error.detail.startswith("is an image that ends too early: ")


PATHS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing": (lambda path: None, "missing", "there is no such file"),
    "folder": (lambda path: path.mkdir(), "not a file", "is a folder"),
    "pipe": (os.mkfifo, "not a file", "is not an ordinary file"),
    "dangling": (lambda path: path.symlink_to("nowhere"), "missing", "there is no such file"),
    "loop": (
        lambda path: path.symlink_to(path),
        "not readable",
        "cannot be read: Too many levels of symbolic links",
    ),
    "HTML": (
        lambda path: path.write_bytes(b"<html>"),
        "not an image",
        "is an HTML page; was it saved by a failed download?",
    ),
}


@pytest.mark.parametrize("name", PATHS)
def test_paths_that_are_refused(name: str, tmp_path: Path) -> None:
    make, reason, words = PATHS[name]
    path = tmp_path / "x.jpg"
    make(path)
    error = refused(path)
    assert (error.reason, error.detail, error.source) == (reason, words, str(path))
    assert str(error) == f"{path}: {words}"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "x.jpg"
    path.write_bytes(PNG)
    monkeypatch.setattr(Path, "read_bytes", forbidden)
    error = refused(path)
    assert error.reason == "not readable"
    assert str(error) == f"{path}: cannot be read: Permission denied"


def test_names_that_no_file_can_have() -> None:
    assert str(refused("a\0b")) == "a\\x00b: cannot be read: embedded null byte"
    assert str(refused("a" * 300)) == f"{'a' * 300}: cannot be read: File name too long"
    assert str(refused("no\n\x1b[31m\udcff.jpg")) == "no\\n\\x1b[31m\\udcff.jpg: there is no such file"


def test_a_path_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"")
    (entry,) = os.scandir(os.fsencode(tmp_path))
    assert refused(entry).reason in ("empty", "not an image")
