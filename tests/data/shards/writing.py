"""Writes shards, with Python's own tarfile, and serves them on this machine."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image


def photo(number: int, *, kind: str = "JPEG", side: int = 24) -> bytes:
    """An encoded image of coarse noise, another one for each number."""
    grains = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(grains).resize((side, side)).save(file, kind)
    return file.getvalue()


def write_shard(
    path: Path, content: Mapping[str, bytes | str], *, form: int = tarfile.PAX_FORMAT
) -> Path:
    """Write a tar.

    Args:
        path: of the file; its folder is made.
        content: of its members, in order; texts are encoded.
        form: of its headers, as tarfile numbers them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as archive:
        for name, value in content.items():
            data = value.encode() if isinstance(value, str) else value
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def write_shards(
    folder: Path, *, shards: int, images: int, classes: int = 2, prefix: str = "", first: int = 0
) -> list[Path]:
    """Write shards of photos whose classes, numbers, take turns."""
    paths = []
    for shard in range(shards):
        content: dict[str, bytes | str] = {}
        for image in range(images):
            number = first + shard * images + image
            content[f"{number:05}.jpg"] = photo(number)
            content[f"{number:05}.cls"] = str(number % classes)
        paths.append(write_shard(folder / f"{prefix}{shard:03}.tar", content))
    return paths


@dataclass
class Server:
    """Serves a folder.

    Attributes:
        url: of the folder.
        asked: names of the files that were asked for, in order.
    """

    url: str
    asked: list[str] = field(default_factory=list)


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: object, server_of_test: Server, directory: str) -> None:
        self._of_test = server_of_test
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._of_test.asked.append(self.path.removeprefix("/"))
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve a folder for as long as the context lasts."""
    told = Server("")
    handler = partial(_Handler, server_of_test=told, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
