"""What the tests of downloads share: one file, and what is said when it cannot be had."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from resnets.downloads.download import Patience, download
from resnets.downloads.remote_file import RemoteFile
from resnets.errors import DownloadError

from .http_server import WeightsServer

BODY = bytes(range(256)) * 400  # 102,400 bytes
SHA256 = hashlib.sha256(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()
ELSEWHERE = "https://weights.invalid/a/net-1.pth"
FILE = RemoteFile(url=ELSEWHERE, hash=f"sha256_prefix:{SHA256[:8]}")
HASTE = Patience(tries=3, timeout_seconds=5.0, pause_seconds=0.01)
UNREACHABLE = f"{ELSEWHERE} cannot be reached (Name or service not known)"


def failure(file: RemoteFile = FILE, *, patience: Patience = HASTE) -> str:
    """Fail to download, and give the message."""
    with pytest.raises(DownloadError) as caught:
        download(file, patience=patience)
    return str(caught.value)


def text(target: Path, server: WeightsServer, reason: str, *, file: RemoteFile = FILE) -> str:
    """The message when the mirror fails for a reason and the publisher cannot be reached."""
    return (
        f"cannot download net-1.pth: {server.url}/net-1.pth {reason}; {UNREACHABLE}. "
        f"To place it by hand: save {file.url} as {target}"
    )


def names(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path.is_file())
