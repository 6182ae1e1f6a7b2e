"""Nothing is written into the data, and what cannot be written is said before the work."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from resnets.data.output_places import check_file, check_folder, folder_around, refuse_in_data
from resnets.errors import OutputError

from .trees import write_tree


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of class folders, in a folder of its own."""
    return write_tree(tmp_path / "photos", {"cats": 1, "dogs": 1})


def refusal(text: str) -> pytest.RaisesExc[OutputError]:
    return pytest.raises(OutputError, match=f"^{re.escape(text)}$")


@pytest.mark.parametrize("name", ["x.html", "cats/x.html", "new/deep/x.html", "../photos/x.html"])
@pytest.mark.parametrize("check", [refuse_in_data, check_file, check_folder])
def test_a_place_in_the_data_is_refused(data: Path, name: str, check: object) -> None:
    assert callable(check)
    target = data / name
    with refusal(
        f"'{target}' would lie in the data itself, which is never written to; choose a place outside of "
        f"it, such as '{data.parent / 'x.html'}'"
    ):
        check(target, data)


def test_places_relative_to_the_current_folder(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data / "cats")
    assert folder_around("x.html", "..") == data
    assert folder_around("runs/train", data) == data
    assert folder_around("../../x.html", "..") is None
    assert folder_around("../x.html", ".") is None


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed(data: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(data, target_is_directory=True)
    (tmp_path / "page.html").symlink_to(data / "page.html")
    (data / "out").symlink_to(tmp_path, target_is_directory=True)
    for target in ("link/x.html", "page.html", "photos/out"):
        assert folder_around(tmp_path / target, data) == data
        assert folder_around(tmp_path / target, tmp_path / "link") == data
    assert folder_around(data / "out" / "x.html", data) is None


def test_beside_a_file_and_by_name_all_is_free(data: Path) -> None:
    table = data / "labels.csv"
    table.touch()
    refuse_in_data(data / "x.html", table)
    refuse_in_data(data / "x.html", "fashion_mnist")
    refuse_in_data("\0", data)


def test_a_file_that_cannot_be_written(data: Path, tmp_path: Path) -> None:
    check_file(tmp_path / "x.html", data)
    (tmp_path / "full.html").mkdir()
    (tmp_path / "file").touch()
    for name, why in (
        ("nowhere/x.html", "No such file or directory"),
        ("full.html", "Is a directory"),
        ("file/x.html", "Not a directory"),
    ):
        with refusal(f"cannot write '{tmp_path / name}': {why}"):
            check_file(tmp_path / name, data)


def test_a_folder_that_is_in_use(data: Path, tmp_path: Path) -> None:
    check_folder(tmp_path / "new", data)
    (tmp_path / "file").touch()
    for name in ("file", "."):
        target = tmp_path / name
        with refusal(f"'{target}' exists and is not an empty folder; choose another name"):
            check_folder(target, data)
