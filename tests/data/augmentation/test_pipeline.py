"""A batch is augmented as its images would be alone, whatever its layout, order and company."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from resnets.data.augmentation import pipeline
from resnets.data.augmentation.pipeline import augment, mean_levels
from resnets.data.augmentation.settings import (
    Augmentation,
    AutoAugment,
    ColourJitter,
    Erasing,
    Mixing,
    PadCrop,
    RandAugment,
    TrivialAugment,
)
from resnets.data.batches import normalize_batch
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.order import Indices
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ConfigError, InputShapeError

JITTER = ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
EACH = {
    "nothing": Augmentation(),
    "resized crop": Augmentation(random_resized_crop=RandomResizedCrop()),
    "pad and crop": Augmentation(pad_crop=PadCrop(), flip=0.5),
    "reflected": Augmentation(pad_crop=PadCrop(padding="reflect"), flip=0.5),
    "flip": Augmentation(flip=0.5),
    "RandAugment": Augmentation(rand_augment=RandAugment(magnitude_std=0.5, interpolation="bilinear")),
    "TrivialAugment": Augmentation(trivial_augment=TrivialAugment(fill="black")),
    "AutoAugment": Augmentation(auto_augment=AutoAugment()),
    "jitter": Augmentation(jitter=JITTER),
    "lighting": Augmentation(lighting=0.1),
    "erasing": Augmentation(erasing=Erasing(probability=0.9, fill="random")),
    "cutout": Augmentation(cutout=16),
    "everything": Augmentation(
        pad_crop=PadCrop(),
        flip=0.5,
        rand_augment=RandAugment(operations="increasing", probability=0.5),
        jitter=JITTER,
        lighting=0.1,
        erasing=Erasing(),
        cutout=8,
    ),
}
COUNT = 40


def pictures(channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((COUNT, channels, 6, 6), generator=generator) * 255
    return (
        torch.nn.functional.interpolate(coarse, (32, 36), mode="bicubic").clamp(0, 255).to(torch.uint8)
    )


IMAGES, LABELS = pictures(), torch.arange(COUNT) % 10


def changed(settings: Augmentation, images: Tensor, indices: Indices | Tensor, **given: Any) -> Tensor:
    draws: dict[str, Any] = {"seed": 5, "epoch": 2, **given}
    return augment(images, LABELS[: len(images)], settings, indices=indices, **draws)[0]


@pytest.mark.parametrize("settings", EACH.values(), ids=EACH)
def test_an_image_is_the_same_in_any_batch(settings: Augmentation) -> None:
    indices = np.arange(100, 100 + COUNT)
    whole = changed(settings, IMAGES, indices)
    order = np.random.default_rng(0).permutation(COUNT)
    shuffled = changed(settings, IMAGES[order], indices[order])
    assert torch.equal(shuffled, whole[order])
    for image in (0, 7, 39):
        alone = changed(settings, IMAGES[[image]], indices[[image]])
        assert torch.equal(alone[0], whole[image])


@pytest.mark.parametrize("settings", EACH.values(), ids=EACH)
def test_an_image_is_the_same_at_whatever_number_at_once(
    settings: Augmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = changed(settings, IMAGES, np.arange(COUNT))
    for levels in (1, 3 * 32 * 36 * 3):  # one by one, three by three
        monkeypatch.setattr(pipeline, "_CACHED", levels)
        assert torch.equal(changed(settings, IMAGES, np.arange(COUNT)), together)


@pytest.mark.parametrize("settings", EACH.values(), ids=EACH)
def test_layouts_stay_and_do_not_matter(settings: Augmentation) -> None:
    indices = np.arange(COUNT)
    planes = changed(settings, IMAGES, indices)
    assert planes.is_contiguous()
    last = IMAGES.to(memory_format=torch.channels_last)
    as_loaded = changed(settings, last, indices)
    assert torch.equal(as_loaded, planes)
    assert as_loaded.is_contiguous(memory_format=torch.channels_last)
    rows = IMAGES.permute(0, 2, 3, 1).contiguous()
    in_rows = changed(settings, rows, torch.arange(COUNT))
    assert torch.equal(in_rows, planes.permute(0, 2, 3, 1))
    assert in_rows.is_contiguous()


@pytest.mark.parametrize("name", [name for name in EACH if name != "nothing"])
def test_seeds_epochs_and_indices_matter_and_images_stay(name: str) -> None:
    before, indices = IMAGES.clone(), np.arange(COUNT)
    first = changed(EACH[name], IMAGES, indices)
    assert not torch.equal(first.float(), IMAGES.float())
    assert torch.equal(IMAGES, before)
    assert torch.equal(first, changed(EACH[name], IMAGES, torch.arange(COUNT)))
    for other in (
        changed(EACH[name], IMAGES, indices, seed=6),
        changed(EACH[name], IMAGES, indices, epoch=3),
        changed(EACH[name], IMAGES, indices + 1),
    ):
        assert not torch.equal(first, other)


def test_one_augmentation_does_not_move_the_draws_of_another() -> None:
    indices = np.arange(COUNT)
    flipped = changed(Augmentation(flip=0.5), IMAGES, indices)
    both = changed(Augmentation(flip=0.5, lighting=0.1), IMAGES, indices)
    shift = both - flipped
    torch.testing.assert_close(shift, shift[:, :, :1, :1].expand_as(shift), atol=1e-4, rtol=0)


def test_types() -> None:
    indices = np.arange(COUNT)
    for name, settings in EACH.items():
        is_float = name in {"lighting", "everything"}
        expected = torch.float32 if is_float else torch.uint8
        assert changed(settings, IMAGES, indices).dtype == expected, name


def test_lighting_is_exact_after_normalising() -> None:
    plain = Preprocessing(image_size=32)
    lit = changed(Augmentation(lighting=0.1), IMAGES, np.arange(COUNT))
    shift = normalize_batch(lit, plain) - normalize_batch(IMAGES, plain)
    assert shift.flatten(2).std(2).max() < 1e-5
    # 0.1 times the root of the sum of squared eigenvalue times vector: 0.0125 for red; std 0.229.
    assert shift[:, 0, 0, 0].std() == pytest.approx(0.1 * 0.2175 * 0.5675 / 0.229, rel=0.5)


@pytest.mark.parametrize("flip", [0.0, 0.5, 1.0])
def test_how_many_are_flipped(flip: float) -> None:
    images = torch.zeros((4000, 1, 8, 8), dtype=torch.uint8)
    images[:, :, :, 0] = 1
    turned = augment(
        images,
        torch.zeros(4000, dtype=torch.int64),
        Augmentation(flip=flip),
        seed=0,
        epoch=0,
        indices=np.arange(4000),
    )[0]
    assert abs(turned[:, 0, 0, 7].float().mean() - flip) <= 5 * np.sqrt(flip * (1 - flip) / 4000)


def test_windows_are_even() -> None:
    images = torch.zeros((8100, 1, 16, 16), dtype=torch.uint8)
    images[:, :, 8, 8] = 1
    settings = Augmentation(pad_crop=PadCrop(pad=4, padding="black"))
    labels = torch.zeros(8100, dtype=torch.int64)
    cut = augment(images, labels, settings, seed=0, epoch=0, indices=np.arange(8100))[0]
    counts = cut.sum((0, 1), dtype=torch.int64)[4:13, 4:13].flatten().numpy()
    assert counts.sum() == 8100  # always seen, 4 pixels at most from where it was
    statistic = ((counts - 100.0) ** 2 / 100).sum()
    assert abs(statistic - 80) < 5 * np.sqrt(160)


def test_the_three_paddings() -> None:
    images = torch.full((500, 3, 8, 8), 200, dtype=torch.uint8)
    labels, levels = torch.zeros(500, dtype=torch.int64), {}
    for padding in ("mean", "black", "reflect"):
        settings = Augmentation(pad_crop=PadCrop(padding=padding))
        cut = augment(images, labels, settings, seed=0, epoch=0, indices=np.arange(500))[0]
        levels[padding] = [sorted(set(channel.flatten().tolist())) for channel in cut.unbind(1)]
    assert levels["mean"] == [[124, 200], [116, 200], [104, 200]]  # 255 times ImageNet's mean
    assert levels["black"] == [[0, 200]] * 3
    assert levels["reflect"] == [[200]] * 3


@pytest.mark.parametrize(
    ("preprocessing", "num_channels", "levels"),
    [
        (Preprocessing(), 3, [124, 116, 104]),
        (Preprocessing(channels="BGR", mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0)), 3, [76, 51, 26]),
        (Preprocessing(channels="L", mean=(0.2,), std=(1.0,)), 1, [51]),
        (Preprocessing(), 1, [114]),
    ],
)
def test_mean_levels(preprocessing: Preprocessing, num_channels: int, levels: list[int]) -> None:
    assert mean_levels(preprocessing, num_channels=num_channels).tolist() == levels


def test_grey_images_go_through_everything_but_lighting() -> None:
    grey = pictures(channels=1)
    for name, settings in EACH.items():
        if settings.lighting == 0:
            assert changed(settings, grey, np.arange(COUNT)).shape == grey.shape, name


def test_mixing_makes_targets() -> None:
    mixing = Mixing(mixup_alpha=0.2, cutmix_alpha=1.0, per="image")
    images, targets = augment(
        IMAGES,
        LABELS,
        Augmentation(flip=0.5, mixing=mixing),
        seed=1,
        epoch=0,
        indices=np.arange(COUNT),
        num_classes=10,
    )
    assert images.dtype == torch.float32
    assert targets.shape == (COUNT, 10)
    torch.testing.assert_close(targets.sum(1), torch.ones(COUNT))


def test_labels_stay_without_mixing() -> None:
    assert augment(IMAGES, LABELS, EACH["flip"], seed=1, epoch=0, indices=np.arange(COUNT))[1] is LABELS


@pytest.mark.parametrize("settings", EACH.values(), ids=EACH)
def test_a_batch_may_be_empty(settings: Augmentation) -> None:
    assert changed(settings, IMAGES[:0], np.arange(0)).shape == (0, 3, 32, 36)


def test_an_empty_batch_may_be_mixed() -> None:
    settings = Augmentation(mixing=Mixing(mixup_alpha=1.0, cutmix_alpha=1.0))
    images, targets = augment(
        IMAGES[:0], LABELS[:0], settings, seed=0, epoch=0, indices=np.arange(0), num_classes=3
    )
    assert (len(images), tuple(targets.shape)) == (0, (0, 3))


SHAPE = "augmentation takes uint8 images (N, C, H, W) or (N, H, W, C) of 1 or 3 channels; "


@pytest.mark.parametrize(
    ("images", "got"),
    [
        (torch.zeros(2, 3, 8, 8), "got (2, 3, 8, 8) of type float32"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "got (3, 8, 8) of type uint8"),
        (torch.zeros(2, 4, 8, 8, dtype=torch.uint8), "got (2, 4, 8, 8) of type uint8"),
    ],
)
def test_other_images_are_refused(images: Tensor, got: str) -> None:
    with pytest.raises(InputShapeError) as caught:
        augment(images, LABELS[:2], Augmentation(), seed=0, epoch=0, indices=np.arange(2))
    assert str(caught.value) == SHAPE + got


def test_lengths_must_agree() -> None:
    with pytest.raises(InputShapeError) as caught:
        augment(IMAGES, LABELS[:3], Augmentation(), seed=0, epoch=0, indices=np.arange(4))
    assert str(caught.value) == (
        "augmentation takes a label and an index for each image; got 40 images, 3 labels and 4 indices"
    )


def test_settings_must_fit_the_images() -> None:
    settings = Augmentation(
        lighting=0.1, pad_crop=PadCrop(pad=32, padding="reflect"), mixing=Mixing(mixup_alpha=0.2)
    )
    with pytest.raises(ConfigError) as caught:
        changed(settings, pictures(channels=1), np.arange(COUNT))
    assert str(caught.value) == (
        "3 problems in augmentation: lighting needs images of 3 channels, got 1; pad_crop.pad must be "
        "less than the side of the images, 32, to reflect; got 32; mixing needs num_classes"
    )
