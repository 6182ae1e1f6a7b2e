"""Shards as a data set: splits, classes, and everything that is wrong with them, said at once."""

from __future__ import annotations

import json
import os
import re
import tarfile
import tracemalloc
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from resnets.data.dataset import Dataset
from resnets.data.decoding import decode
from resnets.data.opening import open_dataset
from resnets.data.shards import samples, shard_cache
from resnets.data.shards.shard import ShardImages
from resnets.data.sources import shards as sources_shards
from resnets.data.splitting import relative_names
from resnets.errors import DataError, DownloadError, ImageError
from tests.data.shards.conftest import cache  # noqa: F401 - for every test
from tests.data.shards.writing import photo, serving, write_shard, write_shards
from tests.data.sources.published_forms import write_cifar10
from tests.data.trees import assert_refused, counts


def names(dataset: Dataset, split: str) -> list[str]:
    images = dataset.splits[split].images
    assert isinstance(images, ShardImages)
    return relative_names(images, dataset.root)


def test_a_folder_of_shards(tmp_path: Path) -> None:
    write_shards(tmp_path / "photos", shards=2, images=4)
    dataset = open_dataset(tmp_path / "photos", val_share=0)
    assert (dataset.name, dataset.kind, dataset.root) == ("photos", "shards", tmp_path / "photos")
    assert counts(dataset) == {"train": {"0": 4, "1": 4}}
    assert names(dataset, "train")[3:5] == ["000.tar/00003.jpg", "001.tar/00004.jpg"]
    assert [image.read_bytes() for image in dataset.splits["train"].images] == [*map(photo, range(8))]
    assert {path.name for path in (tmp_path / "photos").iterdir()} == {"000.tar", "001.tar"}
    shards = dataset.splits["train"].shards
    assert shards is not None
    assert shards.tolist() == [0] * 4 + [1] * 4


def test_validation_is_drawn_where_there_is_none(tmp_path: Path) -> None:
    write_shards(tmp_path / "photos", shards=2, images=10)
    dataset = open_dataset(tmp_path / "photos")
    assert counts(dataset) == {"train": {"0": 8, "1": 8}, "val": {"0": 2, "1": 2}}
    both = names(dataset, "train") + names(dataset, "val")
    assert len(set(both)) == 20
    for split in dataset.splits.values():
        assert split.shards is not None
        assert [image.as_posix()[:7] for image in split.images] == [
            f"{number:03}.tar" for number in split.shards
        ]


@pytest.mark.parametrize(
    ("train", "val"),
    [("train/", "validation/"), ("train-", "val-"), ("photos-train-", "photos-valid-")],
)
def test_splits_are_told_by_folders_or_names(tmp_path: Path, train: str, val: str) -> None:
    write_shards(tmp_path / "photos", shards=2, images=4, prefix=train)
    write_shards(tmp_path / "photos", shards=1, images=2, prefix=val, first=8)
    dataset = open_dataset(tmp_path / "photos")
    assert counts(dataset) == {"train": {"0": 4, "1": 4}, "val": {"0": 1, "1": 1}}
    assert dataset.split_origin == "given"


def test_patterns_of_paths(tmp_path: Path) -> None:
    write_shards(tmp_path / "photos", shards=4, images=2)
    for pattern in ("{000..002}.tar", "00[0-2].tar", "{000,00[12]}.tar"):
        dataset = open_dataset(tmp_path / "photos" / pattern, val_share=0)
        assert names(dataset, "train") == [
            f"{shard:03}.tar/{2 * shard + i:05}.jpg" for shard in range(3) for i in range(2)
        ]
    assert len(open_dataset(tmp_path / "photos" / "001.tar", val_share=0).splits["train"]) == 2
    assert_refused(
        lambda: open_dataset(tmp_path / "photos" / "x*.tar"),
        f"no shard is called '{tmp_path / 'photos' / 'x*.tar'}'",
    )
    assert_refused(lambda: open_dataset("x-{3..1}.tar"), "'x-{3..1}.tar' stands for no shard")


def test_numbers_are_classes_in_their_order(tmp_path: Path) -> None:
    write_shards(tmp_path / "photos", shards=1, images=24, classes=12)
    dataset = open_dataset(tmp_path / "photos", val_share=0)
    assert dataset.class_names == tuple(map(str, range(12)))
    assert dataset.splits["train"].labels.tolist() == [*range(12), *range(12)]


