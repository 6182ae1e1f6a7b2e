"""Checkpoints: what was saved comes back, and nothing else is taken for it."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import pickle
import shutil
import struct
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import safetensors.torch
import torch
from torch import Tensor

from resnets import __version__
from resnets.errors import OutputError, UnsupportedError, WeightsError
from resnets.training import checkpoint_files
from resnets.training.checkpoints import (
    Checkpoint,
    clean,
    find_checkpoints,
    load_checkpoint,
    newest_valid,
    prune,
    save_checkpoint,
)

Usage = namedtuple("Usage", ["total", "used", "free"])


def save(folder: Path, step: int, value: float = 1.0) -> Path:
    return save_checkpoint(
        folder, step, tensors={"weight": torch.full((3,), value)}, state={"step": step}
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def steps(folder: Path) -> list[int]:
    return [checkpoint.step for checkpoint in find_checkpoints(folder)]


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


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    tensors: dict[str, Tensor] = {
        "model.stages.0.weight": torch.randn(3, 2, 1, 1, requires_grad=True),
        "transposed": torch.randn(4, 5).t(),
        "strided": torch.arange(10)[::3],
        "bf16": torch.randn(2, 3).bfloat16(),
        "fp16": torch.randn(7).half(),
        "double": torch.tensor([math.nan, math.inf, 1e300], dtype=torch.float64),
        "step": torch.tensor(7.0),
        "generator": torch.get_rng_state(),
        "empty": torch.empty(0, 4),
        "mask": torch.tensor([[True], [False]]),
        "": torch.tensor(-(2**63)),
        'ü\n"\\\x00\ud800/..': torch.arange(3, dtype=torch.int32),
    }
    state: dict[str, Any] = {
        "loss": [0.1, math.inf, None],
        "random": [3, [2**32 - 1] * 625],
        "Größe": {"\x00": True},
    }
    path = save_checkpoint(tmp_path / "run" / "checkpoints", 12_500, tensors=tensors, state=state)
    assert path == tmp_path / "run" / "checkpoints" / "step-00012500"
    assert names(path) == ["manifest.json", "state.json", "tensors.safetensors"]
    read, read_state = load_checkpoint(path)
    assert list(read) == list(tensors)
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert read[name].shape == tensor.shape
        assert torch.equal(
            read[name].reshape(-1).view(torch.uint8),
            tensor.detach().contiguous().reshape(-1).view(torch.uint8),
        )
    assert read_state == state
    assert path.stat().st_mode & 0o777 == 0o777 & ~_umask()


def test_the_library_of_the_format_reads_the_tensors(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(3, 5), "b": torch.tensor(3, dtype=torch.uint8), "c": torch.randn(2)}
    path = save_checkpoint(tmp_path, 1, tensors=tensors, state={})
    read = safetensors.torch.load_file(path / "tensors.safetensors")
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)


def test_steps_are_ordered_as_numbers(tmp_path: Path) -> None:
    for step in (99_999_999, 3, 100_000_000, 20):
        save(tmp_path, step)
    (tmp_path / "step-7").mkdir()
    (tmp_path / "notes.txt").touch()
    assert steps(tmp_path) == [100_000_000, 99_999_999, 20, 3]
    assert newest_valid(tmp_path) == Checkpoint(100_000_000, tmp_path / "step-100000000")
    assert find_checkpoints(tmp_path / "missing") == ()
    assert newest_valid(tmp_path / "missing") is None
    clean(tmp_path / "missing")


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


def test_leftovers_are_removed_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(tmp_path, 1)
    for name in (".saving-00000002-0123abcd", ".removing-step-00000001-0123abcd"):
        shutil.copytree(tmp_path / "step-00000001", tmp_path / name)
    (tmp_path / ".mine").touch()
    clean(tmp_path)
    assert names(tmp_path) == [".mine", "step-00000001"]
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / ".saving-link").symlink_to(outside)
    clean(tmp_path)
    assert outside.exists()
    assert caplog.messages == [
        f"cannot remove '{tmp_path}/.saving-link': Cannot call rmtree on a symbolic link"
    ]


def test_a_kill_between_two_names_loses_nothing(tmp_path: Path) -> None:
    target, old = save(tmp_path, 1, 1.0), tmp_path / "step-00000001.old"
    target.rename(old)  # the moment between the two
    assert newest_valid(tmp_path) == Checkpoint(1, old)
    clean(tmp_path)
    assert names(tmp_path) == ["step-00000001"]

    shutil.copytree(target, old)
    shutil.rmtree(target)
    save(tmp_path, 1, 2.0)  # the new one is there, the old one not yet removed
    assert newest_valid(tmp_path) == Checkpoint(1, target)
    clean(tmp_path)
    assert names(tmp_path) == ["step-00000001"]
    assert load_checkpoint(target)[0]["weight"][0] == 2.0

    shutil.copytree(target, old)
    (target / "state.json").write_bytes(b"{}")
    clean(tmp_path)  # the new one was damaged: the old one takes its place
    assert names(tmp_path) == ["step-00000001", "step-00000001.damaged"]
    load_checkpoint(target)


@pytest.mark.parametrize("damaged", [False, True])
def test_the_same_step_is_replaced(tmp_path: Path, damaged: bool) -> None:
    path = save(tmp_path, 1, 1.0)
    shutil.copytree(path, tmp_path / "step-00000001.old")
    if damaged:
        (path / "state.json").write_bytes(b"{}")
    assert save(tmp_path, 1, 2.0) == path
    assert load_checkpoint(path)[0]["weight"][0] == 2.0
    assert names(tmp_path) == ["step-00000001", "step-00000001.damaged"][: 1 + damaged]


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    for step in range(1, 7):
        save(tmp_path, step)
    prune(tmp_path, keep=2, best_step=3)
    assert steps(tmp_path) == [6, 5, 3]
    prune(tmp_path, keep=2, best_step=6)
    assert steps(tmp_path) == [6, 5]
    prune(tmp_path, keep=3)
    assert steps(tmp_path) == [6, 5]
    assert names(tmp_path) == ["step-00000005", "step-00000006"]


def test_an_older_one_stays_until_a_newer_one_verifies(tmp_path: Path) -> None:
    for step in range(1, 5):
        save(tmp_path, step)
    for step in (4, 3):
        (tmp_path / f"step-0000000{step}" / "manifest.json").unlink()
    prune(tmp_path, keep=1)
    assert steps(tmp_path) == [2]
    assert names(tmp_path)[1:] == ["step-00000003.damaged", "step-00000004.damaged"]


def test_too_little_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 1234, 1234))
    with pytest.raises(OutputError) as caught:
        save(tmp_path / "checkpoints", 7)
    assert caught.value.exit_code == 5
    assert str(caught.value) == (
        f"cannot save the checkpoint '{tmp_path}/checkpoints/step-00000007': it needs 65,631 bytes and "
        "its disk has 1,234 free. Make room, then resume the run; the earlier checkpoints are as they were"
    )
    assert names(tmp_path / "checkpoints") == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            errno.ENOSPC,
            "it needs 65,631 bytes and the system says: No space left on device. Make room, then resume "
            "the run; the earlier checkpoints are as they were",
        ),
        (errno.EIO, "Input/output error; the earlier checkpoints are as they were"),
    ],
)
def test_a_save_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, message: str
) -> None:
    def fails(*_: Any) -> NoReturn:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "write", fails)
    with pytest.raises(OutputError) as caught:
        save(tmp_path, 7)
    assert str(caught.value) == f"cannot save the checkpoint '{tmp_path}/step-00000007': {message}"
    assert names(tmp_path) == []


def test_everything_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, str]] = []

    def watched(name: str) -> Callable[..., Any]:
        original = getattr(os, name)

        def call(first: Any, *rest: Any) -> Any:
            path = Path(f"/proc/self/fd/{first}").readlink() if name == "fsync" else Path(first)
            events.append((name, path.name if path.parent != tmp_path else "FOLDER"))
            return original(first, *rest)

        return call

    for name in ("open", "fsync", "rename"):
        monkeypatch.setattr(os, name, watched(name))
    save(tmp_path / "checkpoints", 1)
    monkeypatch.undo()
    written = [name for call, name in events if call == "open" and "." in name and name[0] != "."]
    assert written == ["tensors.safetensors", "state.json", "manifest.json"]
    (temporary,) = {name for call, name in events if call == "rename"}
    renamed = events.index(("rename", temporary))
    synced = [name for call, name in events[:renamed] if call == "fsync"]
    assert synced[-4:] == [*written, temporary]
    assert [name for call, name in events[renamed:] if call == "fsync"] == ["FOLDER"]
    assert events[1] == ("fsync", tmp_path.name)  # the folder of checkpoints is new


def test_what_cannot_be_held_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnsupportedError) as caught:
        save_checkpoint(tmp_path, 1, tensors={"a": torch.zeros(2, dtype=torch.complex64)}, state={})
    assert str(caught.value) == (
        "a checkpoint cannot hold 'a' of type complex64; it can hold float64, float32, float16, bfloat16, "
        "int64, int32, int16, int8, uint8, bool"
    )
    monkeypatch.setattr(checkpoint_files, "MAX_STATE_BYTES", 10)
    with pytest.raises(UnsupportedError) as caught:
        save_checkpoint(tmp_path, 1, tensors={}, state={"a": "long enough"})
    assert str(caught.value) == "a checkpoint can hold 10 bytes of state, got 20"
    assert names(tmp_path) == []


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
