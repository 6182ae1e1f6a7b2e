"""A server that misbehaves as it is told, and the place in a cache where its file belongs."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .downloading import BODY
from .http_server import WeightsServer, running


@pytest.fixture
def server() -> Iterator[WeightsServer]:
    with running(BODY) as server:
        yield server


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: WeightsServer) -> Path:
    """Where the file belongs; the server is the only mirror, and the publisher cannot be reached."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith("RESNETS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RESNETS_MIRRORS", server.url)
    look_up = socket.getaddrinfo

    def look_up_here(host: str, *args: Any, **options: Any) -> Any:
        if host == "weights.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)
    return tmp_path / "cache" / "weights" / "net-1.pth"
