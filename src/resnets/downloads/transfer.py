"""One try to get one file from one address over HTTP, going on where an earlier try was cut.

A try goes on only if the server says that the file is still the same: its ETag or Last-Modified is sent
along (RFC 9110, sec. 13.1.5 and 14.2), and compared in the answer.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import string
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urljoin, urlsplit

from resnets import __version__

MAX_REDIRECTS = 5
CHUNK_BYTES = 2**18
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Progress:
    """How far a download has come.

    Attributes:
        name: of the file.
        num_bytes: that have arrived.
        total_bytes: of the file; None if the server does not say.
    """

    name: str
    num_bytes: int
    total_bytes: int | None


@dataclass(frozen=True)
class Received:
    """A file that has arrived.

    Attributes:
        is_certain: whether it is surely what the server has now: it came in one try and has the
            announced length.
        first_headers: of the server's first answer, before it led elsewhere.
    """

    is_certain: bool
    first_headers: Message


class TransferError(Exception):
    """An address that does not give the file.

    Args:
        reason: as in 'answered 404 (Not Found)'.
        again: whether another try may succeed.
    """

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


class StorageError(Exception):
    """A file that cannot be written.

    Args:
        error: the reason.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))


def is_allowed(url: str, *, local: bool = False) -> bool:
    """Whether an address is safe to ask: https, or with `local` http to this very machine."""
    try:
        parts = urlsplit(url)
        has_user, host = "@" in parts.netloc, parts.hostname
    except ValueError:
        return False
    return not has_user and (
        (parts.scheme == "https" and bool(host))
        or (local and parts.scheme == "http" and host in LOCAL_HOSTS)
    )


def transfer(
    url: str,
    part: Path,
    *,
    max_bytes: int,
    timeout_seconds: float,
    on_bytes: Callable[[int, int | None], None],
) -> Received:
    """Get a file, or the rest of it.

    Args:
        url: its address.
        part: where its bytes go; an earlier try may have left some.
        max_bytes: refuse more.
        timeout_seconds: that the server may be silent.
        on_bytes: called with how many have arrived, and the total or None.

    Raises:
        TransferError: if the address does not give the file.
        StorageError: if it cannot be written.
    """
    if part.is_symlink():
        part.unlink()
    validator = _read_validator(part, url)
    start = part.stat().st_size if validator and part.exists() else 0
    redirects = _Redirects()
    with _explained(timeout_seconds):
        try:
            response = _ask(url, start, validator, redirects, timeout_seconds)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{start}":
                    return Received(False, redirects.first_headers or error.headers)
            if error.code == 416:
                forget(part)
            raise
        with response:
            if response.status == 206:
                _check_continuation(response.headers, start, validator, part)
            else:
                start = 0
                _write_validator(part, url, response.headers)
            left = response.length
            total = None if left is None else start + left
            if total is not None and total > max_bytes:
                forget(part)
                raise TransferError(f"offers {total} bytes, more than the {max_bytes} expected at most")
            with _opened(part, start) as file:
                done = _copy(response, file, start, total, max_bytes=max_bytes, on_bytes=on_bytes)
            if done > max_bytes:
                forget(part)
                raise TransferError(f"sends more than the {max_bytes} bytes expected at most")
            if total is not None and done < total:
                raise TransferError(f"cut the connection after {done} of {total} bytes", again=True)
    return Received(start == 0 and total is not None, redirects.first_headers or response.headers)


def forget(part: Path) -> None:
    """Remove what earlier tries left."""
    part.unlink(missing_ok=True)
    Path(f"{part}.json").unlink(missing_ok=True)


