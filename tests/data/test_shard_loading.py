"""Training data in shards: the bytes of files, few shards at a time, from wherever they are fetched."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from resnets.data.batches import Batch
from resnets.data.checking import check
from resnets.data.cleaning import write_cleaned
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.dataset import Split
from resnets.data.fingerprint import fingerprint
from resnets.data.loading import Loader, LoadingOptions
from resnets.data.opening import open_dataset
from resnets.data.order import SHARDS_AT_ONCE
from resnets.data.packed import PackPolicy
from resnets.data.packing import find_changes, pack
from resnets.data.preprocessing_policy import Preprocessing
from resnets.data.residence import as_shown, read_into_memory
from resnets.data.shards.shard_cache import AHEAD, DOWNLOADS, LIMIT, shards_folder
from resnets.errors import DataError, DownloadError
from tests.data.shards.conftest import cache  # noqa: F401 - for every test
from tests.data.shards.writing import photo, serving, write_shard, write_shards

SHOWN = Preprocessing(image_size=16)
OPTIONS = LoadingOptions(batch_size=8, shuffle=True, workers=0, skip_unusable=True)


def read(
    split: Split, options: LoadingOptions = OPTIONS, *, start_step: int = 0, **given: int
) -> list[Batch]:
    with Loader(split, SHOWN, options, seed=3, **given) as loader:
        return list(loader.epoch(1, start_step=start_step))


def images(batches: Sequence[Batch]) -> torch.Tensor:
    return torch.cat([batch.images for batch in batches])


def indices(batches: Sequence[Batch]) -> list[int]:
    return torch.cat([batch.indices for batch in batches]).tolist()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty shards of four photos."""
    write_shards(tmp_path / "photos", shards=20, images=4)
    return tmp_path / "photos"


def train_of(data: str | Path) -> Split:
    return open_dataset(data, val_share=0).splits["train"]


def test_an_image_in_a_shard_is_what_it_is_as_a_file(photos: Path, tmp_path: Path) -> None:
    split = train_of(photos)
    paths = []
    for number in range(len(split)):
        paths.append(tmp_path / f"{number}.jpg")
        paths[-1].write_bytes(photo(number))
    files = Split("train", paths, split.labels, split.shards)
    for crop in (None, RandomResizedCrop()):
        options = OPTIONS.model_copy(update={"crop": crop})
        ours, theirs = read(split, options), read(files, options)
        assert indices(ours) == indices(theirs)
        assert (images(ours) == images(theirs)).all()


def test_an_epoch_has_every_image_once_for_any_number_of_ranks(photos: Path) -> None:
    split = train_of(photos)
    alone = read(split)
    assert sorted(indices(alone)) == list(range(80))
    shared = [read(split, rank=rank, num_ranks=2) for rank in range(2)]
    for step, batch in enumerate(alone):
        assert indices([batch]) == indices([shared[0][step], shared[1][step]])
    with Loader(split, SHOWN, OPTIONS, seed=3) as loader:
        assert indices(list(loader.epoch(2))) != indices(alone)


@pytest.mark.parametrize("workers", [0, 2])
def test_resuming_equals_never_stopping(photos: Path, workers: int) -> None:
    options = OPTIONS.model_copy(update={"workers": workers, "crop": RandomResizedCrop()})
    whole, rest = read(train_of(photos), options), read(train_of(photos), options, start_step=6)
    assert indices(rest) == indices(whole[6:])
    assert (images(rest) == images(whole[6:])).all()


def test_classes_take_turns_without_reaching_for_all_shards(photos: Path) -> None:
    split = train_of(photos)
    assert split.shards is not None
    batches = read(split, OPTIONS.model_copy(update={"balanced": True}))
    assert torch.cat([batch.labels for batch in batches]).bincount().tolist() == [40, 40]
    for batch in batches:
        assert len(np.unique(split.shards[batch.indices.numpy()])) <= SHARDS_AT_ONCE + 3


def test_an_unusable_image_is_skipped_and_counted(tmp_path: Path) -> None:
    content: dict[str, bytes | str] = {}
    for number in range(120):
        content |= {f"{number:03}.jpg": photo(number % 3), f"{number:03}.cls": str(number % 2)}
    content["007.jpg"] = b"no image"
    split = train_of(write_shard(tmp_path / "a.tar", content))
    with Loader(split, SHOWN, OPTIONS, seed=3) as loader:
        assert sum(map(len, loader.epoch(0))) == 119
        [skipped] = loader.skipped
    assert skipped.index == 7
    assert str(skipped.error).startswith("a.tar/007.jpg: ")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_shard_that_is_cut_off_ends_the_run(photos: Path, workers: int) -> None:
    split = train_of(photos)
    shard = photos / "005.tar"
    shard.write_bytes(shard.read_bytes()[:2000])
    with pytest.raises(DataError) as caught:
        read(split, OPTIONS.model_copy(update={"workers": workers}))
    assert str(caught.value) == (
        "the shard 005.tar has changed since it was opened: open the data set anew"
    )


