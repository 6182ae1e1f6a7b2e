"""Packed files are made by the rules of training, read by it, and missed in words where they do not fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from resnets.config import validate
from resnets.data.dataset import Dataset, Split
from resnets.data.opening import open_dataset
from resnets.data.packed import open_packed
from resnets.data.packing import pack, packed_path
from resnets.recipes.catalog import find_recipe
from resnets.recipes.settings import TrainingSettings
from resnets.training.machine import this_machine
from resnets.training.packing import pack_for_training
from resnets.training.packs import find_pack, pack_policy
from resnets.training.preparation import make_loaders, with_known_classes


def settings(**changed: Any) -> TrainingSettings:
    values = {"batch_size": 4, "preprocessing": {"image_size": 32}, "workers": 0, **changed}
    return validate(TrainingSettings, values, source="the test")


def packed(photos: Path, made: TrainingSettings) -> Path:
    """Where `pack_for_training` writes, after it has."""
    return pack_for_training(photos, settings=made, device="cpu").path


def read(photos: Path, made: TrainingSettings) -> tuple[list[torch.Tensor], tuple[str, ...]]:
    dataset = open_dataset(photos, seed=made.seed, val_share=made.val_share)
    loaders = make_loaders(made, dataset, this_machine("cpu"))
    assert loaders.val is not None
    batches = [*loaders.train.epoch(0), *loaders.val.epoch(0)]
    loaders.close()
    return [batch.images for batch in batches], loaders.notes


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"preprocessing": {"image_size": 32, "resize_size": 36}},
        {"preprocessing": {"image_size": 32, "interpolation": "bicubic"}},
        {"preprocessing": {"image_size": 32, "fit": "pad"}},
        {"seed": 3, "val_share": 0.4},
    ],
)
def test_a_pack_gives_the_same_images(photos: Path, changed: dict[str, Any]) -> None:
    made = settings(**changed)
    before, notes = read(photos, made)
    assert notes == ()
    path = packed(photos, made)
    after, notes = read(photos, made)
    assert notes == (f"images come from the packed file {path}",)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("changed", "size"),
    [({"crop": {"scale": [0.5, 1.0]}}, 32), ({"train_image_size": 24}, 24)],
)
def test_images_that_are_changed_later_are_kept_whole(
    photos: Path, changed: dict[str, Any], size: int
) -> None:
    made = settings(**changed)
    path = packed(photos, made)
    assert open_packed(path).policy.train_size == 32
    images, notes = read(photos, made)
    assert notes == (f"images come from the packed file {path}",)
    assert [image.shape[-1] for image in images] == [size] * 4 + [32]


def test_recipes_tell_what_a_pack_has_to_keep() -> None:
    policy = pack_policy(find_recipe("strikes_back_a3").settings())
    shown = policy.preprocessing
    assert (shown.image_size, shown.resize_size, shown.interpolation) == (224, 236, "bicubic")
    assert policy.train_size == 236
    assert pack_policy(find_recipe("resnet_cifar").settings()).train_size is None


def test_a_pack_of_another_training_is_named(photos: Path) -> None:
    path = packed(photos, settings())
    made = settings(preprocessing={"image_size": 32, "resize_size": 36}, crop={"scale": [0.5, 1.0]})
    assert read(photos, made)[1] == (
        f"the packed file {path} is not used, as it was made for another training: this one needs "
        "image_size 32, fit crop, shorter side 36, bilinear and whole images to train with; resnets data "
        "pack takes the same options as resnets train",
    )


def test_a_pack_of_other_images_is_named(photos: Path) -> None:
    path = packed(photos, settings())
    Image.new("RGB", (50, 50)).save(photos / "class0" / "new.png")
    (photos / "class1" / "1.png").unlink()
    made = settings()
    dataset = open_dataset(photos)
    found, note = find_pack(dataset, made)
    assert found is None
    begin, end = f"the packed file {path} is not used, as ", ": pack the data again"
    assert note == f"{begin}2 images came, went, changed or moved to another split since{end}"


def test_a_pack_of_other_classes_is_named(photos: Path) -> None:
    dataset = open_dataset(photos)
    made = settings()
    policy = pack_policy(made)
    path = pack(dataset, packed_path(dataset, policy), policy=policy, workers=0).path
    renamed = Dataset(dataset.name, dataset.kind, dataset.root, ("a", "b"), dataset.splits)
    end = "is not used, as its classes have other names now: pack the data again"
    assert find_pack(renamed, made) == (None, f"the packed file {path} {end}")


def test_images_of_no_class_are_left_out(photos: Path) -> None:
    made, dataset = settings(), open_dataset(photos)
    train = dataset.splits["train"]
    labels = np.where(np.arange(len(train)) < 2, -1, train.labels)
    splits = {**dataset.splits, "train": Split("train", train.images, labels)}
    dataset = dataclasses.replace(dataset, splits=splits)
    policy = pack_policy(made)
    path = pack(with_known_classes(dataset), packed_path(dataset, policy), policy=policy, workers=0).path
    loaders = make_loaders(made, dataset, this_machine("cpu"))
    assert loaders.notes == (f"images come from the packed file {path}",)
    assert sum(map(len, loaders.train.epoch(0))) == len(train) - 2
    loaders.close()


def test_test_images_keep_theirs(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(2)]
    splits = {name: Split(name, paths, np.array([0, -1])) for name in ("train", "test")}
    known = with_known_classes(Dataset("photos", "manifest", tmp_path, ("a",), splits))
    assert {name: len(split) for name, split in known.splits.items()} == {"train": 1, "test": 2}
