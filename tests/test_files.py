"""A file is written in one step or not at all."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from resnets.errors import OutputError
from resnets.files import write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("text", ["", "one line\n", "3×3 → ReLU, 𝄞", "a\r\nb", "x" * 200_000])
def test_text_comes_back(tmp_path: Path, text: str) -> None:
    target = tmp_path / "drawing.svg"
    assert write_text(target, text) == target
    assert target.read_bytes() == text.encode("utf-8")
    assert names(tmp_path) == ["drawing.svg"]


def test_a_word_is_a_path(tmp_path: Path) -> None:
    target = str(tmp_path / "drawing.svg")
    assert write_text(target, "new") == Path(target)
    assert Path(target).read_text("utf-8") == "new"


def test_a_bare_name_is_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_text("drawing.svg", "new") == Path("drawing.svg")
    assert names(tmp_path) == ["drawing.svg"]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "drawing.svg"
    target.write_text("something long and old")
    write_text(target, "new")
    assert target.read_text() == "new"
    assert names(tmp_path) == ["drawing.svg"]


def disk_full(*_: Any, **__: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fails_to_write(handle: int, *_: Any, **__: Any) -> NoReturn:
    os.close(handle)
    disk_full()


FAILURES: list[tuple[str, Callable[..., Any]]] = [
    ("replace", disk_full),
    ("fsync", disk_full),
    ("fdopen", fails_to_write),
    ("chmod", disk_full),
]
every_failure = pytest.mark.parametrize(("step", "fails"), FAILURES, ids=[step for step, _ in FAILURES])


@every_failure
def test_failure_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, fails: Callable[..., Any]
) -> None:
    target = tmp_path / "drawing.svg"
    target.write_text("old")
    monkeypatch.setattr(os, step, fails)
    with pytest.raises(OutputError) as caught:
        write_text(target, "new")
    monkeypatch.undo()
    assert str(caught.value) == f"cannot write {str(target)!r}: No space left on device"
    assert isinstance(caught.value.__cause__, OSError)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["drawing.svg"]


@every_failure
def test_failure_leaves_no_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, fails: Callable[..., Any]
) -> None:
    monkeypatch.setattr(os, step, fails)
    with pytest.raises(OutputError):
        write_text(tmp_path / "drawing.svg", "new")
    monkeypatch.undo()
    assert names(tmp_path) == []


def test_an_error_without_a_number_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> NoReturn:
        raise OSError("the cable was pulled")

    monkeypatch.setattr(os, "fsync", fails)
    target = tmp_path / "drawing.svg"
    with pytest.raises(OutputError) as caught:
        write_text(target, "new")
    assert str(caught.value) == f"cannot write {str(target)!r}: the cable was pulled"


def test_interruption_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    target = tmp_path / "drawing.svg"
    target.write_text("old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_text(target, "new")
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["drawing.svg"]


def test_text_that_is_no_utf8_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "drawing.svg"
    target.write_text("old")
    with pytest.raises(OutputError):
        write_text(target, "half a pair: \ud800")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["drawing.svg"]


def test_readers_see_the_old_text_or_the_new(tmp_path: Path) -> None:
    target = tmp_path / "drawing.svg"
    texts = {"a" * 50_000, "b" * 50_000}
    write_text(target, "a" * 50_000)
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(target.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(60):
        write_text(target, "ba"[i % 2] * 50_000)
    done.set()
    reader.join()
    assert seen <= texts


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        target = write_text(tmp_path / "drawing.svg", "new")
        assert os.umask(umask) == umask, "the process keeps its umask"
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == mode


@pytest.mark.parametrize("contents", [[], ["inner"]], ids=["empty", "full"])
def test_a_folder_is_not_replaced(tmp_path: Path, contents: list[str]) -> None:
    target = tmp_path / "drawings"
    target.mkdir()
    for name in contents:
        (target / name).touch()
    with pytest.raises(OutputError) as caught:
        write_text(target, "new")
    assert str(caught.value) == f"cannot write {str(target)!r}: Is a directory"
    assert names(tmp_path) == ["drawings"]
    assert names(target) == contents


def test_missing_folder(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "drawing.svg"
    with pytest.raises(OutputError) as caught:
        write_text(target, "new")
    assert str(caught.value) == f"cannot write {str(target)!r}: No such file or directory"
    assert names(tmp_path) == []


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    target = tmp_path / "file" / "drawing.svg"
    with pytest.raises(OutputError) as caught:
        write_text(target, "new")
    assert str(caught.value) == f"cannot write {str(target)!r}: Not a directory"


@pytest.mark.parametrize("length", [200, 255])
def test_names_as_long_as_the_system_allows(tmp_path: Path, length: int) -> None:
    target = tmp_path / ("a" * length)
    write_text(target, "new")
    assert target.read_text() == "new"


@pytest.mark.parametrize("name", [" ", "drawing of ResNet.svg", "-", ".hidden", "größe.svg"])
def test_unusual_names(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "new")
    assert names(tmp_path) == [name]
