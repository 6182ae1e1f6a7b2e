"""Downloads: verified, kept, found again; mirrors, other processes, and disks that fail."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from resnets.downloads import cache_folder
from resnets.downloads.download import addresses, download
from resnets.downloads.remote_file import RemoteFile
from resnets.downloads.transfer import Progress
from resnets.errors import ConfigError, DownloadError

from .downloading import BODY, ELSEWHERE, FILE, HASTE, MD5, SHA256, UNREACHABLE, failure, names, text
from .http_server import WeightsServer, answer, trickle


def test_a_file_arrives_once_and_is_noted(target: Path, server: WeightsServer) -> None:
    seen: list[Progress] = []
    assert download(FILE, on_progress=seen.append, patience=HASTE) == target
    assert target.read_bytes() == BODY
    assert names(target) == ["net-1.pth", "net-1.pth.json"]
    noted = json.loads((target.parent / "net-1.pth.json").read_text())
    assert noted == {"sha256": SHA256, "num_bytes": 102_400, "url": f"{server.url}/net-1.pth"}
    assert (seen[0], seen[-1]) == (
        Progress("net-1.pth", 0, 102_400),
        Progress("net-1.pth", 102_400, 102_400),
    )
    assert download(FILE, patience=HASTE) == target
    assert server.requests == [("/net-1.pth", None)]


@pytest.mark.parametrize("published", [f"sha256:{SHA256}", f"sha256_prefix:{SHA256[:12]}", f"md5:{MD5}"])
def test_each_kind_of_hash_is_compared(target: Path, published: str) -> None:
    assert download(RemoteFile(url=ELSEWHERE, hash=published), patience=HASTE) == target


@pytest.mark.parametrize(
    ("published", "said"),
    [
        ("sha256_prefix:00000000", f"has the SHA-256 {SHA256}; published is 00000000..."),
        (f"sha256:{'0' * 64}", f"has the SHA-256 {SHA256}; published is {'0' * 64}"),
        (f"md5:{'0' * 32}", f"has the MD5 {MD5}; published is {'0' * 32}"),
    ],
)
def test_another_file_is_refused(target: Path, server: WeightsServer, published: str, said: str) -> None:
    file = RemoteFile(url=ELSEWHERE, hash=published)
    assert failure(file) == text(target, server, f"sent a file that {said}")
    assert names(target) == []
    assert len(server.requests) == 1


def fail_with(error: int) -> Any:
    def fail(*args: object) -> None:
        raise OSError(error, os.strerror(error))

    return fail


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "mkdir"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_fails(
    target: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch, call: str, error: int
) -> None:
    with monkeypatch.context() as patched:
        if call == "write":
            opened = Path.open

            def open_failing(path: Path, mode: str = "r", **options: Any) -> Any:
                file = opened(path, mode, **options)
                if mode != "wb":
                    return file
                return type(
                    "Full", (), {"write": fail_with(error), "close": lambda self: file.close()}
                )()

            patched.setattr(Path, "open", open_failing)
        elif call == "fsync":
            patched.setattr(os, "fsync", fail_with(error))
        else:
            patched.setattr(Path, call, lambda *args, **options: fail_with(error)())
        with pytest.raises(DownloadError) as caught:
            download(FILE, patience=HASTE)
    assert str(caught.value) == (
        f"cannot keep net-1.pth in {target.parent}: {os.strerror(error)}. Make room there, or choose "
        "another folder with RESNETS_CACHE"
    )
    assert caught.value.exit_code == 5
    assert not target.exists()
    if call in ("write", "fsync"):
        assert names(target) == []  # what fills a disk is not left there
    assert download(FILE, patience=HASTE).read_bytes() == BODY


def test_offline_no_connection_is_made(
    target: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNETS_OFFLINE", "1")
    by_hand = f"To place it by hand: save {ELSEWHERE} as {target}"
    assert failure() == f"RESNETS_OFFLINE is set, and net-1.pth is not in the cache. {by_hand}"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"something else")
    had = hashlib.sha256(b"something else").hexdigest()
    assert failure() == (
        f"RESNETS_OFFLINE is set, and net-1.pth has the SHA-256 {had}; published is {SHA256[:8]}.... {by_hand}"
    )
    target.write_bytes(BODY)
    assert download(FILE) == target
    assert json.loads(Path(f"{target}.json").read_text()) == {
        "sha256": SHA256,
        "num_bytes": 102_400,
        "url": "",
    }
    assert server.requests == []


@pytest.mark.parametrize("value", ["", "0", "false", "no", "off"])
def test_online_is_said_in_many_ways(target: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RESNETS_OFFLINE", value)
    assert download(FILE, patience=HASTE) == target


def test_a_cache_that_cannot_be_written_is_read(
    target: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.parent.mkdir(parents=True)
    target.write_bytes(BODY)
    monkeypatch.setattr("tempfile.mkstemp", lambda **options: fail_with(errno.EROFS)())
    assert download(FILE) == target
    assert names(target) == ["net-1.pth"]


def test_what_was_stored_is_compared_with_its_note(target: Path, server: WeightsServer) -> None:
    """The published hash is that of 8 digits; the note holds all 64."""
    target.parent.mkdir(parents=True)
    target.write_bytes(BODY)
    Path(f"{target}.json").write_text(json.dumps({"sha256": "1" * 64, "num_bytes": 1, "url": ""}))
    had = f"has the SHA-256 {SHA256}, and had {'1' * 64} when it was stored"
    assert cache_folder.find_damage(target, FILE) == had
    download(FILE, patience=HASTE)
    assert len(server.requests) == 1
    assert json.loads(Path(f"{target}.json").read_text())["sha256"] == SHA256


def test_a_file_is_hashed_once_until_it_changes(
    target: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    download(FILE, patience=HASTE)
    hashed: list[Path] = []
    compute = cache_folder.compute_digests

    def count(path: Path, *, md5: bool = False) -> dict[str, str]:
        hashed.append(path)
        return compute(path, md5=md5)

    monkeypatch.setattr(cache_folder, "compute_digests", count)
    download(FILE, patience=HASTE)
    assert hashed == []
    damaged = bytes([1]) + BODY[1:]
    target.write_bytes(damaged)
    download(FILE, patience=HASTE)
    assert target.read_bytes() == BODY
    assert len(server.requests) == 2
    assert len(hashed) == 2  # outside the lock, and again inside


def test_mirrors_are_asked_in_order(
    target: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNETS_MIRRORS", f"{server.url}/one/ , ,{server.url}/two")
    assert addresses(FILE) == [f"{server.url}/one/net-1.pth", f"{server.url}/two/net-1.pth", ELSEWHERE]
    server.behaviours = [answer(404)]
    download(FILE, patience=HASTE)
    assert [path for path, _ in server.requests] == ["/one/net-1.pth", "/two/net-1.pth"]
    assert json.loads(Path(f"{target}.json").read_text())["url"] == f"{server.url}/two/net-1.pth"


def test_no_proxy_is_asked_for_this_machine(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://weights.invalid:1")
    assert download(FILE, patience=HASTE) == target


def test_mirrors_are_checked(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNETS_MIRRORS", "http://mirror.invalid/w,file:///srv")
    with pytest.raises(ConfigError) as caught:
        download(FILE)
    assert str(caught.value) == (
        "2 problems in RESNETS_MIRRORS: 'http://mirror.invalid/w' must begin with https:// or "
        "http://localhost; 'file:///srv' must begin with https:// or http://localhost"
    )


def test_a_server_that_is_down(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("RESNETS_MIRRORS", url)
    assert f"{url}/net-1.pth cannot be reached (Connection refused); {UNREACHABLE}." in failure()


def as_published_by(server: WeightsServer) -> RemoteFile:
    """A file whose publisher is the test's server, which is not https."""
    return RemoteFile.model_construct(
        url=f"{server.url}/net-1.pth", name="net-1.pth", hash="header:x-linked-etag", size_mib=None
    )


