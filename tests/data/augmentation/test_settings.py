"""Settings of augmentation: nothing by default, contradictions refused."""

from __future__ import annotations

from typing import Any

import pytest

from resnets.config import validate
from resnets.data.augmentation.settings import Augmentation
from resnets.errors import ConfigError


def test_nothing_is_done_by_default() -> None:
    assert Augmentation() == Augmentation(
        random_resized_crop=None,
        pad_crop=None,
        flip=0.0,
        rand_augment=None,
        trivial_augment=None,
        auto_augment=None,
        jitter=None,
        lighting=0.0,
        erasing=None,
        cutout=0,
        mixing=None,
    )
    assert Augmentation().policy is None


def test_tables_make_settings() -> None:
    values: dict[str, Any] = {
        "pad_crop": {"padding": "reflect"},
        "flip": 0.5,
        "rand_augment": {"operations": "increasing", "magnitude": 7},
        "erasing": {"scale": [0.02, 0.4], "fill": "random"},
        "mixing": {"cutmix_alpha": 1.0},
    }
    made = validate(Augmentation, values, source="my.toml")
    assert made.pad_crop is not None
    assert (made.pad_crop.pad, made.pad_crop.padding) == (4, "reflect")
    assert made.policy == made.rand_augment
    assert Augmentation.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            {"rand_augment": {}, "trivial_augment": {}},
            "rand_augment and trivial_augment exclude each other: choose one",
        ),
        (
            {"random_resized_crop": {}, "pad_crop": {}},
            "random_resized_crop and pad_crop exclude each other: choose one",
        ),
        ({"mixing": {}}, "mixing needs mixup_alpha or cutmix_alpha above 0"),
        ({"jitter": {}}, "jitter needs brightness, contrast, saturation or hue above 0"),
        (
            {"erasing": {"scale": [0.4, 0.1]}},
            "erasing.scale must be the smaller number and the larger one, got (0.4, 0.1)",
        ),
        (
            {"rand_augment": {"magnitud": 3.0}},
            "rand_augment.magnitud is unknown, did you mean rand_augment.magnitude?",
        ),
        ({"flip": 1.5}, "flip must be less than or equal to 1, got 1.5"),
        (
            {"pad_crop": {"padding": "zeros"}},
            "pad_crop.padding must be 'mean', 'black' or 'reflect', got 'zeros'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(Augmentation, values, source="my.toml")
    assert str(caught.value) == f"1 problem in my.toml: {problem}"
