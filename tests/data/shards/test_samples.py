"""Samples: files of one name up to the first dot, with a class beside them or in their JSON."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from resnets.data.archive_members import ArchiveRefused
from resnets.data.shards.samples import Samples, read_samples
from tests.data.shards.writing import write_shard


def samples_of(tmp_path: Path, content: dict[str, bytes | str], *, hashed: bool = False) -> Samples:
    with write_shard(tmp_path / "a.tar", content).open("rb") as file:
        return read_samples(file, hashed=hashed)


def test_classes_come_from_text_or_json(tmp_path: Path) -> None:
    found = samples_of(
        tmp_path,
        {
            "a.jpg": b"1", "a.cls": "7\n",
            "b.json": '{"label": "tabby cat", "width": 3}', "b.PNG": b"2",
            "x/c.jpeg": b"3", "x/c.cls": "007", "x/c.json": '{"label": 9}',
            "y/c.webp": b"4", "y/c.json": '{"class": true, "cls": 12}',
            "d.jpg": b"5", "d.json": '["no", "class"]',
            "e.jpg": b"6", "e.cls": "-1",
            "f.jpg": b"7",
        },
    )  # fmt: skip
    assert list(zip(found.names, found.classes, strict=True)) == [
        ("a.jpg", "7"), ("b.PNG", "tabby cat"), ("x/c.jpeg", "7"), ("y/c.webp", "12"),
        ("d.jpg", None), ("e.jpg", None), ("f.jpg", None),
    ]  # fmt: skip
    content = (tmp_path / "a.tar").read_bytes()
    assert [content[o : o + s] for o, s in zip(found.offsets, found.sizes, strict=True)] == [
        str(number).encode() for number in range(1, 8)
    ]
    assert found.digests == []


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    found = samples_of(
        tmp_path,
        {"a.jpg": b"1", "a.seg.png": b"2", "._a.jpg": b"3", "sound.wav": b"4", "b.txt": "5"},
        hashed=True,
    )
    assert (found.names, found.num_without_image) == (["a.jpg"], 2)
    assert found.digests == [hashlib.sha256(b"1").digest()]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"a.jpg": b"", "a.png": b""}, "has two images of one sample, 'a.jpg' and 'a.png'"),
        ({"a.jpg": b"", "a.cls": ""},
         "has '' for a class in 'a.cls', and not a whole number or a name of up to 256 characters"),
        ({"a.jpg": b"", "a.cls": "one\ntwo"},
         "has 'one\\ntwo' for a class in 'a.cls', and not a whole number or a name of up to 256 characters"),
        ({"a.jpg": b"", "a.cls": b"\xff"}, "has a text that is not UTF-8, 'a.cls'"),
        ({"a.jpg": b"", "a.cls": "a" * 1025}, "has 1,025 bytes of text in 'a.cls'"),
        ({"a.jpg": b"", "a.json": "{"}, "has no JSON in 'a.json'"),
        ({"a.jpg": b"", "a.json": "[" * 100_000}, "has no JSON in 'a.json'"),
        ({"a" * 5000 + ".jpg": b""}, "has a name of 5,004 characters"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, content: dict[str, bytes | str], text: str) -> None:
    with pytest.raises(ArchiveRefused, match=f"^{re.escape(text)}$"):
        samples_of(tmp_path, content)