class _Redirects(urllib.request.BaseHandler):
    """Follows redirections, a few, to https only (from this machine, to this machine)."""

    def __init__(self) -> None:
        self.first_headers: Message | None = None
        self.count = 0

    def http_error_302(
        self,
        request: urllib.request.Request,
        answer: BinaryIO,
        code: int,
        message: str,
        headers: Message,
    ) -> object:
        answer.close()
        self.first_headers = self.first_headers or headers
        self.count += 1
        if self.count > MAX_REDIRECTS:
            raise TransferError(f"redirects more than {MAX_REDIRECTS} times")
        target = quote(headers.get("Location", ""), safe=string.punctuation)
        with suppress(ValueError):
            target = urljoin(request.full_url, target)
        if not is_allowed(target, local=request.type == "http"):
            where = target.partition("?")[0]  # what follows may be a key
            raise TransferError(f"redirects to {where!r}, which is not allowed")
        follow = urllib.request.Request(target, headers=dict(request.headers))  # noqa: S310 - checked
        return self.parent.open(follow, timeout=request.timeout)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _ask(
    url: str, start: int, validator: str | None, redirects: _Redirects, timeout_seconds: float
) -> http.client.HTTPResponse:
    # Not build_opener: it would also open file: and ftp: addresses.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler({} if url.startswith("http:") else None),  # http is local only
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        redirects,
    ):
        opener.add_handler(handler)
    headers = {"User-Agent": f"resnets/{__version__}", "Accept-Encoding": "identity"}
    if start and validator:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked by whoever gave it
    response: http.client.HTTPResponse = opener.open(request, timeout=timeout_seconds)
    if response.status not in (200, 206) or (response.status == 206 and not start):
        response.close()
        raise TransferError(f"answered {response.status} ({response.reason})")
    return response


def _check_continuation(headers: Message, start: int, validator: str | None, part: Path) -> None:
    begins = re.match(rf"bytes {start}-\d+/", headers.get("Content-Range", ""))
    if not begins or _validator(headers) != validator:
        forget(part)
        raise TransferError("sent a part of another file", again=True)


def _copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    start: int,
    total: int | None,
    *,
    max_bytes: int,
    on_bytes: Callable[[int, int | None], None],
) -> int:
    done = start
    end = max_bytes + 1 if total is None else total  # one byte too many shows that there are more
    on_bytes(done, total)
    while done < end and (chunk := response.read1(min(CHUNK_BYTES, end - done))):
        with _storing():
            file.write(chunk)
        done += len(chunk)
        on_bytes(done, total)
    with _storing():
        os.fsync(file.fileno())
    return done


@contextmanager
def _opened(part: Path, start: int) -> Iterator[BinaryIO]:
    with _storing():
        file = part.open("ab" if start else "wb", buffering=0)
    try:
        yield file
    finally:
        with _storing():
            file.close()


@contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(error) from error


@contextmanager
def _explained(timeout_seconds: float) -> Iterator[None]:
    """Turn what can go wrong in a connection into a sentence."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        again = error.code >= 500 or error.code in (408, 416, 429)
        raise TransferError(f"answered {error.code} ({_phrase(error.code)})", again=again) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _silence(timeout_seconds) from error
        if isinstance(error.reason, ConnectionResetError | BrokenPipeError):
            raise TransferError("cut the connection", again=True) from error
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise TransferError(f"cannot be reached ({reason})") from error
    except TimeoutError as error:
        raise _silence(timeout_seconds) from error
    except (OSError, http.client.HTTPException) as error:
        raise TransferError("cut the connection", again=True) from error


def _silence(timeout_seconds: float) -> TransferError:
    return TransferError(f"was silent for {timeout_seconds:g} s", again=True)


def _phrase(code: int) -> str:
    with suppress(ValueError):
        return HTTPStatus(code).phrase
    return "unknown"


def _validator(headers: Message) -> str | None:
    """What the server calls this version of the file; a weak ETag does not tell bytes apart."""
    tag: str | None = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _write_validator(part: Path, url: str, headers: Message) -> None:
    with _storing():
        part.unlink(missing_ok=True)
        noted = {"url": url, "validator": _validator(headers)}
        Path(f"{part}.json").write_text(json.dumps(noted), "utf-8")


def _read_validator(part: Path, url: str) -> str | None:
    try:
        noted = json.loads(Path(f"{part}.json").read_text("utf-8"))
        validator = noted["validator"] if noted["url"] == url else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return validator if isinstance(validator, str) else None
