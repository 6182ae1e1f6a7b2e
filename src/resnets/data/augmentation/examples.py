"""Augmentations to look at, with their names: all there are, or the parts of some settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

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
from resnets.data.crop_policy import RandomResizedCrop

Example: TypeAlias = tuple[str, str, Augmentation]
"""Name, what is special about it, and settings that do nothing else."""

_TITLES = {
    "random_resized_crop": "random resized crop",
    "pad_crop": "pad and crop",
    "flip": "flip",
    "rand_augment": "RandAugment",
    "trivial_augment": "TrivialAugment",
    "auto_augment": "AutoAugment",
    "jitter": "colour jitter",
    "lighting": "lighting",
    "erasing": "random erasing",
    "cutout": "cutout",
    "mixing": "mixing",
}


def examples(settings: Augmentation | None, *, side: int) -> Iterator[Example]:
    """List augmentations one by one.

    Args:
        settings: whose parts to list, and at the end all of them together; None for all there are.
        side: of the images, in pixels.
    """
    return _all(side) if settings is None else _parts(settings)


def _parts(settings: Augmentation) -> Iterator[Example]:
    given = [name for name in _TITLES if getattr(settings, name)]
    for name in given:
        value = getattr(settings, name)
        yield _TITLES[name], _describe(value), Augmentation(**{name: value})
    yield "all together", "in this order", settings


def _describe(value: object) -> str:
    """What differs from the defaults; numbers as they are."""
    if isinstance(value, float | int):
        return f"{value:g}"
    changed = value.model_dump(exclude_defaults=True) if hasattr(value, "model_dump") else {}
    return ", ".join(f"{name} {given}" for name, given in changed.items())


def _all(side: int) -> Iterator[Example]:
    yield "random resized crop", "area 8 to 100 %", Augmentation(random_resized_crop=RandomResizedCrop())
    pad = max(4, side // 8)
    for padding in ("mean", "black", "reflect"):
        yield (
            "pad and crop",
            f"pad {pad}, {padding}",
            Augmentation(pad_crop=PadCrop(pad=pad, padding=padding)),
        )
    yield "flip", "probability 0.5", Augmentation(flip=0.5)
    jitter = ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4)
    yield "colour jitter", "0.4, as in fb.resnet.torch", Augmentation(jitter=jitter)
    yield "colour jitter", "hue 0.5", Augmentation(jitter=ColourJitter(hue=0.5))
    yield "lighting", "0.1, as AlexNet", Augmentation(lighting=0.1)
    yield "RandAugment", "N 2, M 9", Augmentation(rand_augment=RandAugment())
    timm = RandAugment(
        operations="increasing",
        magnitude=7,
        magnitude_std=0.5,
        probability=0.5,
        interpolation="bilinear",
    )
    yield "RandAugment", "timm's rand-m7-mstd0.5-inc1", Augmentation(rand_augment=timm)
    yield "TrivialAugment", "wide", Augmentation(trivial_augment=TrivialAugment())
    yield "AutoAugment", "for CIFAR-10", Augmentation(auto_augment=AutoAugment())
    yield "random erasing", "mean colour", Augmentation(erasing=Erasing(probability=1.0))
    noise = Erasing(probability=1.0, fill="random")
    yield "random erasing", "random levels", Augmentation(erasing=noise)
    yield "cutout", f"{side // 2} pixels", Augmentation(cutout=side // 2)
    yield "mixup", "alpha 0.2", Augmentation(mixing=Mixing(mixup_alpha=0.2))
    yield "cutmix", "alpha 1", Augmentation(mixing=Mixing(cutmix_alpha=1.0))
