"""Weights that a publisher would offer, served from this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resnets.downloads.remote_file import RemoteFile
from resnets.weights import catalog
from resnets.weights.shipped import weights_key

from ..downloads.http_server import WeightsServer, running


@contextmanager
def published(
    name: str, file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WeightsServer]:
    """Let the catalogue's row `name` mean a file of ours, that the only mirror serves."""
    content = file.read_bytes()
    row = catalog.find_weights(name)
    remote = RemoteFile(
        url=row.file.url, name=row.file.name, hash=f"sha256:{hashlib.sha256(content).hexdigest()}"
    )
    changed = row.model_copy(update={"file": remote, "file_without_top": None})
    rows, left_out = catalog._catalogue()
    key = weights_key(row.name)
    monkeypatch.setattr(catalog, "_catalogue", lambda: ({**rows, key: changed}, left_out))
    with running(content) as server:
        monkeypatch.setenv("RESNETS_CACHE", str(cache))
        monkeypatch.setenv("RESNETS_MIRRORS", server.url)
        yield server
