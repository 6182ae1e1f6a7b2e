from __future__ import annotations

from typing import Any

import pytest
from tests.training.situations import GPU, LAPTOP, photos, situation, squares

from resnets.data.augmentation.settings import Augmentation
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.preprocessing_policy import Preprocessing
from resnets.recipes.settings import TrainingSettings
from resnets.training.data_facts import DataFacts
from resnets.training.image_rules import choose_augmentation, choose_crop, choose_preprocessing
from resnets.training.machine import Machine
from resnets.training.situation import Situation


def shown(
    facts: DataFacts, machine: Machine = LAPTOP, *, model: str = "", given: dict[str, Any] | None = None
) -> Preprocessing:
    settings = TrainingSettings(
        model=model, preprocessing=None if given is None else Preprocessing(**given)
    )
    value = choose_preprocessing(situation(settings, facts, machine)).value
    assert isinstance(value, Preprocessing)
    return value


def sides(median: int, low: int) -> DataFacts:
    return photos(median_side=median, low_side=low)


@pytest.mark.parametrize(
    ("facts", "machine", "size"),
    [
        (squares(32), LAPTOP, 32),
        (squares(28), LAPTOP, 28),
        (squares(96), GPU, 96),
        (squares(100), GPU, 96),  # large enough to be resized
        (sides(375, 280), GPU, 224),
        (sides(375, 280), LAPTOP, 128),  # what a processor can train
        (sides(200, 150), GPU, 224),  # enlarged by 12 % in the median
        (sides(190, 150), GPU, 192),
        (sides(300, 40), GPU, 32),  # 5 % of the images are tiny
        (sides(60, 50), LAPTOP, 64),
        (sides(10, 8), LAPTOP, 32),
    ],
)
def test_images_keep_their_size_or_are_hardly_enlarged(
    facts: DataFacts, machine: Machine, size: int
) -> None:
    assert shown(facts, machine).image_size == size


def test_photos_with_a_border_show_their_middle() -> None:
    assert shown(sides(375, 280), GPU).resize_size == 256
    assert shown(sides(375, 280)).resize_size == 146
    assert shown(sides(240, 230), GPU).resize_size is None
    assert shown(sides(375, 280), GPU, given={"image_size": 160, "fit": "pad"}).resize_size is None


def test_weights_keep_their_preprocessing() -> None:
    kept = shown(sides(375, 280), model="resnet50:torchvision_v2")
    assert (kept.image_size, kept.resize_size, kept.interpolation) == (224, 232, "bilinear")
    small = shown(squares(32), model="resnet50:torchvision_v2")
    assert (small.image_size, small.resize_size) == (64, None)
    assert shown(squares(64), model="resnet50:torchvision_v2").image_size == 128


def test_a_network_for_small_images_gets_small_images() -> None:
    assert shown(sides(375, 280), model="resnet20").image_size == 64
    assert shown(sides(375, 280), model="resnet20,image_size=48").image_size == 48


def test_colours_are_the_datas() -> None:
    cifar = shown(squares(32, known_as="cifar10", mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0)))
    # fb.resnet.torch: mean 125.3, 123.0, 113.9 and std 63.0, 62.1, 66.7 of 255.
    assert cifar.mean == pytest.approx([x / 255 for x in (125.3, 123.0, 113.9)], abs=1e-4)
    assert cifar.std == pytest.approx([x / 255 for x in (63.0, 62.1, 66.7)], abs=1e-4)
    own = shown(squares(32, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)))
    assert (own.mean, own.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    constant = shown(squares(32, mean=(0.1, 0.2, 0.3), std=(0.4, 0.0, 0.6)))
    assert constant.mean == shown(photos()).mean == (0.485, 0.456, 0.406)


def test_grey_images_are_one_channel() -> None:
    grey = squares(28, grey_share=1.0, mean=(0.3,), std=(0.35,))
    assert (shown(grey).channels, shown(grey).mean) == ("L", (0.3,))
    assert shown(photos(grey_share=1.0)).mean == (0.4589,)
    assert shown(photos(grey_share=0.999)).channels == "RGB"
    assert shown(grey, model="resnet20,in_channels=3").channels == "RGB"
    assert shown(photos(), model="resnet20,in_channels=1").channels == "L"
    assert shown(grey, model="resnet50:torchvision_v2").channels == "RGB"


def test_what_was_said_stays() -> None:
    given = {"image_size": 48, "channels": "BGR"}
    both = shown(squares(28, grey_share=1.0, mean=(0.3,), std=(0.35,)), given=given)
    assert (both.image_size, both.channels) == (48, "BGR")
    assert both.mean == (0.406, 0.456, 0.485)  # ImageNet's, blue first
    three = {"mean": (0.5, 0.5, 0.5)}
    assert shown(squares(28, grey_share=1.0), given=three).channels == "RGB"


def seen(facts: DataFacts, size: int, **fields: Any) -> Situation:
    return situation(TrainingSettings(preprocessing=Preprocessing(image_size=size), **fields), facts)


def test_photos_are_cropped_and_small_images_moved() -> None:
    crop = choose_crop(seen(photos(), 128))
    assert crop is not None
    assert crop.value == RandomResizedCrop(scale=(0.35, 1.0))
    assert choose_crop(seen(squares(64), 64)) is None
    assert choose_crop(seen(photos(), 128, augmentation=Augmentation())) is None
    for size, pad in ((32, 4), (64, 8), (28, 3), (8, 2)):
        augmentation = choose_augmentation(seen(squares(size), size)).value
        assert isinstance(augmentation, Augmentation)
        assert augmentation.pad_crop is not None
        assert (augmentation.pad_crop.pad, augmentation.flip) == (pad, 0.5)
    cropped = choose_augmentation(seen(photos(), 128, crop=RandomResizedCrop())).value
    assert cropped == Augmentation(flip=0.5)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (squares(28, known_as="mnist"), "the classes look like letters or digits"),
        (photos(class_names=("A", "B", "C")), "the classes look like letters or digits"),
        (photos(class_names=("turn_left", "ahead", "back")), "mirrored images of 'turn_left'"),
    ],
)
def test_what_differs_in_the_mirror_is_not_mirrored(facts: DataFacts, reason: str) -> None:
    answer = choose_augmentation(seen(facts, 32))
    assert isinstance(answer.value, Augmentation)
    assert answer.value.flip == 0
    assert answer.choices[-1].reason.startswith(reason)


def test_other_words_are_mirrored() -> None:
    names = ("leftover", "bright", "copyright")
    colours = squares(32, mean=(0.5,) * 3, std=(0.2,) * 3, class_names=("0", "1", "2"))
    for facts in (photos(class_names=names), colours):
        augmentation = choose_augmentation(seen(facts, 32)).value
        assert isinstance(augmentation, Augmentation)
        assert augmentation.flip == 0.5
