"""Checkpoints that are damaged, not ours or made to do harm: none is loaded, none is lost."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any, NoReturn

import pytest
from tests.training.small_checkpoints import names, save

from resnets import __version__
from resnets.errors import WeightsError
from resnets.training import checkpoint_files
from resnets.training.checkpoints import (
    find_checkpoints,
    load_checkpoint,
    newest_valid,
)


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load_checkpoint(path)
    assert caught.value.exit_code == 4
    return str(caught.value).replace(str(path), "STEP")


def sealed(path: Path, **changes: Any) -> None:
    """Change a manifest, or rewrite it for files that were changed, as somebody who means harm would."""
    manifest = json.loads((path / "manifest.json").read_bytes())
    manifest.pop("sha256")
    for name in ("tensors.safetensors", "state.json"):
        content = (path / name).read_bytes()
        manifest["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (path / "manifest.json").write_bytes(checkpoint_files._seal({**manifest, **changes}))


def test_no_changed_byte_goes_unnoticed(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    for name in names(path):
        content = (path / name).read_bytes()
        with (path / name).open("r+b", buffering=0) as file:
            for place, byte in enumerate(content):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << place % 8]), place)
                refused(path)
                os.pwrite(file.fileno(), bytes([byte]), place)
        for length in (0, 1, len(content) // 2, len(content) - 1):
            (path / name).write_bytes(content[:length])
            refused(path)
        (path / name).write_bytes(content + b" ")
        refused(path)
        (path / name).unlink()
        refused(path)
        (path / name).write_bytes(content)
    load_checkpoint(path)


def test_damaged_ones_are_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for round_ in range(2):
        for step in (1, 2, 3):
            save(tmp_path, step)
        for step, name in ((3, "state.json"), (2, "tensors.safetensors")):
            path = tmp_path / f"step-0000000{step}" / name
            path.write_bytes(path.read_bytes().replace(b"3", b"4") + b"x" * (step == 3))
        found = newest_valid(tmp_path)
        assert found is not None
        assert found.step == 1, round_
    assert names(tmp_path) == [
        "step-00000001",
        "step-00000002.damaged",
        "step-00000002.damaged-2",
        "step-00000003.damaged",
        "step-00000003.damaged-2",
    ]
    assert [record.getMessage() for record in caplog.records[:2]] == [
        f"'{tmp_path}/step-00000003/state.json' is damaged: it has 12 bytes, 11 were written. It was set "
        f"aside as '{tmp_path}/step-00000003.damaged'",
        f"'{tmp_path}/step-00000002/tensors.safetensors' is damaged: its SHA-256 is not the one that was "
        f"written. It was set aside as '{tmp_path}/step-00000002.damaged'",
    ]


def test_a_renamed_checkpoint_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(tmp_path, 1).rename(tmp_path / "step-00000009")
    assert newest_valid(tmp_path) is None
    assert caplog.messages == [
        f"'{tmp_path}/step-00000009' was saved at step 1, not at 9. It was set aside as "
        f"'{tmp_path}/step-00000009.damaged'"
    ]


def test_what_may_not_be_read_is_not_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, 1)

    def forbidden(*_: Any, **__: Any) -> NoReturn:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(WeightsError) as caught:
        newest_valid(tmp_path)
    monkeypatch.undo()
    assert str(caught.value) == (
        f"cannot read '{tmp_path}/step-00000001/manifest.json': Permission denied"
    )
    assert names(tmp_path) == ["step-00000001"]
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError) as caught:
        find_checkpoints(tmp_path / "file")
    assert str(caught.value) == f"cannot read '{tmp_path}/file': Not a directory"


def test_a_disk_that_cannot_read_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in (1, 2):
        save(tmp_path, step)
    original, damaged = hashlib.file_digest, (tmp_path / "step-00000002" / "state.json").stat().st_ino

    def fails(file: Any, name: str) -> Any:
        if os.fstat(file.fileno()).st_ino == damaged:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(file, name)

    monkeypatch.setattr(hashlib, "file_digest", fails)
    found = newest_valid(tmp_path)
    assert found is not None
    assert found.step == 1


HOSTILE = {
    "pickle": (
        {"tensors.safetensors": pickle.dumps({"a": 1})},
        "'STEP/tensors.safetensors' is not a valid safetensors file: its header should have",
    ),
    "header of 2^63 bytes": (
        {"tensors.safetensors": struct.pack("<Q", 2**63) + b"{}"},
        "'STEP/tensors.safetensors' is not a valid safetensors file: its header should have",
    ),
    "state of another kind": (
        {"state.json": b"[1]"},
        "'STEP/state.json' is damaged: it is no JSON object",
    ),
    "state of depth 10^5": (
        {"state.json": b'{"a":' + b"[" * 100_000},
        "'STEP/state.json' is damaged: maximum recursion depth exceeded",
    ),
    "state of 17 MiB": (
        {"state.json": b"{}" + b" " * (17 << 20)},
        "'STEP/state.json' is damaged: it has more than 16,777,216 bytes",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(tmp_path: Path, name: str) -> None:
    path = save(tmp_path, 1)
    files, message = HOSTILE[name]
    for file, content in files.items():
        (path / file).write_bytes(content)
    sealed(path)
    assert refused(path).startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"format_version": 2},
            f"'STEP/manifest.json' has the format '2'; this resnets {__version__} reads 1. A newer resnets "
            "wrote it: pip install --upgrade resnets",
        ),
        (
            {
                "files": {
                    "../../secret": {"size": 1, "sha256": "0"},
                    "state.json": {"size": 1, "sha256": "0"},
                }
            },
            "'STEP/manifest.json' makes no sense: \"Input should be 'tensors.safetensors' or 'state.json'\"",
        ),
        ({"files": {}}, "'STEP/manifest.json' makes no sense: 'Dictionary should have at least 2 items"),
        ({"step": "1"}, "'STEP/manifest.json' makes no sense: 'Input should be a valid integer'"),
    ],
)
def test_manifests_that_are_not_ours_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = save(tmp_path, 1)
    sealed(path, **changes)
    assert refused(path).startswith(message)


def test_a_newer_one_is_not_set_aside(tmp_path: Path) -> None:
    sealed(save(tmp_path, 1), format_version=2)
    with pytest.raises(WeightsError, match="A newer resnets wrote it"):
        newest_valid(tmp_path)
    assert names(tmp_path) == ["step-00000001"]


def test_folders_and_missing_files(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == "cannot read 'STEP/manifest.json': No such file or directory"
    (tmp_path / "x" / "manifest.json").mkdir(parents=True)
    assert refused(tmp_path / "x") == "cannot read 'STEP/manifest.json': it is not a file"
