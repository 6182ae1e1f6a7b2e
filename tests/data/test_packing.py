"""Packed data sets: the same pixels, changes noticed, damage noticed, nothing half-written."""

from __future__ import annotations

import dataclasses
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resnets.data import packing
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.dataset import Dataset, Split
from resnets.data.decoding import decode
from resnets.data.loading import Loader, LoadingOptions
from resnets.data.packed import FOOTER, PackPolicy, checksums, open_packed
from resnets.data.packing import find_changes, pack, packed_path, packs_of
from resnets.data.preprocessing import fit
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import DataError, ImageError, OutputError

PREPROCESSING = Preprocessing(image_size=24, resize_size=28)
WHOLE = PackPolicy(preprocessing=PREPROCESSING, train_size=32)
SMALL = PackPolicy(preprocessing=PREPROCESSING)
CROPS = LoadingOptions(batch_size=8, shuffle=True, crop=RandomResizedCrop(), workers=0)


def photo(path: Path, size: tuple[int, int], seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(path, quality=95)
    return path


def opened(root: Path) -> Dataset:
    """The folder as a data set: root/SPLIT/CLASS/*.jpg."""
    names = tuple(sorted({folder.name for folder in root.glob("*/*")}))
    splits = {}
    for name in ("train", "val"):
        paths = sorted((root / name).glob("*/*.jpg"))
        labels = np.array([names.index(path.parent.name) for path in paths], np.int64)
        splits[name] = Split(name, paths, labels)
    return Dataset(root.name, "class folders", root, names, splits)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    root = tmp_path / "flowers"
    for i in range(12):
        photo(root / "train" / f"c{i % 3}" / f"{i}.jpg", (40 + i, 60), i)
        photo(root / "val" / f"c{i % 2}" / f"{i}.jpg", (70, 40 + i), 100 + i)
    photo(root / "train" / "c0" / "tiny.jpg", (20, 16), 50)
    photo(root / "train" / "c1" / "banner.jpg", (400, 40), 51)
    return opened(root)


def test_a_packed_file_holds_the_data_set(dataset: Dataset, tmp_path: Path) -> None:
    packed = pack(dataset, tmp_path / "new" / "a.pack", policy=WHOLE, workers=0)
    assert (packed.name, packed.class_names, packed.policy) == ("flowers", ("c0", "c1", "c2"), WHOLE)
    assert set(packed.splits) == {"train", "val"}
    for name, split in packed.splits.items():
        assert (split.labels == dataset.splits[name].labels).all()
        paths = [str(Path(str(path)).relative_to(dataset.root)) for path in dataset.splits[name].images]
        assert list(split.files) == paths
        assert len(split) == len(paths)
    assert packed.splits["val"].shape == (24, 24)
    assert packed.splits["train"].shape is None


def test_training_keeps_whole_images(dataset: Dataset, tmp_path: Path) -> None:
    split = pack(dataset, tmp_path / "a.pack", policy=WHOLE, workers=0).splits["train"]
    by_name = {Path(name).stem: split[i] for i, name in enumerate(split.files)}
    assert by_name["0"].shape == (48, 32, 3)  # 40x60, its shorter side 32
    assert by_name["banner"].shape == (32, 96, 3)  # its middle
    tiny = decode(dataset.root / "train" / "c0" / "tiny.jpg").pixels
    assert (by_name["tiny"] == tiny).all()  # never enlarged
    whole = decode(dataset.root / "train" / "c0" / "0.jpg").image
    assert (by_name["0"] == np.asarray(whole.resize((32, 48), Image.Resampling.BILINEAR))[..., :3]).all()


@pytest.mark.parametrize("channels", ["RGB", "L"])
def test_evaluation_sees_the_same_pixels(dataset: Dataset, tmp_path: Path, channels: str) -> None:
    packed = pack(dataset, tmp_path / "a.pack", policy=WHOLE, workers=0)
    some = (0.5,) if channels == "L" else (0.5, 0.5, 0.5)
    given = {"image_size": 24, "resize_size": 28, "channels": channels, "mean": some, "std": some}
    preprocessing = Preprocessing.model_validate(given)
    seen = []
    for split in (dataset.splits["val"], packed.splits["val"]):
        with Loader(split, preprocessing, LoadingOptions(workers=0)) as loader:
            (batch,) = loader.epoch(0)
        seen.append(batch)
    assert (seen[0].images == seen[1].images).all()
    assert (seen[0].labels == seen[1].labels).all()


def test_a_network_that_sees_otherwise_needs_another_file(dataset: Dataset, tmp_path: Path) -> None:
    packed = pack(dataset, tmp_path / "a.pack", policy=SMALL, workers=0)
    larger = Preprocessing(image_size=32, fit="pad")
    with pytest.raises(DataError) as raised:
        Loader(packed.splits["val"], larger)
    assert str(raised.value) == (
        f"the packed data set '{packed.path}' was made for another network, with image_size 24, not 32, "
        "fit crop, not pad, resize_size 28, not None: pack the data again"
    )
    Loader(packed.splits["val"], larger, CROPS)  # crops are cut out of whatever is there


def test_whole_images_are_fitted_when_they_are_read(dataset: Dataset, tmp_path: Path) -> None:
    split = pack(dataset, tmp_path / "a.pack", policy=WHOLE, workers=0).splits["train"]
    with Loader(split, PREPROCESSING, LoadingOptions(workers=0)) as loader:
        (batch,) = loader.epoch(0)
    expected = fit(decode(split[2]), PREPROCESSING)
    assert (batch.images[2].permute(1, 2, 0).numpy() == expected).all()


def test_workers_write_the_same_file(dataset: Dataset, tmp_path: Path) -> None:
    files = [pack(dataset, tmp_path / f"{w}.pack", policy=WHOLE, workers=w).path for w in (0, 2)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_crops_are_the_same_with_any_number_of_workers(dataset: Dataset, tmp_path: Path) -> None:
    split = pack(dataset, tmp_path / "a.pack", policy=WHOLE, workers=0).splits["train"]
    seen = []
    for workers in (0, 2):
        options = CROPS.model_copy(update={"workers": workers})
        with Loader(split, PREPROCESSING, options) as loader:
            seen.append(torch.cat([batch.images for batch in loader.epoch(0)]))
    assert seen[0].shape == (14, 3, 24, 24)
    assert (seen[0] == seen[1]).all()


def test_a_split_travels_as_its_path(dataset: Dataset, tmp_path: Path) -> None:
    split = pack(dataset, tmp_path / "a.pack", policy=SMALL, workers=0).splits["train"]
    sent = pickle.dumps(split)
    assert len(sent) < 500
    assert (pickle.loads(sent)[3] == split[3]).all()


def change(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "added": (lambda root: photo(root / "train" / "c2" / "new.jpg", (40, 40), 7), "c2/new.jpg"),
    "removed": (lambda root: (root / "train" / "c0" / "3.jpg").unlink(), "c0/3.jpg"),
    "changed": (lambda root: change(root / "train" / "c0" / "3.jpg"), "c0/3.jpg"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_changes_are_noticed(dataset: Dataset, tmp_path: Path, kind: str) -> None:
    packed = pack(dataset, tmp_path / "a.pack", policy=SMALL, workers=0)
    assert not find_changes(packed, opened(dataset.root))
    act, name = CHANGES[kind]
    act(dataset.root)
    changes = find_changes(open_packed(packed.path), opened(dataset.root))
    assert getattr(changes, kind) == (dataset.root / "train" / name,)
    assert sum(map(len, (changes.added, changes.removed, changes.changed))) == 1
    assert find_changes(packed, opened(dataset.root))


def test_other_labels_splits_and_classes_are_noticed(dataset: Dataset, tmp_path: Path) -> None:
    packed = pack(dataset, tmp_path / "a.pack", policy=SMALL, workers=0)
    train, val = dataset.splits["train"], dataset.splits["val"]
    labels = train.labels.copy()
    labels[4] = (labels[4] + 1) % 3
    other = dataclasses.replace(train, labels=labels)
    changes = find_changes(packed, dataclasses.replace(dataset, splits={"train": other, "val": val}))
    assert changes == packing.Changes(changed=(train.images[4],))
    swapped = {
        "train": dataclasses.replace(val, name="train"),
        "val": dataclasses.replace(train, name="val"),
    }
    changes = find_changes(packed, dataclasses.replace(dataset, splits=swapped))
    assert (len(changes.added), len(changes.removed)) == (26, 26)
    renamed = dataclasses.replace(dataset, class_names=("c0", "c1", "other"))
    assert find_changes(packed, renamed) == packing.Changes(classes=True)


def test_every_flipped_byte_is_noticed(dataset: Dataset, tmp_path: Path) -> None:
    path = pack(dataset, tmp_path / "a.pack", policy=SMALL, workers=0).path
    good = path.read_bytes()
    generator = np.random.default_rng(0)
    for place in [*generator.integers(0, len(good), 150).tolist(), len(good) - 1, len(good) - 50]:
        path.write_bytes(good[:place] + bytes([good[place] ^ 16]) + good[place + 1 :])
        with pytest.raises(DataError, match="is damaged"):
            read_all(path)


def read_all(path: Path) -> None:
    for split in open_packed(path).splits.values():
        split.gather(np.arange(len(split)))


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_noticed(dataset: Dataset, tmp_path: Path, share: float) -> None:
    path = pack(dataset, tmp_path / "a.pack", policy=SMALL, workers=0).path
    good = path.read_bytes()
    path.write_bytes(good[: int(share * len(good))])
    with pytest.raises(DataError, match="is damaged"):
        open_packed(path)


@pytest.mark.parametrize("num_bytes", [1, 511, 512, 1024, 3 * 33 * 33])
def test_checksums_notice_what_disks_and_copies_do(num_bytes: int) -> None:
    generator = np.random.default_rng(num_bytes)
    image = generator.integers(0, 256, (1, num_bytes), dtype=np.uint8)
    good = checksums(image)
    assert checksums(np.concatenate([image, image])).tolist() == 2 * good.tolist()
    for place in range(0, num_bytes, 7):
        for bit in range(8):
            changed = image.copy()
            changed[0, place] ^= 1 << bit
            assert checksums(changed) != good
    if num_bytes >= 1024:
        swapped = np.roll(image[:, :1024], 512, axis=1)
        assert checksums(np.concatenate([swapped, image[:, 1024:]], axis=1)) != good
        lost = image.copy()
        lost[0, 512:1024] = 0
        assert checksums(lost) != good
    one_byte_later = np.frombuffer(b"-" + image.tobytes(), np.uint8)[1:]
    assert checksums(one_byte_later[None]) == good


def test_no_images_have_no_checksums() -> None:
    assert checksums(np.empty((0, 600), np.uint8)).shape == (0,)
    assert checksums(np.empty((1, 0), np.uint8)).tolist() == [0]


def test_messages_about_damage(dataset: Dataset, tmp_path: Path) -> None:
    path = pack(dataset, tmp_path / "a.pack", policy=SMALL, workers=0).path
    good = path.read_bytes()
    begin, end = f"the packed data set '{path}' is damaged: ", ". Delete it and pack the data again"
    length = len(good)
    middle = length - FOOTER.size - 40
    for content, how in (
        (b"short", "it has only 5 bytes"),
        (b"x" * 5000, "its end is not that of a packed data set"),
        (good[1:], f"it has {length - 1} bytes, {length} were written"),
        (good[:middle] + b"?" + good[middle + 1 :], "its index is not the one that was written"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError) as raised:
            open_packed(path)
        assert str(raised.value) == begin + how + end
    path.write_bytes(b"\1\2\3" + good[3:])
    split = open_packed(path).splits["train"]
    with pytest.raises(DataError) as raised:
        split[0]
    assert (
        str(raised.value)
        == f"{begin}the pixels of 'train/c0/0.jpg' are not those that were written{end}"
    )
    with pytest.raises(DataError) as raised:
        open_packed(tmp_path / "none.pack")
    assert str(raised.value) == f"there is no packed data set '{tmp_path / 'none.pack'}'"
    with pytest.raises(DataError) as raised:
        open_packed(tmp_path)
    assert str(raised.value) == f"the packed data set '{tmp_path}' cannot be read: Is a directory"


def test_bad_files_are_left_out_and_counted(dataset: Dataset, tmp_path: Path) -> None:
    train = dataset.splits["train"]
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    paths = list(train.images) * 15
    paths[20] = bad
    many = Split("train", paths, np.tile(train.labels, 15))
    packed = pack(
        dataclasses.replace(dataset, splits={"train": many}),
        tmp_path / "a.pack",
        policy=SMALL,
        workers=0,
    )
    split = packed.splits["train"]
    assert str(split.failure(20)) == f"{bad}: the file is empty"
    with pytest.raises(ImageError, match="the file is empty"):
        split[20]
    with Loader(split, PREPROCESSING, LoadingOptions(batch_size=50, skip_unusable=True)) as loader:
        seen = torch.cat([batch.indices for batch in loader.epoch(0)]).tolist()
        assert [(skipped.index, skipped.error.reason) for skipped in loader.skipped] == [(20, "empty")]
    assert seen == [i for i in range(210) if i != 20]
    assert (split.gather(np.array([21]))[0] == split[21]).all()
    assert (split[21] == split[21 - 14]).all()


@pytest.mark.parametrize(("name", "kind"), [("train", DataError), ("val", ImageError)])
def test_too_many_bad_files_write_nothing(
    dataset: Dataset, tmp_path: Path, name: str, kind: type[DataError]
) -> None:
    Path(str(dataset.splits[name].images[3])).write_bytes(b"")
    (tmp_path / "out").mkdir()
    with pytest.raises(kind, match="the file is empty"):
        pack(dataset, tmp_path / "out" / "a.pack", policy=SMALL, workers=0)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_failed_write_keeps_the_old_file(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(dataset, tmp_path / "out" / "a.pack", policy=SMALL, workers=0).path
    good = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError) as raised:
        pack(dataset, path, policy=WHOLE, workers=0)
    assert str(raised.value) == f"cannot write '{path}': No space left on device"
    assert path.read_bytes() == good
    assert list(path.parent.iterdir()) == [path]


def test_arrays_are_not_packed(tmp_path: Path) -> None:
    split = Split("train", np.zeros((3, 8, 8), np.uint8), np.zeros(3, np.int64))
    dataset = Dataset("digits", "arrays", tmp_path, ("a",), {"train": split})
    with pytest.raises(DataError) as raised:
        pack(dataset, tmp_path / "a.pack")
    assert str(raised.value) == "the images of 'digits' are in memory already: nothing to pack"


def test_the_cache_keeps_a_file_for_each_policy(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNETS_CACHE", str(tmp_path / "cache"))
    path = packed_path(dataset, WHOLE)
    assert path.parent == tmp_path / "cache" / "packs"
    assert path.name.startswith("flowers-")
    assert path == packed_path(opened(dataset.root), WHOLE)
    assert path != packed_path(dataset, SMALL)
    assert packs_of(dataset) == []
    written = [pack(dataset, packed_path(dataset, policy), policy=policy) for policy in (WHOLE, SMALL)]
    pack(dataset, path.with_name("flowers-0-0.pack"), policy=SMALL)
    assert packs_of(dataset) == sorted(packed.path for packed in written)
    monkeypatch.delenv("RESNETS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert packed_path(dataset, WHOLE).parent == tmp_path / "xdg" / "resnets" / "packs"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert packed_path(dataset, WHOLE).parent == tmp_path / ".cache" / "resnets" / "packs"
