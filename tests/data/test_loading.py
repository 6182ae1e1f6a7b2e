"""Loading: the same bytes whoever reads them, from wherever a run resumes; bad files counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from resnets.config import validate
from resnets.data import reading
from resnets.data.batches import Batch, normalize_batch
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.dataset import Split
from resnets.data.loading import Loader, LoadingOptions
from resnets.data.preprocessing import prepare
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ConfigError, DataError, ImageError

NUM_IMAGES = 30
EVALUATION = Preprocessing(image_size=32, resize_size=36)
TRAINING = LoadingOptions(batch_size=8, shuffle=True, crop=RandomResizedCrop(), workers=0)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small photos of many shapes, one of them lying on its side, one a PNG."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    paths = []
    for i in range(NUM_IMAGES):
        width, height = generator.integers(40, 90, 2).tolist()
        pixels = generator.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
        paths.append(folder / f"{i:02}.{'png' if i == 3 else 'jpg'}")
        exif = Image.Exif()
        exif[0x0112] = 6 if i == 5 else 1
        image.save(paths[-1], exif=exif)
    return paths


def split_of(paths: list[Path]) -> Split:
    return Split("train", paths, np.arange(len(paths)) % 7)


def read(split: Split, options: LoadingOptions, *, start_step: int = 0, **given: int) -> list[Batch]:
    with Loader(split, EVALUATION, options, seed=11, **given) as loader:
        return list(loader.epoch(4, start_step=start_step))


def images(batches: list[Batch]) -> torch.Tensor:
    return torch.cat([batch.images for batch in batches])


def indices(batches: list[Batch]) -> list[int]:
    return torch.cat([batch.indices for batch in batches]).tolist()


def truncate(path: Path, to: Path) -> Path:
    to.write_bytes(path.read_bytes()[:300])
    return to


def test_the_same_bytes_with_any_number_of_workers(photos: list[Path]) -> None:
    alone = read(split_of(photos), TRAINING)
    for workers in (1, 3):
        options = TRAINING.model_copy(update={"workers": workers})
        for ours, theirs in zip(alone, read(split_of(photos), options), strict=True):
            assert (ours.images == theirs.images).all()
            assert (ours.labels == theirs.labels).all()
            assert (ours.indices == theirs.indices).all()
            assert (ours.epoch, ours.step) == (theirs.epoch, theirs.step)


@pytest.mark.parametrize("workers", [0, 2])
def test_resuming_equals_never_stopping(photos: list[Path], workers: int) -> None:
    options = TRAINING.model_copy(update={"workers": workers})
    whole = read(split_of(photos), options)
    rest = read(split_of(photos), options, start_step=2)
    assert [batch.step for batch in rest] == [2, 3]
    assert (images(rest) == images(whole[2:])).all()
    assert indices(rest) == indices(whole[2:])


def test_resuming_on_other_processes(photos: list[Path]) -> None:
    whole = read(split_of(photos), TRAINING)
    shares = [read(split_of(photos), TRAINING, rank=rank, num_ranks=2, start_step=1) for rank in (0, 1)]
    for step, (first, second) in enumerate(zip(*shares, strict=True)):
        assert (images([first, second]) == whole[step + 1].images).all()


def test_an_epoch_has_every_image_once_and_its_label(photos: list[Path]) -> None:
    batches = read(split_of(photos), TRAINING)
    assert sorted(indices(batches)) == list(range(NUM_IMAGES))
    assert [len(batch) for batch in batches] == [8, 8, 8, 6]
    for batch in batches:
        assert batch.labels.tolist() == [i % 7 for i in batch.indices.tolist()]
        assert batch.images.shape == (len(batch), 3, 32, 32)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_epochs_differ_in_order_and_crops(photos: list[Path]) -> None:
    loader = Loader(split_of(photos), EVALUATION, TRAINING)
    first, second = (
        {i: x for b in loader.epoch(e) for i, x in zip(b.indices.tolist(), b.images, strict=True)}
        for e in (0, 1)
    )
    assert list(first) != list(second)
    assert all((first[i] != second[i]).any() for i in first)


@pytest.mark.parametrize("channels", ["RGB", "BGR", "L"])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_evaluation_is_that_of_predicting(photos: list[Path], channels: str, fit: str) -> None:
    some = (0.5,) if channels == "L" else (0.5, 0.4, 0.3)
    preprocessing = Preprocessing.model_validate(
        {"image_size": 32, "channels": channels, "fit": fit, "mean": some, "std": some}
    )
    with Loader(split_of(photos), preprocessing, LoadingOptions(workers=0)) as loader:
        (batch,) = loader.epoch(0)
    expected = np.stack([prepare(photo, preprocessing) for photo in photos])
    assert (normalize_batch(batch.images, preprocessing).numpy() == expected).all()


@pytest.mark.parametrize("shape", [(32, 32, 3), (32, 32), (28, 28), (40, 50, 3)])
@pytest.mark.parametrize("channels", ["RGB", "L"])
def test_arrays_are_seen_as_evaluation_shows_them(shape: tuple[int, ...], channels: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, *shape), dtype=np.uint8)
    some = (0.5,) if channels == "L" else (0.5, 0.4, 0.3)
    preprocessing = Preprocessing.model_validate(
        {"image_size": 32, "channels": channels, "mean": some, "std": some}
    )
    split = Split("test", pixels, np.arange(9))
    with Loader(split, preprocessing, LoadingOptions(batch_size=4, workers=0)) as loader:
        seen = normalize_batch(images(list(loader.epoch(0))), preprocessing)
    assert (seen.numpy() == np.stack([prepare(each, preprocessing) for each in pixels])).all()


def test_scaled_decoding_shows_the_same_box(tmp_path: Path) -> None:
    # Smooth, so that a box elsewhere would look different and a decoder's rounding would not.
    rows, columns = np.mgrid[0:1600, 0:2400]  # large enough to be worth scaling
    pixels = np.stack([rows / 1600, columns / 2400, (rows + columns) / 4000], axis=2) * 255
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "large.jpg", exif=exif, quality=95)
    split = Split("train", [tmp_path / "large.jpg"] * 20, np.zeros(20, np.int64))
    seen = []
    for scaled in (False, True):
        preprocessing = Preprocessing.model_validate({"image_size": 32, "decoding": {"scaled": scaled}})
        with Loader(split, preprocessing, TRAINING, seed=1) as loader:
            seen.append(images(list(loader.epoch(0))).int())
    assert (seen[0] - seen[1]).abs().max() <= 4
    assert (seen[0] != seen[1]).any()  # something was scaled


def test_balanced_sampling() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    split = Split("train", np.zeros((100, 32, 32, 3), np.uint8), labels)
    batches = read(split, LoadingOptions(batch_size=20, balanced=True))
    assert torch.cat([batch.labels for batch in batches]).bincount().tolist() == [50, 50]


def broken(photos: list[Path], tmp_path: Path, *, copies: int) -> Split:
    """Many good images, and two truncated ones at 7 and 12."""
    bad = truncate(photos[0], tmp_path / "bad.jpg")
    paths = [photo for _ in range(copies) for photo in photos]
    paths[7] = paths[12] = bad
    return split_of(paths)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_file_is_left_out_and_counted(photos: list[Path], tmp_path: Path, workers: int) -> None:
    options = TRAINING.model_copy(update={"workers": workers, "skip_unusable": True})
    split = broken(photos, tmp_path, copies=7)  # 2 of 210
    with Loader(split, EVALUATION, options, seed=11) as loader:
        batches = list(loader.epoch(4))
        assert sorted(skipped.index for skipped in loader.skipped) == [7, 12]
        assert {skipped.error.reason for skipped in loader.skipped} == {"truncated"}
    assert sorted(indices(batches)) == sorted(set(range(210)) - {7, 12})
    assert sum(len(batch.images) for batch in batches) == 208
    good = {
        i: x
        for b in read(split_of(photos * 7), TRAINING)
        for i, x in zip(b.indices.tolist(), b.images, strict=True)
    }
    for batch in batches:
        for index, label, image in zip(
            batch.indices.tolist(), batch.labels.tolist(), batch.images, strict=True
        ):
            assert label == index % 7
            assert (image == good[index]).all()  # its own pixels, not its neighbour's


@pytest.mark.parametrize("workers", [0, 2])
def test_too_many_bad_files_end_the_run(photos: list[Path], tmp_path: Path, workers: int) -> None:
    options = TRAINING.model_copy(update={"workers": workers, "skip_unusable": True})
    with (
        Loader(broken(photos, tmp_path, copies=6), EVALUATION, options) as loader,
        pytest.raises(DataError) as raised,
    ):
        list(loader.epoch(0))
    bad = f"{tmp_path / 'bad.jpg'}: is a JPEG file that ends too early: "
    message = str(raised.value)
    assert message.startswith(f"more than 1 % of 180 training images cannot be used: {bad}")
    assert message.endswith(". See them all: resnets data check DATA")
    assert message.count("bad.jpg") == 2
    assert raised.value.exit_code == 3


def test_an_error_names_three_files_and_counts_the_rest() -> None:
    errors = [ImageError("empty", "the file is empty", source=f"{i}.jpg") for i in range(5)]
    with pytest.raises(DataError) as raised:
        reading.check_failures(errors, 400, training=True)
    assert str(raised.value) == (
        "more than 1 % of 400 training images cannot be used: 0.jpg: the file is empty; "
        "1.jpg: the file is empty; 2.jpg: the file is empty; and 2 more. "
        "See them all: resnets data check DATA"
    )
    reading.check_failures(errors[:4], 400, training=True)


@pytest.mark.parametrize("workers", [0, 1])
def test_in_evaluation_the_first_bad_file_is_an_error(
    photos: list[Path], tmp_path: Path, workers: int
) -> None:
    split = broken(photos, tmp_path, copies=10)
    with (
        Loader(split, EVALUATION, LoadingOptions(workers=workers)) as loader,
        pytest.raises(ImageError, match=r"bad\.jpg: is a JPEG file that ends too early") as raised,
    ):
        list(loader.epoch(0))
    assert raised.value.exit_code == 3


def fails(times: int, reason: str) -> Callable[[], str]:
    left = [times]

    def run() -> str:
        if left[0]:
            left[0] -= 1
            raise ImageError(reason, "is gone")
        return "read"

    return run


def test_reading_is_tried_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("resnets.data.reading.time.sleep", pauses.append)
    assert reading.attempt(fails(2, "not readable")) == "read"
    assert pauses == [0.1, 0.1]  # a network disk may need a moment
    assert reading.attempt(fails(2, "damaged")) == "read"
    assert len(pauses) == 2
    with pytest.raises(ImageError, match="is gone"):
        reading.attempt(fails(3, "damaged"))


def test_a_batch_may_be_empty(photos: list[Path], tmp_path: Path) -> None:
    options = LoadingOptions(batch_size=1, skip_unusable=True, workers=0)
    batches = read(broken(photos, tmp_path, copies=7), options)
    assert [batch.step for batch in batches if not len(batch)] == [7, 12]
    assert len(batches) == 210
    empty = batches[7].images
    assert normalize_batch(empty, EVALUATION).shape == (0, 3, 32, 32)


def test_options_are_checked() -> None:
    given: dict[str, Any] = {"batch_size": 0, "workers": -1, "suffle": True}
    with pytest.raises(ConfigError) as raised:
        validate(LoadingOptions, given, source="the loading options")
    assert str(raised.value) == (
        "3 problems in the loading options: batch_size must be greater than or equal to 1, got 0; "
        "workers must be greater than or equal to 0, got -1; suffle is unknown, did you mean shuffle?"
    )


def test_luma_is_pillows() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    assert (
        reading.to_luma(pixels)[0, ..., 0] == np.asarray(Image.fromarray(pixels[0]).convert("L"))
    ).all()


def test_the_usual_number_of_workers_is_used(photos: list[Path]) -> None:
    options = LoadingOptions(batch_size=16)
    assert len(images(read(split_of(photos), options))) == NUM_IMAGES


def test_repeats_draw_each_copy_anew(photos: list[Path]) -> None:
    split = Split("train", photos, np.arange(len(photos)))
    options = LoadingOptions(batch_size=4, shuffle=True, repeats=2, workers=0, crop=RandomResizedCrop())
    with Loader(split, Preprocessing(image_size=16), options) as loader:
        batches = list(loader.epoch(0))
    indices = torch.cat([batch.indices for batch in batches])
    assert sorted((indices % len(photos)).tolist()) != indices.tolist()
    assert len(indices) == len(photos)
    for batch in batches:
        pairs = batch.indices.view(-1, 2)
        assert (pairs[:, 1] - pairs[:, 0] == len(photos)).all()
        assert torch.equal(batch.labels, batch.indices % len(photos))
        assert not torch.equal(batch.images[0], batch.images[1])
