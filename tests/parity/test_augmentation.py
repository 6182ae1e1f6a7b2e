"""The tables of policies are those of torchvision and timm where they have the same."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

from resnets.data.augmentation import policy_tables as tables

pytestmark = pytest.mark.parity

NAMES = {
    "Identity": "identity",
    "AutoContrast": "auto_contrast",
    "Equalize": "equalize",
    "Invert": "invert",
    "Rotate": "rotate",
    "Posterize": "posterize",
    "Solarize": "solarize",
    "SolarizeAdd": "solarize_add",
    "Color": "colour",
    "Contrast": "contrast",
    "Brightness": "brightness",
    "Sharpness": "sharpness",
    "ShearX": "shear_x",
    "ShearY": "shear_y",
    "TranslateX": "translate_x",
    "TranslateY": "translate_y",
}
FACTORS = {"colour", "contrast", "brightness", "sharpness"}


def test_the_policy_for_cifar_is_that_of_torchvision(torchvision: ModuleType) -> None:
    autoaugment = import_module("torchvision.transforms.autoaugment")
    theirs = autoaugment.AutoAugment(autoaugment.AutoAugmentPolicy.CIFAR10).policies
    for ours, pair in zip(tables.AUTO_AUGMENT_CIFAR_POLICY, theirs, strict=True):
        for (name, probability, magnitude), row in zip(ours, pair, strict=True):
            assert (name, probability) == (NAMES[row[0]], row[1])
            assert row[2] in {None, magnitude}


def test_trivial_augment_is_that_of_torchvision(torchvision: ModuleType) -> None:
    wide = import_module("torchvision.transforms.autoaugment").TrivialAugmentWide()
    space = wide._augmentation_space(31)
    assert {NAMES[name] for name in space} == set(tables.TRIVIAL_AUGMENT_WIDE)
    shares = np.arange(31) / 30
    for name, (magnitudes, is_signed) in space.items():
        ours = tables.TRIVIAL_AUGMENT_WIDE[NAMES[name]]  # type: ignore[index]
        theirs = np.broadcast_to(magnitudes.double().numpy(), 31)
        for sign in (1, -1) if is_signed else (1,):
            expected = sign * theirs + (NAMES[name] in FACTORS)
            if name.startswith("Translate"):
                expected = np.trunc(np.round(expected, 3))  # torch's 16 is 15.999999
            found = ours(shares, np.full(31, float(sign)), 224)
            np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("level", [0, 2.5, 5, 7.3, 9, 10])
def test_rand_augment_is_that_of_timm(timm: ModuleType, level: float) -> None:
    module = import_module("timm.data.auto_augment")
    names = [
        name.removesuffix("Rel").removesuffix("Increasing")
        for name in module._RAND_INCREASING_TRANSFORMS
    ]
    assert [NAMES[name] for name in names] == sorted(
        tables.RAND_AUGMENT_INCREASING, key=[NAMES[name] for name in names].index
    )
    for theirs, name in zip(module._RAND_INCREASING_TRANSFORMS, names, strict=True):
        argument = module.LEVEL_TO_ARG[theirs]
        if argument is None:
            continue
        row = tables.RAND_AUGMENT_INCREASING[NAMES[name]]  # type: ignore[index]
        ours = {float(row(np.array([level / 10]), np.array([sign]), 1)[0]) for sign in (1.0, -1.0)}
        drawn = {float(argument(level, {})[0]) for _ in range(40)}
        assert sorted(ours) == pytest.approx(sorted(drawn))
