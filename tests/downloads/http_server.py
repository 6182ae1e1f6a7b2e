"""A server of one file on this machine that misbehaves as it is told, one answer after the other."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behaviour = Callable[["Handler"], None]


@dataclass
class WeightsServer:
    """What is served, and what was asked.

    Attributes:
        body: of every file.
        etag: of it, or None.
        ranges: whether parts are served.
        behaviours: of the next answers; after them, the file is served as it should be.
        requests: path and Range of each request, in order.
        url: of the server, without a slash.
    """

    body: bytes
    etag: str | None = '"v1"'
    ranges: bool = True
    behaviours: list[Behaviour] = field(default_factory=list)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    weights: WeightsServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.weights
        server.requests.append((self.path, self.headers.get("Range")))
        self.close_connection = True
        behaviour = server.behaviours.pop(0) if server.behaviours else serve
        with suppress(OSError):  # the client may be gone
            behaviour(self)

    def start(self, status: int, headers: dict[str, object]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        if self.weights.etag:
            self.send_header("ETag", self.weights.etag)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


def _start_file(handler: Handler) -> bytes:
    """Send the headers of the whole file, or of the part that was asked for; give what must follow."""
    server, asked = handler.weights, handler.headers.get("Range")
    same = handler.headers.get("If-Range") == server.etag
    if not (server.ranges and asked and same):
        handler.start(200, {"Content-Length": len(server.body)})
        return server.body
    start, size = int(asked.removeprefix("bytes=").removesuffix("-")), len(server.body)
    if start >= size:
        handler.start(416, {"Content-Range": f"bytes */{size}", "Content-Length": 0})
        return b""
    handler.start(
        206, {"Content-Range": f"bytes {start}-{size - 1}/{size}", "Content-Length": size - start}
    )
    return server.body[start:]


def serve(handler: Handler) -> None:
    """Do what is right."""
    handler.wfile.write(_start_file(handler))


def cut(after: int) -> Behaviour:
    """Close the connection after some bytes of the body."""

    def behave(handler: Handler) -> None:
        handler.wfile.write(_start_file(handler)[:after])
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    return behave


def trickle(seconds: float, *, pieces: int = 20) -> Behaviour:
    """Take some time for the body."""

    def behave(handler: Handler) -> None:
        rest = _start_file(handler)
        step = max(1, len(rest) // pieces)
        for i in range(0, len(rest), step):
            handler.wfile.write(rest[i : i + step])
            time.sleep(seconds / pieces)

    return behave


def fall_silent(after: int) -> Behaviour:
    """Send some bytes of the body, then nothing, with the connection open."""

    def behave(handler: Handler) -> None:
        handler.wfile.write(_start_file(handler)[:after])
        handler.wfile.flush()
        handler.weights.stopped.wait(10)

    return behave


def answer(status: int, body: bytes = b"", **headers: object) -> Behaviour:
    """Send this and nothing else; '_' in the name of a header stands for '-'."""

    def behave(handler: Handler) -> None:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.start(status, {"Content-Length": len(body), **given})
        handler.wfile.write(body)

    return behave


def send_chunks(num_bytes: int) -> Behaviour:
    """Send a body whose length is not announced."""

    def behave(handler: Handler) -> None:
        handler.start(200, {"Transfer-Encoding": "chunked"})
        for i in range(0, num_bytes, 1000):
            chunk = handler.weights.body[i : min(i + 1000, num_bytes)].ljust(min(1000, num_bytes - i))
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        handler.wfile.write(b"0\r\n\r\n")

    return behave


@contextmanager
def running(body: bytes) -> Iterator[WeightsServer]:
    """Serve a file for as long as the context lasts."""
    weights = WeightsServer(body)
    handler = type("OneHandler", (Handler,), {"weights": weights})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        weights.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield weights
        finally:
            weights.stopped.set()
            server.shutdown()
            thread.join()
