from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from resnets.data.image_files import find_images

from .image_corpus import seed_files


def found(*inputs: str | Path, root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in find_images(inputs)]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in (
        "b.JPG",
        "a.png",
        "10.webp",
        "9.tif",
        "notes.txt",
        "Thumbs.db",
        ".hidden.jpg",
        "._b.JPG",
        ".ipynb_checkpoints/b.jpg",
        "__MACOSX/b.jpg",
        "@eaDir/b.jpg",
        "deep/er/x.jpeg",
        "deep/x.heic",
        "deep/.DS_Store",
        "c/x.bmp",
        "jpg",
        "c.jpg.txt",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"what is in it does not matter")
    (folder / "without suffix").write_bytes(seed_files()["PNG RGB"])
    (folder / "named.txt").write_bytes(seed_files()["JPEG baseline"])
    (folder / "empty folder").mkdir()
    return folder


IN_ORDER = [
    "10.webp",
    "9.tif",
    "a.png",
    "b.JPG",
    "c/x.bmp",
    "deep/er/x.jpeg",
    "deep/x.heic",
    "named.txt",
    "without suffix",
]


def test_a_folder_is_searched_in_the_order_of_names(photos: Path) -> None:
    assert found(photos, root=photos) == IN_ORDER
    assert found(f"{photos}/", root=photos) == IN_ORDER


def test_what_is_named_is_taken_as_it_is(photos: Path) -> None:
    names = ["notes.txt", ".hidden.jpg", "nowhere.jpg", "a.png", "a.png"]
    assert found(*(photos / name for name in names), root=photos) == names
    assert list(find_images([])) == []


def test_a_hidden_folder_that_is_named_is_searched(photos: Path) -> None:
    assert found(photos / ".ipynb_checkpoints", root=photos) == [".ipynb_checkpoints/b.jpg"]


def test_patterns(photos: Path) -> None:
    assert found(f"{photos}/*.[jJ][pP][gG]", root=photos) == ["b.JPG"]
    assert found(f"{photos}/**/x.*", root=photos) == ["c/x.bmp", "deep/er/x.jpeg", "deep/x.heic"]
    assert found(f"{photos}/d*", root=photos) == []  # a folder
    assert found(f"{photos}/*.gif", root=photos) == [
        "*.gif"
    ]  # whoever decodes it says that it is missing


def test_a_file_that_is_named_like_a_pattern(photos: Path) -> None:
    (photos / "holiday[1].jpg").touch()
    assert found(photos / "holiday[1].jpg", root=photos) == ["holiday[1].jpg"]


def test_relative_patterns(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    assert list(map(str, find_images(["c/*", "deep"]))) == ["c/x.bmp", "deep/er/x.jpeg", "deep/x.heic"]


def test_each_folder_is_seen_once(photos: Path) -> None:
    (photos / "deep" / "up").symlink_to(photos)
    (photos / "c" / "itself").symlink_to(".")
    (photos / "z").symlink_to("c")
    (photos / "dangling.jpg").symlink_to("nowhere")
    (photos / "dangling").symlink_to("nowhere")
    (photos / "linked.jpg").symlink_to("a.png")
    names = found(photos, photos / "deep", photos, root=photos)
    assert names == [*IN_ORDER[:5], "dangling.jpg", *IN_ORDER[5:7], "linked.jpg", *IN_ORDER[7:]]


def test_a_link_to_itself_is_passed_over(photos: Path) -> None:
    (photos / "circle").symlink_to("circle")
    assert found(photos, root=photos) == IN_ORDER


def test_pipes_in_folders_are_not_opened(photos: Path) -> None:
    os.mkfifo(photos / "c" / "pipe")
    os.mkfifo(photos / "c" / "pipe.jpg")
    assert found(photos / "c", root=photos) == ["c/pipe.jpg", "c/x.bmp"]


NAMES = [
    "line\nbreak.jpg",
    "--flag.jpg",
    "\u202egpj.exe.jpg",
    "a" * 251 + ".jpg",
    "\udcff.jpg",
    "*.jpg",
    " .jpg",
    "日本.JPEG",
]


def test_strange_names(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).touch()
    assert found(tmp_path, root=tmp_path) == sorted(NAMES)


def test_a_name_with_a_nul_is_given_back() -> None:
    assert list(find_images(["a\0b.jpg", "a\0*"])) == [Path("a\0b.jpg"), Path("a\0*")]


def test_a_name_that_is_too_long_is_given_back() -> None:
    assert list(find_images(["a" * 300])) == [Path("a" * 300)]


def test_very_deep_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(1500):
        os.mkdir("a")  # noqa: PTH102 - a path cannot be as long
        os.chdir("a")
    try:
        Path("x.jpg").touch()
        os.chdir(tmp_path)
        assert len(list(find_images(["a"]))) == 1
    finally:  # shutil.rmtree, with which pytest cleans up, is not up to it
        subprocess.run(["rm", "-rf", tmp_path / "a"], check=True)


def test_folders_that_may_not_be_read_are_passed_over(
    photos: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scan = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert found(photos, root=photos) == [*IN_ORDER[:5], *IN_ORDER[7:]]
    assert caplog.messages == [f"{photos}/deep was passed over: Permission denied"]


def test_files_come_one_by_one(photos: Path) -> None:
    images = find_images([photos])
    assert next(images).name == "10.webp"
    (photos / "c" / "later.png").touch()
    assert "later.png" in [path.name for path in images]