@pytest.mark.parametrize("file", ["classes.txt", "index.json"])
def test_names_of_classes_lie_beside_the_shards(tmp_path: Path, file: str) -> None:
    write_shards(tmp_path / "photos", shards=1, images=4)
    given = ["dog", "cat", "emu"]
    text = "\n".join(given) if file == "classes.txt" else json.dumps({"class_names": given})
    (tmp_path / "photos" / file).write_text(text)
    write_shard(tmp_path / "photos" / "emus.tar", {"e.jpg": photo(9), "e.json": '{"label": "emu"}'})
    dataset = open_dataset(tmp_path / "photos", val_share=0)
    assert dataset.class_names == ("dog", "cat", "emu")
    assert dataset.splits["train"].labels.tolist() == [0, 1, 0, 1, 2]
    write_shard(tmp_path / "photos" / "odd.tar", {"e.jpg": photo(9), "e.cls": "3"})
    with pytest.raises(DataError, match="samples have classes that the 3 given names lack: '3'"):
        open_dataset(tmp_path / "photos")


def test_ids_of_wordnet_get_names(tmp_path: Path) -> None:
    ids = ("n01440764", "n02102040")
    content: dict[str, bytes | str] = {}
    for number in range(4):
        content |= {f"{number}.jpg": photo(number), f"{number}.cls": ids[number % 2]}
    dataset = open_dataset(write_shard(tmp_path / "a.tar", content), val_share=0)
    assert (dataset.class_ids, dataset.kind) == (ids, "shards")
    assert dataset.class_names != ids


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    good, other, compressed = write_shards(tmp_path / "photos", shards=3, images=4)
    other.write_bytes(good.read_bytes()[:3000])
    compressed.write_bytes(b"\x1f\x8b" + bytes(100))
    write_shard(tmp_path / "photos" / "extra.tar", {"x.jpg": photo(1), "y.txt": "no image"})
    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path / "photos")
    message = str(caught.value)
    assert message.startswith(f"3 problems in {tmp_path / 'photos'}: the shard 001.tar ")
    assert "the shard 002.tar is compressed" in message
    assert message.endswith("train has 1 image without a class")


def test_names_that_tell_no_split_beside_others(tmp_path: Path) -> None:
    write_shards(tmp_path / "photos", shards=1, images=2, prefix="train-")
    write_shards(tmp_path / "photos", shards=1, images=2, prefix="more-")
    assert_refused(
        lambda: open_dataset(tmp_path / "photos"),
        f"1 problem in {tmp_path / 'photos'}: names of shards do not tell their split ('more-000.tar'), "
        "and others do: put all into folders called train, val and test, or name some by a pattern",
    )


def test_archives_of_other_data_are_no_shards(tmp_path: Path) -> None:
    write_cifar10(tmp_path / "cifar-10-batches-py", np.zeros((2, 32, 32, 3), np.uint8), [0, 1])
    (tmp_path / "data").mkdir()
    with tarfile.open(tmp_path / "data" / "cifar.tar", "w") as archive:
        archive.add(tmp_path / "cifar-10-batches-py", "cifar-10-batches-py")
    assert open_dataset(tmp_path / "data").kind == "cifar10"
    assert open_dataset(tmp_path / "data" / "cifar.tar").kind == "cifar10"


def test_the_index_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = write_shards(tmp_path / "photos", shards=2, images=4)
    before = open_dataset(tmp_path / "photos").splits["train"]
    read: list[str] = []

    def read_samples(file: BinaryIO, *, hashed: bool) -> samples.Samples:
        read.append(file.name)
        return samples.read_samples(file, hashed=hashed)

    monkeypatch.setattr("resnets.data.shards.indexing.read_samples", read_samples)
    again = open_dataset(tmp_path / "photos").splits["train"]
    assert (again.labels == before.labels).all()
    assert not read
    os.utime(path, (1, 1))
    assert len(open_dataset(tmp_path / "photos", val_share=0).splits["train"]) == 8
    assert len(read) == 1
    kept = shard_cache.index_path(str(path))
    kept.write_bytes(kept.read_bytes()[:100])  # a damaged index is made anew
    assert len(open_dataset(tmp_path / "photos", val_share=0).splits["train"]) == 8
    assert len(read) == 2


def test_a_shard_that_changes_is_an_error(tmp_path: Path) -> None:
    path, gone = write_shards(tmp_path / "photos", shards=2, images=2)
    images = open_dataset(tmp_path / "photos", val_share=0).splits["train"].images
    path.write_bytes(path.read_bytes()[:2000])
    gone.unlink()
    for place, text in (
        (0, "the shard 000.tar has changed since it was opened: open the data set anew"),
        (3, "the shard 001.tar cannot be read: No such file or directory"),
    ):
        image = images[place]
        assert not isinstance(image, Path)
        with pytest.raises(DataError, match=f"^{re.escape(text)}$"):
            image.read_bytes()


