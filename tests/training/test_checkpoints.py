"""Checkpoints: what was saved comes back, and is on the disk before it has its name."""

from __future__ import annotations

import errno
import math
import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import safetensors.torch
import torch
from tests.training.small_checkpoints import names, save, steps
from torch import Tensor

from resnets.errors import OutputError, UnsupportedError
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
