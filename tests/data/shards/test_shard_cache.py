"""Shards from addresses: whole, verified, shared by processes, never more than may be kept."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
from pathlib import Path
from typing import Any

import pytest

from resnets.data.shards import shard_cache
from resnets.data.shards.shard_cache import cache_limit, open_cached, read_small, shards_folder
from resnets.downloads.download import Patience
from resnets.errors import ConfigError, DataError, DownloadError, OutputError, ResNetsError
from tests.data.shards.writing import Server, serving
from tests.downloads.http_server import Handler, cut, running

HASTE = Patience(tries=2, timeout_seconds=5.0, pause_seconds=0.01)
SIZE = 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six files in the place of shards."""
    made = tmp_path / "served"
    made.mkdir()
    for number in range(6):
        (made / f"{number}.tar").write_bytes(bytes([number]) * SIZE)
    return made


def read(server: Server, number: int, *, sha256: str = "") -> bytes:
    with open_cached(f"{server.url}/{number}.tar", patience=HASTE, sha256=sha256) as file:
        return file.read()


def kept() -> int:
    return sum(file.stat().st_size for file in shards_folder().glob("*.tar"))


def make_older(seconds: float) -> None:
    for file in shards_folder().glob("*.tar"):
        status = file.stat()
        os.utime(file, (status.st_atime, status.st_mtime - seconds))


def test_what_was_not_used_for_longest_makes_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(shard_cache.LIMIT, str(4 * SIZE / 1e9))
    with serving(folder) as server:
        for number in (0, 1):
            assert read(server, number) == bytes([number]) * SIZE
            make_older(60)
        read(server, 0)  # used again
        for number in (2, 3, 4):
            make_older(60)
            read(server, number)
            assert kept() <= 4 * SIZE
        read(server, 4)
        assert server.asked == [f"{number}.tar" for number in (0, 1, 2, 3, 4)]
        read(server, 1)  # was thrown out
        assert server.asked[5:] == ["1.tar"]


def test_a_shard_larger_than_all_may_be_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(shard_cache.LIMIT, str(SIZE / 2e9))
    with serving(folder) as server:
        text = f"cannot download {server.url}/0.tar: it offers 1000 bytes, more than the 500 expected at most"
        with pytest.raises(DownloadError, match=f"^{re.escape(text)}$"):
            read(server, 0)
    assert kept() == 0


def test_another_file_at_the_address_is_refused(folder: Path) -> None:
    with serving(folder) as server:
        digest = hashlib.sha256(bytes(SIZE)).hexdigest()
        assert read(server, 0, sha256=digest) == bytes(SIZE)
        text = (
            f"the shard {server.url}/1.tar is not the file that it was when it was first read: delete "
            f"{shard_cache.index_path(f'{server.url}/1.tar')} to begin anew with what it is now"
        )
        with pytest.raises(DataError, match=f"^{re.escape(text)}$"):
            read(server, 1, sha256=digest)


def _read_in_process(url: str) -> None:
    with open_cached(url, patience=HASTE) as file:
        os._exit(0 if file.read() == b"\x03" * SIZE else 1)