def test_an_image_of_any_size_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "a.tar", {"a.cls": "0", "b.jpg": photo(1), "b.cls": "1", "a.jpg": b""})
    with path.open("r+b") as file:
        place = path.read_bytes().index(b"a.jpg")
        file.seek(place)
        file.write(header_of("a.jpg", 2**36))
        file.truncate(2**36 + 2**20)  # holes: it takes no room
    images = open_dataset(path, val_share=0).splits["train"].images
    tracemalloc.start()
    with pytest.raises(ImageError, match=r"^a\.tar/a\.jpg: has 68,719 MB, more than"):
        decode(images[1])
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def header_of(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


def test_paths_with_question_marks_have_indexes_of_their_own(tmp_path: Path) -> None:
    assert shard_cache.index_path("/a?1.tar") != shard_cache.index_path("/a?2.tar")
    signed = "https://a.example/b.tar"
    assert shard_cache.index_path(f"{signed}?key=1") == shard_cache.index_path(signed)


def test_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_shards(tmp_path / "photos", shards=2, images=4, prefix="train-")
    write_shards(tmp_path / "photos", shards=1, images=2, prefix="val-", first=8)
    (tmp_path / "photos" / "classes.txt").write_text("cat\ndog\n")
    with serving(tmp_path / "photos") as server:
        pattern = f"{server.url}/{{train-{{000..001}},val-000}}.tar"
        dataset = open_dataset(pattern)
        assert counts(dataset) == {"train": {"cat": 4, "dog": 4}, "val": {"cat": 1, "dog": 1}}
        assert names(dataset, "val") == ["val-000.tar/00008.jpg", "val-000.tar/00009.jpg"]
        assert [image.read_bytes() for image in dataset.splits["train"].images] == [
            *map(photo, range(8))
        ]
        assert sorted(server.asked) == ["classes.txt", "train-000.tar", "train-001.tar", "val-000.tar"]
    said = "3 of 3 shards are new here: each is downloaded once now, to note what is in it"
    assert caplog.messages == [said]
    monkeypatch.setenv("RESNETS_OFFLINE", "1")
    # As a path, an address loses one of its slashes; what is known of the shards is enough to open them.
    assert counts(open_dataset(Path(pattern))) == counts(dataset)
    assert caplog.messages == [said]


def test_a_cache_that_holds_too_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = write_shards(tmp_path / "photos", shards=20, images=1)[0].stat().st_size
    monkeypatch.setenv(shard_cache.LIMIT, str(12 * size / 1e9))
    with serving(tmp_path / "photos") as server:
        with pytest.raises(DataError) as caught:
            open_dataset(f"{server.url}/{{000..019}}.tar")
        assert str(caught.value).endswith(
            f"shards may take {12 * size / 1e9:.3g} GB in the cache, and up to 13 of them are needed at a "
            f"time, the largest of {size / 1e9:.3g} GB: set RESNETS_SHARD_CACHE_GB to at least "
            f"{13 * size / 1e9:.3g}, or make smaller shards"
        )
        monkeypatch.setenv(shard_cache.LIMIT, str(13 * size / 1e9))
        assert len(open_dataset(f"{server.url}/{{000..019}}.tar", val_share=0).splits["train"]) == 20


def test_an_address_without_shards(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        url = f"{server.url}/{{000..001}}.tar"
        text = f"cannot download {server.url}/000.tar: it answered 404 (Not Found)"
        with pytest.raises(DownloadError, match=f"^{re.escape(text)}$"):
            open_dataset(url)


def test_addresses_that_differ_only_in_a_query_are_refused() -> None:
    with pytest.raises(DataError, match="names shards that differ only behind the '\\?'"):
        open_dataset("http://localhost:1/get?shard={000..003}.tar")


def test_texts_that_are_no_numbers_after_all(tmp_path: Path) -> None:
    content = {
        f"{i}{kind}": value
        for i, text in enumerate("1²1²")
        for kind, value in ((".jpg", photo(i)), (".cls", text))
    }
    write_shard(tmp_path / "set" / "train-0.tar", content)
    assert open_dataset(tmp_path / "set").class_names == ("1", "²")


def test_long_lists_of_shards_and_mixed_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shards(tmp_path / "photos", shards=70, images=1)
    monkeypatch.chdir(tmp_path)
    names = ",".join(f"{number:03}" for number in range(70))
    assert len(names) > 255  # letters of a name that a file may have
    assert len(open_dataset(f"photos/{{{names}}}.tar", val_share=0.0).splits["train"]) == 70
    mixed = open_dataset(f"{{{tmp_path}/photos/000,photos/001}}.tar", val_share=0.0)
    assert len(mixed.splits["train"]) == 2


def test_names_of_classes_are_looked_for_beside_a_shard_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shards(tmp_path, shards=1, images=4)
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []
    monkeypatch.setattr(sources_shards, "_content", lambda place: asked.append(place.as_posix()))
    open_dataset("000.tar")
    assert asked
    assert all(Path(place).parent == Path() for place in asked)
