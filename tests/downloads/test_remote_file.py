"""Descriptions of files are checked."""

from __future__ import annotations

from typing import Any

import pytest

from resnets.downloads.remote_file import RemoteFile

from .downloading import ELSEWHERE, FILE


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://weights.invalid/x.pth"},
        {"url": "https:///x.pth"},
        {"name": "../x.pth"},
        {"name": "a/b.pth"},
        {"name": ".hidden"},
        {"name": "x.json"},
        {"hash": "sha256:12"},
        {"hash": "md5:" + "g" * 32},
        {"hash": "crc:12345678"},
        {"size_mib": 0.0},
    ],
)
def test_descriptions_of_files_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RemoteFile.model_validate({"url": ELSEWHERE, "hash": FILE.hash, **wrong})