def taken() -> int:
    """Bytes of shards in the cache, while others go on fetching and throwing out."""
    total = 0
    for path in shards_folder().glob("*.tar*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


@pytest.mark.parametrize("workers", [0, 2])
def test_data_that_outgrows_the_disk(
    photos: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    options = OPTIONS.model_copy(update={"workers": workers, "batch_size": 2, "prefetch": 1})
    local = read(train_of(photos), options)
    size = max(path.stat().st_size for path in photos.iterdir())
    room = SHARDS_AT_ONCE + AHEAD + DOWNLOADS + 1
    assert room < 20
    monkeypatch.setenv(LIMIT, str(room * size / 1e9))
    with serving(photos) as server:
        split = train_of(f"{server.url}/{{000..019}}.tar")
        server.asked.clear()
        with Loader(split, SHOWN, options, seed=3) as loader:
            fetched = []
            for batch in loader.epoch(1):
                fetched.append(batch)
                assert taken() <= room * size + 1000  # and notes about what arrives
        assert indices(fetched) == indices(local)
        assert (images(fetched) == images(local)).all()
        # Shards that an epoch begins and ends with are asked for twice; no other one is.
        assert len(server.asked) <= 20 + SHARDS_AT_ONCE
        assert set(server.asked) <= {f"{number:03}.tar" for number in range(20)}


def test_a_cache_that_holds_less_than_is_read_at_a_time(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = max(path.stat().st_size for path in photos.iterdir())
    monkeypatch.setenv(LIMIT, str(13 * size / 1e9))
    with serving(photos) as server:
        split = train_of(f"{server.url}/{{000..019}}.tar")
        options = OPTIONS.model_copy(update={"batch_size": 40})
        with pytest.raises(DataError) as caught:
            read(split, options)
        with Loader(split, SHOWN, options, seed=3) as loader:
            order = loader.order(1)
    assert split.shards is not None
    together = max(len(np.unique(split.shards[half])) for half in (order[:40], order[40:]))
    assert together > 11
    assert str(caught.value) == (
        f"the images that are read at a time are in {together} shards, and with 2 more on their way they "
        f"may take {(together + 2) * size / 1e9:.3g} GB of the cache, which holds {13 * size / 1e9:.3g}: "
        "set RESNETS_SHARD_CACHE_GB, or read by fewer workers or in smaller batches"
    )


def test_a_server_that_fails_ends_the_run(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = max(path.stat().st_size for path in photos.iterdir())
    monkeypatch.setenv(LIMIT, str(13 * size / 1e9))
    with serving(photos) as server:
        split = train_of(f"{server.url}/{{000..019}}.tar")
        for path in photos.iterdir():
            path.unlink()
        with pytest.raises(
            DownloadError, match=r"^cannot download .*\.tar: it answered 404 \(Not Found\)$"
        ):
            read(split, OPTIONS.model_copy(update={"workers": 1, "batch_size": 2, "prefetch": 1}))


def test_the_order_is_the_same_in_memory_and_in_a_pack(photos: Path, tmp_path: Path) -> None:
    dataset = open_dataset(photos, val_share=0)
    split = dataset.splits["train"]
    from_shards = read(split)
    kept, _ = read_into_memory(split, SHOWN, skip_unusable=True, workers=0)
    with Loader(kept, as_shown(SHOWN), OPTIONS, seed=3) as loader:
        in_memory = list(loader.epoch(1))
    packed = pack(dataset, tmp_path / "a.pack", policy=PackPolicy(preprocessing=SHOWN), workers=0)
    assert not find_changes(packed, dataset)
    with Loader(packed.splits["train"], SHOWN, OPTIONS, seed=3) as loader:
        in_pack = list(loader.epoch(1))
    for others in (in_memory, in_pack):
        assert indices(others) == indices(from_shards)
        assert (images(others) == images(from_shards)).all()


def test_the_fingerprint_tells_contents_and_classes(photos: Path) -> None:
    before = fingerprint(open_dataset(photos, val_share=0))
    with serving(photos) as server:
        url = f"{server.url}/{{000..019}}.tar"
        assert fingerprint(open_dataset(url, val_share=0)).sha256 == before.sha256
    write_shard(photos / "003.tar", {"00012.jpg": photo(99), "00012.cls": "0"})
    assert fingerprint(open_dataset(photos, val_share=0)).sha256 != before.sha256


def test_shards_are_checked_and_cleaned_like_files(tmp_path: Path) -> None:
    content: dict[str, bytes | str] = {}
    for number in range(8):
        content |= {f"{number}.jpg": photo(number), f"{number}.cls": "ab"[number % 2]}
    content |= {"copy.jpg": photo(0), "copy.cls": "a", "bad.jpg": b"none", "bad.cls": "b"}
    content |= {"x/../../9.png": photo(9, kind="PNG"), "x/../../9.cls": "a"}
    dataset = open_dataset(write_shard(tmp_path / "train.tar", content), val_share=0)
    report = check(dataset, workers=1)
    shown = {image for finding in report.findings for e in finding.examples for image in e.images}
    assert {"train.tar/bad.jpg", "train.tar/copy.jpg"} <= shown
    cleaned = write_cleaned(dataset, report, tmp_path / "out")
    assert (cleaned.written, cleaned.left_out) == (9, {"not an image": 1, "exact copy": 1})
    written = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*g")
    )
    assert "train/a/9.png" in written
    assert (tmp_path / "out/train/b/1.jpg").read_bytes() == photo(1)
