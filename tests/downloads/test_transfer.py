"""Transfers: cut, continued, refused, silent, led elsewhere, too long, too short."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest

from resnets.downloads.download import Patience, download
from resnets.downloads.remote_file import RemoteFile
from resnets.downloads.transfer import is_allowed

from .downloading import BODY, ELSEWHERE, FILE, HASTE, SHA256, failure, names, text
from .http_server import WeightsServer, answer, cut, fall_silent, send_chunks


def test_a_cut_download_goes_on_where_it_was(target: Path, server: WeightsServer) -> None:
    server.behaviours = [cut(30_000), cut(1_000)]
    download(FILE, patience=HASTE)
    assert target.read_bytes() == BODY
    assert [asked for _, asked in server.requests] == [None, "bytes=30000-", "bytes=31000-"]


def test_a_part_from_yesterday_is_used(target: Path, server: WeightsServer) -> None:
    server.behaviours = [cut(30_000)] * 3
    assert "cut the connection after 90000 of 102400 bytes (3 tries)" in failure()
    assert names(target) == ["net-1.pth.part", "net-1.pth.part.json"]
    download(FILE, patience=HASTE)
    assert server.requests[-1] == ("/net-1.pth", "bytes=90000-")
    assert target.read_bytes() == BODY


def test_the_tries_end(target: Path, server: WeightsServer) -> None:
    server.behaviours = [cut(10_000)] * 3
    reason = "cut the connection after 30000 of 102400 bytes (3 tries)"
    assert failure() == text(target, server, reason)
    assert len(server.requests) == 3


def test_a_complete_part_is_not_asked_for_again(target: Path, server: WeightsServer) -> None:
    server.behaviours = [cut(30_000)] * 3
    failure()
    with Path(f"{target}.part").open("ab") as part:
        part.write(BODY[90_000:])
    download(FILE, patience=HASTE)
    assert server.requests[-1] == ("/net-1.pth", "bytes=102400-")
    assert target.read_bytes() == BODY


def test_a_server_without_ranges_starts_over(target: Path, server: WeightsServer) -> None:
    server.ranges = False
    server.behaviours = [cut(30_000)]
    download(FILE, patience=HASTE)
    assert target.read_bytes() == BODY
    assert len(server.requests) == 2


def test_without_a_validator_no_part_is_asked_for(target: Path, server: WeightsServer) -> None:
    server.etag = None
    server.behaviours = [cut(30_000)]
    download(FILE, patience=HASTE)
    assert [asked for _, asked in server.requests] == [None, None]


def test_a_weak_etag_is_no_validator(target: Path, server: WeightsServer) -> None:
    server.etag = 'W/"v1"'
    server.behaviours = [cut(30_000)]
    download(FILE, patience=HASTE)
    assert [asked for _, asked in server.requests] == [None, None]


def test_another_file_behind_the_same_address_starts_over(target: Path, server: WeightsServer) -> None:
    server.body, server.etag = bytes(102_400), '"old"'
    server.behaviours = [cut(30_000)] * 3
    failure()
    server.body, server.etag = BODY, '"new"'
    download(FILE, patience=HASTE)
    assert target.read_bytes() == BODY
    assert len(server.requests) == 4


def test_a_server_that_mixes_files_is_noticed(target: Path, server: WeightsServer) -> None:
    server.etag = None  # each answer brings its own
    server.behaviours = [
        answer(200, bytes(30_000), Content_Length=102_400, ETag='"v1"'),
        answer(206, BODY[30_000:], Content_Range="bytes 30000-102399/102400", ETag='"v2"'),
    ]
    download(FILE, patience=HASTE)
    assert [asked for _, asked in server.requests] == [None, "bytes=30000-", None]
    assert target.read_bytes() == BODY


def test_a_part_that_was_damaged_is_not_blamed_on_the_server(
    target: Path, server: WeightsServer
) -> None:
    server.behaviours = [cut(30_000)] * 3
    failure()
    Path(f"{target}.part").write_bytes(bytes(90_000))
    download(FILE, patience=HASTE)
    assert [asked for _, asked in server.requests[-2:]] == ["bytes=90000-", None]
    assert target.read_bytes() == BODY


def test_a_part_of_one_mirror_is_not_continued_from_another(
    target: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNETS_MIRRORS", f"{server.url}/one,{server.url}/two")
    server.behaviours = [cut(10_000)] * 3
    download(FILE, patience=HASTE)
    assert server.requests[-1] == ("/two/net-1.pth", None)


def test_a_link_in_the_place_of_a_part_is_not_followed(
    target: Path, server: WeightsServer, tmp_path: Path
) -> None:
    target.parent.mkdir(parents=True)
    precious = tmp_path / "precious"
    precious.write_text("mine")
    Path(f"{target}.part").symlink_to(precious)
    download(FILE, patience=HASTE)
    assert precious.read_text() == "mine"
    assert target.read_bytes() == BODY


@pytest.mark.parametrize(
    ("status", "said", "tries"),
    [
        (404, "answered 404 (Not Found)", 1),
        (403, "answered 403 (Forbidden)", 1),
        (599, "answered 599 (unknown) (3 tries)", 3),
        (429, "answered 429 (Too Many Requests) (3 tries)", 3),
        (204, "answered 204 (No Content)", 1),
    ],
)
def test_refusals_are_told(
    target: Path, server: WeightsServer, status: int, said: str, tries: int
) -> None:
    server.behaviours = [answer(status)] * tries
    assert failure() == text(target, server, said)
    assert len(server.requests) == tries


def test_a_busy_server_is_asked_again(target: Path, server: WeightsServer) -> None:
    server.behaviours = [answer(503), answer(500)]
    assert download(FILE, patience=HASTE) == target


def test_silence_is_not_waited_out(target: Path, server: WeightsServer) -> None:
    server.behaviours = [fall_silent(1_000)] * 3
    brief = Patience(tries=3, timeout_seconds=0.5, pause_seconds=0.01)
    began = time.monotonic()
    assert failure(patience=brief) == text(target, server, "was silent for 0.5 s (3 tries)")
    assert time.monotonic() - began < 8
    assert [asked for _, asked in server.requests] == [None, "bytes=1000-", "bytes=2000-"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirections_are_followed(target: Path, server: WeightsServer, status: int) -> None:
    server.behaviours = [answer(status, Location="/other?key=1"), cut(20_000)]
    download(FILE, patience=HASTE)
    assert [path for path, _ in server.requests] == ["/net-1.pth", "/other?key=1", "/net-1.pth"]
    assert target.read_bytes() == BODY


def test_a_part_is_asked_for_where_a_redirection_leads(target: Path, server: WeightsServer) -> None:
    server.behaviours = [cut(20_000), answer(302, Location="/other")]
    download(FILE, patience=HASTE)
    assert server.requests[-1] == ("/other", "bytes=20000-")


def test_redirections_in_a_circle_end(target: Path, server: WeightsServer) -> None:
    server.behaviours = [answer(302, Location="/net-1.pth")] * 20
    assert failure() == text(target, server, "redirects more than 5 times")
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("file:///etc/hostname", "file:///etc/hostname"),
        ("ftp://127.0.0.1/x", "ftp://127.0.0.1/x"),
        ("http://example.invalid/x?token=secret", "http://example.invalid/x"),
        ("//example.invalid/x", "http://example.invalid/x"),
        ("http://127.1/x", "http://127.1/x"),
        ("https://me@weights.invalid/x", "https://me@weights.invalid/x"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_redirections_elsewhere_are_not(
    target: Path, server: WeightsServer, location: str, shown: str
) -> None:
    server.behaviours = [answer(302, Location=location)]
    assert failure() == text(target, server, f"redirects to {shown!r}, which is not allowed")


@pytest.mark.parametrize(
    "url",
    [
        "http://weights.invalid/x",
        "http://127.1/x",
        "http://2130706433/x",
        "http://0x7f.1/x",
        "http://0/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://169.254.169.254/latest",
        "http://localhost.weights.invalid/x",
        "http://weights.invalid@localhost/x",
        "https://user@weights.invalid/x",
        "https:///x",
        "file:///etc/hostname",
        "gopher://localhost/x",
        "net-1.pth",
    ],
)
def test_only_https_and_this_machine_are_asked(url: str) -> None:
    assert not is_allowed(url, local=True)


def test_this_machine_is_asked_only_as_a_mirror() -> None:
    for url in ("http://localhost:1/x", "http://127.0.0.1/x", "http://[::1]:80/x"):
        assert is_allowed(url, local=True)
        assert not is_allowed(url)
    assert is_allowed(ELSEWHERE)


def test_a_length_that_is_too_long(target: Path, server: WeightsServer) -> None:
    server.behaviours = [answer(200, BODY, Content_Length=200_000)]
    download(FILE, patience=HASTE)
    assert [asked for _, asked in server.requests] == [None, "bytes=102400-"]
    assert target.read_bytes() == BODY


def test_a_length_that_is_too_short(target: Path, server: WeightsServer) -> None:
    server.behaviours = [answer(200, BODY, Content_Length=1_000)]
    had = hashlib.sha256(BODY[:1_000]).hexdigest()
    said = f"sent a file that has the SHA-256 {had}; published is {SHA256[:8]}..."
    assert failure() == text(target, server, said)


def test_a_body_without_a_length(target: Path, server: WeightsServer) -> None:
    server.behaviours = [send_chunks(102_400)]
    download(FILE, patience=HASTE)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (
            answer(200, b"", Content_Length=10**12),
            "offers 1000000000000 bytes, more than the 1152000 expected at most",
        ),
        (send_chunks(1_200_000), "sends more than the 1152000 bytes expected at most"),
    ],
)
def test_too_much_is_refused(target: Path, server: WeightsServer, behaviour: Any, said: str) -> None:
    file = RemoteFile(url=ELSEWHERE, hash=FILE.hash, size_mib=102_400 / 2**20)
    server.behaviours = [behaviour]
    assert failure(file) == text(target, server, said)
    assert names(target) == []
