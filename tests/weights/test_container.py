"""Telling files apart by their first bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resnets.weights.container import find_container


@pytest.mark.parametrize("length", [0x80, 0x4B50, 0x3C, 0x1F8B, 0x50])
def test_the_length_of_a_header_may_look_like_another_format(length: int, tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}})
    path = tmp_path / "net.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + header.encode().ljust(length))
    assert find_container(path) == "safetensors"
