"""Names: spellings, forms that stand for many networks, and what is said about unknown ones."""

from __future__ import annotations

from typing import Any

import pytest

import resnets
from resnets.architectures.creation import resolve
from resnets.errors import DepthError, UnknownNameError
from resnets.registry import find_architecture, normalize, registered_name_rules


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("resnet50", "resnet50"),
        ("ResNet-50", "resnet50"),
        ("resnet_50", "resnet50"),
        (" RESNET 50 ", "resnet50"),
        ("plain-34", "plain34"),
        ("VGG-16", "vgg16"),
        ("VGG-16-BN", "vgg16_bn"),
        ("vgg16-bn", "vgg16_bn"),
        ("ResNetV2-50", "resnetv2_50"),
        ("resnetv2-50-timm", "resnetv2_50_timm"),
        ("ResNet-50 (v1)", "resnet50_v1"),
        ("ResNeXt-50 (32x4d)", "resnext50_32x4d"),
        ("ResNeXt-29, 8x64d".replace(",", ""), "resnext29_8x64d"),
        ("SEResNet-50", "seresnet50"),
        ("SE-ResNet-50", "seresnet50"),
        ("SE-ResNeXt-50 (32x4d)", "seresnext50_32x4d"),
    ],
)
def test_spellings(written: str, name: str) -> None:
    assert find_architecture(written).name == name


@pytest.mark.parametrize("name", resnets.list_models())
def test_every_name_finds_its_row(name: str) -> None:
    assert find_architecture(name).name == name
    assert find_architecture(name.upper().replace("_", "-")).name == name


BASIC, BOTTLENECK = (3, 3), (1, 3, 1)


@pytest.mark.parametrize(
    ("written", "name", "expected"),
    [
        ("resnet26", "resnet26", {"depths": (4, 4, 4), "kernel_sizes": BASIC, "shortcut": "A"}),
        ("resnet8", "resnet8", {"depths": (1, 1, 1), "widths": (16, 32, 64), "num_classes": 10}),
        ("resnet152_cifar", "resnet152_cifar", {"depths": (25, 25, 25), "stem": "cifar"}),
        ("resnet50_cifar", "resnet50_cifar", {"depths": (8, 8, 8), "kernel_sizes": BASIC}),
        ("resnet20_cifar", "resnet20", {"depths": (3, 3, 3)}),
        ("resnet29_bottleneck", "resnet29_bottleneck", {"depths": (3, 3, 3), "expansion": 4}),
        ("plain26", "plain26", {"depths": (4, 4, 4)}),
        ("plain20_cifar", "plain20", {"depths": (3, 3, 3)}),
        ("resnetv2_29", "resnetv2_29", {"depths": (3, 3, 3), "kernel_sizes": BOTTLENECK}),
        ("resnetv2_101_cifar", "resnetv2_101_cifar", {"depths": (11, 11, 11)}),
        ("resnetv2_20_basic", "resnetv2_20_basic", {"depths": (3, 3, 3), "kernel_sizes": BASIC}),
        ("resnetv2_110_basic", "resnetv2_110", {"depths": (18, 18, 18), "kernel_sizes": BASIC}),
        ("resnetv2_110_cifar", "resnetv2_110_cifar", {"depths": (12, 12, 12), "expansion": 4}),
        ("resnext50_8x14d", "resnext50_8x14d", {"cardinality": 8, "base_width": 14}),
        ("resnext50_3x10d", "resnext50_3x10d", {"cardinality": 3, "depths": (3, 4, 6, 3)}),
        ("resnext29_4x64d", "resnext29_4x64d", {"depths": (3, 3, 3), "widths": (64, 128, 256)}),
        ("resnext101_2x64d_cifar", "resnext101_2x64d_cifar", {"depths": (11, 11, 11)}),
        ("resnext29_8x64d_cifar", "resnext29_8x64d", {"cardinality": 8}),
        ("seresnet26", "seresnet26", {"depths": (4, 4, 4), "reduction": 16}),
        ("seresnet50_cifar", "seresnet50_cifar", {"depths": (8, 8, 8), "shortcut": "A"}),
        ("seresnext50_8x14d", "seresnext50_8x14d", {"cardinality": 8, "depths": (3, 4, 6, 3)}),
    ],
)
def test_forms(written: str, name: str, expected: dict[str, Any]) -> None:
    row, settings = resolve(written)
    assert row.name == name
    assert {key: getattr(settings, key) for key in expected} == expected
    assert find_architecture(row.name).settings == row.settings, "its name must find it again"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "resnet51",
            "CIFAR resnet depth must be 6n+2 (8, 14, 20, 26, ...); got 51, nearest are 50 and 56",
        ),
        ("resnet2", "CIFAR resnet depth must be 6n+2 (8, 14, 20, 26, ...); got 2, nearest is 8"),
        (
            "resnet18_cifar",
            "CIFAR resnet depth must be 6n+2 (8, 14, 20, 26, ...); got 18, nearest are 14 and 20",
        ),
        (
            "plain21",
            "CIFAR plain depth must be 6n+2 (8, 14, 20, 26, ...); got 21, nearest are 20 and 26",
        ),
        (
            "resnetv2_21",
            "CIFAR resnetv2 depth must be 9n+2 (11, 20, 29, 38, ...); got 21, nearest are 20 and 29",
        ),
        (
            "resnext18_32x4d",
            "CIFAR resnext depth must be 9n+2 (11, 20, 29, 38, ...); got 18, nearest are 11 and 20",
        ),
        (
            "seresnet21",
            "CIFAR seresnet depth must be 6n+2 (8, 14, 20, 26, ...); got 21, nearest are 20 and 26",
        ),
    ],
)
def test_depths_that_no_rule_allows(name: str, text: str) -> None:
    with pytest.raises(DepthError) as caught:
        resnets.create_model(name)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("resnet5O", " Did you mean 'resnet50', 'seresnet50', 'resnet56'?"),
        ("vgg12", " Did you mean 'vgg19', 'vgg16', 'vgg13'?"),
        ("NASNet-A", ""),
        ("", ""),
        ("resnext50_0x4d", " Did you mean 'resnext50_8x14d', 'resnext50_4x24d', 'resnext50_32x4d'?"),
    ],
)
def test_unknown_names(name: str, guess: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        resnets.create_model(name)
    assert str(caught.value) == f"no architecture named {name!r}.{guess} All names: resnets list"


@pytest.mark.parametrize("name", ["resnet050", "resnet0050", "resnet0020", "resnet\u0662\u0660"])
def test_numbers_are_written_in_one_way(name: str) -> None:
    """Else 'resnet050' would quietly be a CIFAR network."""
    with pytest.raises(UnknownNameError):
        find_architecture(name)


def test_every_form_is_shown_to_users() -> None:
    forms = [rule.form for rule in registered_name_rules()]
    assert len(set(forms)) == len(forms)
    assert all("<" in form for form in forms)


@pytest.mark.parametrize("name", resnets.list_models())
def test_rows_of_a_rule_are_what_the_rule_makes(name: str) -> None:
    row = find_architecture(name)
    for rule in registered_name_rules():
        match = rule.pattern.fullmatch(normalize(name))
        if match and row.image_size == 32:
            made = rule.make(match)
            if made.name == row.name:
                assert dict(made.settings) == dict(row.settings)
                assert made.family is row.family
                assert made.published_in == row.published_in