def test_processes_share_a_download(folder: Path) -> None:
    with serving(folder) as server:
        context = multiprocessing.get_context("fork")
        readers = [
            context.Process(target=_read_in_process, args=(f"{server.url}/3.tar",)) for _ in range(3)
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(20)
        assert [reader.exitcode for reader in readers] == [0, 0, 0]
        assert server.asked == ["3.tar"]


def test_a_download_that_was_cut_goes_on() -> None:
    body = bytes(range(256)) * 40
    with running(body) as server:
        server.behaviours.append(cut(5000))
        with open_cached(f"{server.url}/a.tar", patience=HASTE) as file:
            assert file.read() == body
        assert [asked for _, asked in server.requests] == [None, "bytes=5000-"]


def unsized(handler: Handler) -> None:
    handler.start(200, {})
    handler.wfile.write(handler.weights.body)


def test_without_a_size_room_is_made_for_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(shard_cache.LIMIT, str(4 * SIZE / 1e9))
    monkeypatch.setattr(shard_cache, "_UNTOLD", SIZE)
    with running(bytes(SIZE)) as server:
        for number in range(6):
            server.behaviours.append(unsized)
            make_older(60)
            with open_cached(f"{server.url}/{number}.tar", patience=HASTE) as file:
                assert file.read() == bytes(SIZE)
            assert 0 < kept() <= 4 * SIZE


@pytest.mark.parametrize("status", [401, 403])
def test_what_a_key_did_not_open_is_asked_for_again(status: int) -> None:
    with running(b"cat\ndog\n") as server:
        server.behaviours.append(lambda handler: handler.start(status, {"Content-Length": 0}))
        assert read_small(f"{server.url}/classes.txt", patience=HASTE) is None
        assert read_small(f"{server.url}/classes.txt", patience=HASTE) == b"cat\ndog\n"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://shards.invalid/a.tar", "must begin with https:// or http://localhost"),
        ("{url}/none.tar", "answered 404 (Not Found)"),
    ],
)
def test_what_cannot_be_had(folder: Path, address: str, reason: str) -> None:
    with serving(folder) as server:
        url = address.format(url=server.url)
        with pytest.raises(DownloadError) as caught:
            open_cached(f"{url}?key=secret", patience=HASTE)
        assert str(caught.value) == f"cannot download {url}: it {reason}"


def test_a_server_that_was_there_may_come_back(folder: Path) -> None:
    with serving(folder) as server:
        pass
    for sha256, tries in (("", ""), ("0" * 64, " (2 tries)")):
        with pytest.raises(DownloadError) as caught:
            read(server, 0, sha256=sha256)
        assert str(caught.value) == (
            f"cannot download {server.url}/0.tar: it cannot be reached (Connection refused){tries}"
        )


def test_nothing_is_asked_for_offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(folder) as server:
        read(server, 0)
        monkeypatch.setenv("RESNETS_OFFLINE", "1")
        assert read(server, 0) == bytes(SIZE)
        with pytest.raises(DownloadError) as caught:
            read(server, 1)
        assert str(caught.value) == f"RESNETS_OFFLINE is set, and {server.url}/1.tar is not in the cache"


def test_small_files_are_asked_for_once(folder: Path) -> None:
    (folder / "classes.txt").write_text("cat\ndog\n")
    with serving(folder) as server:
        for _ in range(2):
            assert read_small(f"{server.url}/classes.txt") == b"cat\ndog\n"
            assert read_small(f"{server.url}/none.txt") is None
        assert server.asked == ["classes.txt", "none.txt"]


@pytest.mark.parametrize("said", ["much", "0", "-1", "nan", "inf"])
def test_the_limit_is_a_number(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(shard_cache.LIMIT, said)
    with pytest.raises(ConfigError) as caught:
        cache_limit()
    assert isinstance(caught.value, ResNetsError)
    assert str(caught.value) == (
        f"1 problem in RESNETS_SHARD_CACHE_GB: must be a number of gigabytes above 0, got {said!r}"
    )


def test_the_limit_leaves_half_of_a_small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 6_000_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert cache_limit() == 3_000_000_000
    usage.free = 10**12  # type: ignore[attr-defined]
    assert cache_limit() == 20_000_000_000


def test_a_shard_that_others_throw_out_is_fetched_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, times = shard_cache._fetch, [2]

    def fetch_and_lose(url: str, target: Path, *given: Any) -> None:
        real(url, target, *given)
        times[0] -= 1
        if times[0] > 0:
            target.unlink()

    monkeypatch.setattr(shard_cache, "_fetch", fetch_and_lose)
    with serving(folder) as server:
        assert read(server, 0) == bytes(SIZE)
        assert server.asked == ["0.tar", "0.tar"]
        times[0] = 9
        with pytest.raises(OutputError) as caught:
            read(server, 1)
    assert str(caught.value) == (
        f"shards in {shards_folder()} are thrown out before they are read: other processes need its room "
        f"as well; set RESNETS_SHARD_CACHE_GB to more than {cache_limit() / 1e9:.3g}"
    )
