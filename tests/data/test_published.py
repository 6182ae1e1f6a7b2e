"""Published data sets: the rows, where they are found, and how they are downloaded."""

from __future__ import annotations

import hashlib
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from resnets.data import published
from resnets.data.labels import label_sets
from resnets.data.opening import open_dataset
from resnets.data.published import find_or_download, find_published, published_datasets
from resnets.downloads.transfer import Progress
from resnets.errors import DownloadError, OutputError, UnknownNameError
from tests.data.sources.published_forms import write_cifar10
from tests.data.trees import pixels
from tests.downloads.http_server import running


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RESNETS_OFFLINE", raising=False)
    monkeypatch.delenv("RESNETS_MIRRORS", raising=False)
    return tmp_path / "cache" / "datasets"


@pytest.mark.parametrize("row", published_datasets(), ids=lambda row: row.name)
def test_rows_are_complete(row: published.PublishedDataset) -> None:
    assert row.name in label_sets()
    assert row.hash_source
    assert row.terms
    assert re.match(r"https?://", row.source)
    for file in row.files:
        assert file.hash_kind in {"sha256", "md5"}
        assert file.size_mib is not None
    assert row.inside or {file.name for file in row.files} == set(row.holds)


def test_size_is_of_all_files() -> None:
    sizes = {row.name: round(row.size_mib) for row in published_datasets()}
    # The publishers' pages: 163 MB, 161 MB, 26 + 4 MB, 9.9 + 1.6 MB; 248,100,043 bytes.
    expected = {"cifar10": 163, "cifar100": 161, "fashion_mnist": 29, "mnist": 11, "tiny_imagenet": 237}
    assert sizes == expected


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_found_only_if_whole(cache: Path, name: str) -> None:
    row = next(row for row in published_datasets() if row.name == name).model_copy(
        update={"found_at": ()}
    )
    folder = cache / name
    folder.mkdir(parents=True)
    for file in row.holds:
        assert not published._is_whole(folder, row)
        (folder / file).touch()
    assert published._is_whole(folder, row)


def test_unknown_names() -> None:
    assert find_published("imagenet") is None
    with pytest.raises(UnknownNameError) as caught:
        find_or_download("mnist5")
    assert str(caught.value) == (
        "no published data set named 'mnist5'. Did you mean 'mnist'? "
        "All names: cifar10, cifar100, fashion_mnist, mnist, tiny_imagenet"
    )


def test_downloaded_verified_extracted_and_opened(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    made = write_cifar10(tmp_path / "made", images, [0, 1])
    with tarfile.open(tmp_path / "archive", "w:gz") as tar:
        tar.add(made, "cifar-10-batches-py")
    content = (tmp_path / "archive").read_bytes()
    row = next(row for row in published_datasets() if row.name == "cifar10")
    file = row.files[0].model_copy(update={"hash": f"sha256:{hashlib.sha256(content).hexdigest()}"})
    rows = {"cifar10": row.model_copy(update={"files": (file,)})}
    monkeypatch.setattr(published, "_datasets", lambda: rows)
    seen: list[Progress] = []
    with running(content) as server:
        monkeypatch.setenv("RESNETS_MIRRORS", server.url)
        folder = find_or_download("CIFAR-10", progress=seen.append)
        assert find_or_download("cifar10") == folder
        assert [path for path, _ in server.requests] == ["/cifar-10-python.tar.gz"]
    assert folder == cache / "cifar10"
    assert seen[-1].num_bytes == len(content)
    assert np.array_equal(pixels(open_dataset("cifar10"), "test"), images)
    # The archive is not kept: what was extracted of it is.
    assert sorted(path.name for path in cache.iterdir()) == ["cifar10", "locks"]


def test_files_that_are_the_data_themselves(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"the same for each"
    row = next(row for row in published_datasets() if row.name == "mnist")
    digest = hashlib.sha256(content).hexdigest()
    files = tuple(file.model_copy(update={"hash": f"sha256:{digest}"}) for file in row.files)
    monkeypatch.setattr(
        published, "_datasets", lambda: {"mnist": row.model_copy(update={"files": files})}
    )
    with running(content) as server:
        monkeypatch.setenv("RESNETS_MIRRORS", server.url)
        folder = find_or_download("mnist")
    assert folder == cache / "mnist"
    assert all((folder / name).read_bytes() == content for name in row.holds)
    assert find_published("MNIST") == folder


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as caught:
        find_or_download("cifar10", tmp_path / "file")
    assert str(caught.value) == f"cannot write to {tmp_path}/file: Not a directory"


def test_offline_says_how_to_place_it(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("RESNETS_OFFLINE", "1")
    with pytest.raises(
        DownloadError, match=r"^RESNETS_OFFLINE is set, and cifar-10-python.tar.gz is not in"
    ):
        find_or_download("cifar10")
    assert not (cache / "cifar10").exists()
