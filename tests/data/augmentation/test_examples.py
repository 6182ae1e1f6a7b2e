"""Every augmentation has an example, and an example nothing but its augmentation."""

from __future__ import annotations

import pytest

from resnets.data.augmentation.examples import examples
from resnets.data.augmentation.settings import Augmentation, Erasing, Mixing, PadCrop, RandAugment


@pytest.mark.parametrize("side", [32, 224])
def test_every_augmentation_has_an_example(side: int) -> None:
    shown = list(examples(None, side=side))
    used = [set(settings.model_dump(exclude_defaults=True)) for *_, settings in shown]
    assert all(len(names) == 1 for names in used)
    assert set.union(*used) == set(Augmentation.model_fields)
    assert len({(name, detail) for name, detail, _ in shown}) == len(shown)


def test_settings_are_shown_part_by_part() -> None:
    settings = Augmentation(
        pad_crop=PadCrop(padding="reflect"),
        flip=0.5,
        rand_augment=RandAugment(magnitude=7.0),
        erasing=Erasing(),
        mixing=Mixing(mixup_alpha=0.2),
    )
    assert list(examples(settings, side=32)) == [
        ("pad and crop", "padding reflect", Augmentation(pad_crop=PadCrop(padding="reflect"))),
        ("flip", "0.5", Augmentation(flip=0.5)),
        ("RandAugment", "magnitude 7.0", Augmentation(rand_augment=RandAugment(magnitude=7.0))),
        ("random erasing", "", Augmentation(erasing=Erasing())),
        ("mixing", "mixup_alpha 0.2", Augmentation(mixing=Mixing(mixup_alpha=0.2))),
        ("all together", "in this order", settings),
    ]
