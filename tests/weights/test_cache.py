"""The cache of weights: listed, verified, cleaned, and nothing else touched."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from resnets.downloads.cache_folder import FileRecord, lock_path, write_record
from resnets.errors import OutputError
from resnets.weights.cache import CachedFile, VerifiedFile, cache_clean, cache_list, cache_verify

# In the catalogue, with the first digits of its SHA-256; an MD5 here stands for any other kind.
PUBLISHED = "resnet18-f37072fd.pth"
OF_HUB = "resnetv2_18.ra4_e3600_r224_in1k.safetensors"
HASH = hashlib.sha256(b"weights").hexdigest()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds a noted file, one placed by hand, a part, and a file that is not ours."""
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "weights"
    folder.mkdir(parents=True)
    (folder / "noted.pth").write_bytes(b"weights")
    write_record(folder / "noted.pth", FileRecord(HASH, 7, "https://weights.invalid/noted.pth"))
    (folder / OF_HUB).write_bytes(b"weights")
    (folder / f"{PUBLISHED}.part").write_bytes(b"wei")
    (folder / f"{PUBLISHED}.part.json").write_text("{}")
    (folder / "notes.txt").write_text("mine")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_an_empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path / "none"))
    assert (cache_list(), cache_verify(), cache_clean().removed) == ((), (), ())
    assert not (tmp_path / "none").exists()


def test_files_are_listed(folder: Path) -> None:
    assert cache_list() == (
        CachedFile("noted.pth", 7, "complete", sha256=HASH, url="https://weights.invalid/noted.pth"),
        CachedFile("notes.txt", 4, "unknown"),
        CachedFile(
            f"{PUBLISHED}.part",
            3,
            "partial",
            weights=("resnet18:torchvision_v1", "resnet18:timm_tv_in1k"),
        ),
        CachedFile(OF_HUB, 7, "complete", weights=("resnetv2_18_timm:timm_ra4_e3600_r224_in1k",)),
    )
    assert json.loads(json.dumps(cache_list()[1].to_dict())) == {
        "name": "notes.txt",
        "num_bytes": 4,
        "kind": "unknown",
        "sha256": None,
        "url": None,
        "weights": [],
    }


def test_every_file_is_hashed(folder: Path) -> None:
    (folder / PUBLISHED).write_bytes(b"weights")
    wrong = VerifiedFile(PUBLISHED, "damaged", f"has the SHA-256 {HASH}; published is f37072fd...")
    assert cache_verify() == (VerifiedFile("noted.pth", "good"), wrong, VerifiedFile(OF_HUB, "unknown"))
    assert wrong.to_dict() == {"name": PUBLISHED, "state": "damaged", "problem": wrong.problem}


def test_one_changed_byte_is_found(folder: Path) -> None:
    (folder / "noted.pth").write_bytes(b"Weights")
    now = hashlib.sha256(b"Weights").hexdigest()
    problem = f"has the SHA-256 {now}, and had {HASH} when it was stored"
    assert cache_verify()[0] == VerifiedFile("noted.pth", "damaged", problem)


def test_everything_of_ours_goes(folder: Path) -> None:
    cleaning = cache_clean()
    assert [file.name for file in cleaning.removed] == ["noted.pth", f"{PUBLISHED}.part", OF_HUB]
    assert (cleaning.num_bytes, cleaning.in_use) == (17, ())
    assert cleaning.to_dict()["num_bytes"] == 17
    assert names(folder) == ["notes.txt"]


def test_only_parts_go(folder: Path) -> None:
    cleaning = cache_clean(partial_only=True)
    assert [file.name for file in cleaning.removed] == [f"{PUBLISHED}.part"]
    assert names(folder) == ["noted.pth", "noted.pth.json", "notes.txt", OF_HUB]


@pytest.mark.parametrize("pattern", ["resnetv2_18_timm:*", "resnetv2_18.*", OF_HUB])
def test_files_are_chosen_by_either_name(folder: Path, pattern: str) -> None:
    assert [file.name for file in cache_clean(pattern).removed] == [OF_HUB]


def test_links_and_what_they_lead_to_stay(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.pth").write_text("precious")
    (folder / PUBLISHED).symlink_to(outside / "precious.pth")
    (folder / "noted.pth.json").unlink()
    (folder / "noted.pth.json").symlink_to(outside / "precious.pth")
    (folder / "linked").symlink_to(outside)
    listed = [file.name for file in cache_list()]
    assert PUBLISHED not in listed
    assert "linked" not in listed
    cache_clean()
    assert (outside / "precious.pth").read_text() == "precious"
    assert (folder / PUBLISHED).is_symlink()


def test_a_cache_that_is_a_link_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / PUBLISHED).write_text("precious")
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "weights").symlink_to(outside)
    assert cache_list() == ()
    assert cache_clean().removed == ()
    assert names(outside) == [PUBLISHED]


def test_what_arrives_just_now_stays(folder: Path) -> None:
    lock = lock_path(folder / PUBLISHED)
    lock.parent.mkdir()
    with FileLock(lock):
        cleaning = cache_clean(partial_only=True)
    assert (cleaning.removed, cleaning.in_use) == ((), (f"{PUBLISHED}.part",))
    assert f"{PUBLISHED}.part" in names(folder)


def test_a_file_that_cannot_be_deleted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError) as caught:
        cache_clean("noted.pth")
    assert str(caught.value) == f"cannot delete {folder / 'noted.pth'}: Permission denied"


def test_no_torch_is_loaded(folder: Path) -> None:
    code = (
        "from resnets.weights.cache import cache_list\n"
        "import sys\n"
        "print(len(cache_list()), 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "4 False"
