"""Archives are extracted whole into a new folder, or not at all."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from resnets.data import archive_members
from resnets.data.archives import extract, read_from_tar
from resnets.errors import DataError, OutputError
from tests.data.hostile_archives import DAMAGED, HOSTILE, zip_of
from tests.data.trees import assert_refused, write_tree

CONTENT = {"train/cat/0.jpg": random.Random(0).randbytes(5000), "readme": b"text", "empty/": b""}


def write(path: Path, kind: str) -> Path:
    tree = path.parent / "tree"
    write_tree(tree, {name: data for name, data in CONTENT.items() if not name.endswith("/")})
    (tree / "empty").mkdir()
    (tree / "readme").chmod(0o700)
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(tree.rglob("*")):
                archive.write(name, name.relative_to(tree))
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
            archive.add(tree, ".")
    return path


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_what_is_in_it_comes_out(tmp_path: Path, kind: str) -> None:
    archive = write(tmp_path / "a.bin", kind)  # told by its content, not its name
    target = tmp_path / "out"
    assert extract(archive, target) == target
    found = {
        path.relative_to(target).as_posix() + ("/" if path.is_dir() else ""): path
        for path in target.rglob("*")
    }
    assert set(found) == {*CONTENT, "train/", "train/cat/"}
    assert all(found[name].read_bytes() == data for name, data in CONTENT.items() if data)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(found["readme"].stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE(target.stat().st_mode) == 0o777 & ~mask
    assert not list(tmp_path.glob(".resnets-*"))


def test_zips_of_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)  # more than 65,535 need the larger form
    archive = write(tmp_path / "a", "zip")
    assert b"PK\x06\x06" in archive.read_bytes()
    monkeypatch.undo()
    assert (extract(archive, tmp_path / "out") / "readme").read_bytes() == b"text"


def test_an_archive_that_ends_in_a_file(tmp_path: Path) -> None:
    archive = write(tmp_path / "a", "tar")
    archive.write_bytes(archive.read_bytes()[:-9000])
    with pytest.raises(DataError, match=r"a is a damaged archive: "):
        extract(archive, tmp_path / "out")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused(tmp_path: Path, name: str) -> None:
    build, why = HOSTILE[name]
    folder = tmp_path / "work"
    folder.mkdir()
    archive = folder / "archive"
    build(archive)
    start = time.perf_counter()
    assert_refused(
        lambda: extract(archive, folder / "out"),
        f"{archive} {why}; nothing of it was kept",
    )
    assert time.perf_counter() - start < 5
    assert [path.name for path in folder.iterdir()] == ["archive"]
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_archives_are_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "archive"
    DAMAGED[name](archive)
    with pytest.raises(DataError, match=r"archive is a damaged archive: |unpacks to more than"):
        extract(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_nothing_but_our_own_errors(tmp_path: Path, kind: str) -> None:
    whole = write(tmp_path / "a", kind).read_bytes()
    draw = random.Random(1)
    for attempt in range(150):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 8)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        if attempt % 3 == 0:
            del content[draw.randrange(len(content)) :]
        (tmp_path / "b").write_bytes(content)
        try:
            extract(tmp_path / "b", tmp_path / f"out{attempt}")
        except DataError:
            assert not (tmp_path / f"out{attempt}").exists()
    assert not list(tmp_path.glob(".resnets-*"))


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    for name in ("tar: zeros", "tar: name of 1 GB"):
        HOSTILE[name][0](tmp_path / "bomb")
        code = (
            "import resource, sys\nfrom resnets.data.archives import extract\n"
            "resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))\n"
            "try:\n    extract(sys.argv[1], sys.argv[2])\nexcept ValueError:\n    print('refused')"
        )
        ran = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "bomb", tmp_path / "out"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert ran.stdout == "refused\n", name


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_members, "MAX_MEMBERS", 3)
    zip_of(tmp_path / "a", *"wxyz")
    assert_refused(
        lambda: extract(tmp_path / "a", tmp_path / "out"),
        f"{tmp_path}/a has more than 3 members; nothing of it was kept",
    )


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    archive = write(tmp_path / "a", "zip")
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError) as caught:
        extract(archive, tmp_path / "out")
    assert str(caught.value) == f"cannot extract to {tmp_path}/out: it is there already"
    with pytest.raises(OutputError) as caught:
        extract(archive, tmp_path / "no" / "out")
    assert str(caught.value) == f"cannot extract to {tmp_path}/no/out: No such file or directory"
    assert_refused(
        lambda: extract(tmp_path / "b", tmp_path / "c"), f"there is no archive '{tmp_path}/b'"
    )


def test_files_are_read_without_extracting(tmp_path: Path) -> None:
    archive = write(tmp_path / "a", "tar.gz")
    assert read_from_tar(archive, {"readme", "train/cat/0.jpg", "gone"}) == {
        name: CONTENT[name] for name in ("readme", "train/cat/0.jpg")
    }
    HOSTILE["tar: pipe"][0](archive)
    assert_refused(
        lambda: read_from_tar(archive, {"readme"}),
        f"{archive} has something that is neither a file nor a folder, 'p'",
    )