def test_a_hash_in_a_header_counts(
    target: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESNETS_MIRRORS")
    file = as_published_by(server)
    leading = answer(302, Location="/store", X_Linked_Etag=f'"{SHA256}"')
    server.behaviours = [leading]
    assert download(file, patience=HASTE) == target
    target.unlink()
    server.behaviours = [answer(302, Location="/store", X_Linked_Etag=f'"{"2" * 64}"')]
    where = f"cannot download net-1.pth: {file.url}"
    by_hand = f"To place it by hand: save {file.url} as {target}"
    said = f"sent a file that has the SHA-256 {SHA256}; published is {'2' * 64}"
    assert failure(file) == f"{where} {said}. {by_hand}"
    assert failure(file) == f"{where} sent no SHA-256 in its header 'x-linked-etag'. {by_hand}"


def test_a_mirror_need_not_send_the_header(target: Path) -> None:
    file = RemoteFile(url=ELSEWHERE, hash="header:x-linked-etag")
    assert download(file, patience=HASTE) == target


CHILD = (
    "import sys\n"
    "from resnets.downloads.download import download\n"
    "from resnets.downloads.remote_file import RemoteFile\n"
    "file = RemoteFile(url=sys.argv[1], hash=sys.argv[2])\n"
    "print('ready', flush=True)\n"
    "print(download(file), 'torch' in sys.modules)"
)


def start_child() -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, FILE.url, FILE.hash], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_two_processes_download_once(target: Path, server: WeightsServer) -> None:
    server.behaviours = [trickle(1.0)]
    children = [start_child(), start_child()]
    outputs = [child.communicate(timeout=20)[0] for child in children]
    assert outputs == [f"{target} False\n"] * 2
    assert server.requests == [("/net-1.pth", None)]


def test_a_killed_download_goes_on(target: Path, server: WeightsServer) -> None:
    server.behaviours = [trickle(10.0)]
    child = start_child()
    part = Path(f"{target}.part")
    deadline = time.monotonic() + 10
    while not (part.exists() and part.stat().st_size > 10_000):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    size = part.stat().st_size
    assert not target.exists()
    assert download(FILE, patience=HASTE).read_bytes() == BODY
    assert server.requests[-1] == ("/net-1.pth", f"bytes={size}-")


def test_the_cache_has_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RESNETS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder.weights_folder() == tmp_path / ".cache" / "resnets" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder.cache_folder() == tmp_path / ".cache" / "resnets"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder.cache_folder() == tmp_path / "xdg" / "resnets"
    monkeypatch.setenv("RESNETS_CACHE", "~/mine")
    assert cache_folder.cache_folder() == tmp_path / "mine"
