"""The policies draw what their papers say, from the tables that their papers give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from resnets.data.augmentation import policy_tables as tables
from resnets.data.augmentation.parameters import Draws
from resnets.data.augmentation.policies import Step, apply_step, draw_steps
from resnets.data.augmentation.policy_tables import Operation, Table
from resnets.data.augmentation.settings import AutoAugment, RandAugment, TrivialAugment

MANY = 14_000
DRAWS = Draws(seed=1, epoch=0, indices=np.arange(MANY))


def strengths(table: Table, shares: list[float], sign: int = 1) -> dict[str, list[float]]:
    """Strengths at some magnitudes, for images of 224 pixels."""
    each = np.array(shares)
    return {
        name: row(each, np.full(len(shares), float(sign)), 224).tolist() for name, row in table.items()
    }


def assert_rows(table: Table, shares: list[float], expected: Mapping[str, Sequence[float]]) -> None:
    found = strengths(table, shares)
    assert set(found) == set(expected)
    for name, row in expected.items():
        assert found[name] == pytest.approx(row), name


NOTHING = [0.0, 0.0]


def test_ranges_of_auto_augment() -> None:
    # arXiv:1805.09501, table 6, for CIFAR as in the authors' code: magnitude 0 and 9 of 10.
    factor, shear, shift = [0.1, 1.72], [0, 0.27], [0, 9]
    assert_rows(
        tables.AUTO_AUGMENT_CIFAR,
        [0, 0.9],
        {
            "shear_x": shear,
            "shear_y": shear,
            "translate_x": shift,
            "translate_y": shift,
            "rotate": [0, 27],
            "auto_contrast": NOTHING,
            "invert": NOTHING,
            "equalize": NOTHING,
            "solarize": [256, 26],
            "posterize": [4, 1],
            "contrast": factor,
            "colour": factor,
            "brightness": factor,
            "sharpness": factor,
        },
    )


def test_ranges_of_rand_augment() -> None:
    # arXiv:1909.13719, sec. 3, 14 operations; magnitudes 5 and 10 in tensorflow/tpu's autoaugment.py.
    factor, shear, shift = [1.0, 1.9], [0.15, 0.3], [50, 100]
    assert_rows(
        tables.RAND_AUGMENT_PAPER,
        [0.5, 1],
        {
            "identity": NOTHING,
            "auto_contrast": NOTHING,
            "equalize": NOTHING,
            "rotate": [15, 30],
            "solarize": [128, 256],
            "colour": factor,
            "posterize": [2, 4],
            "contrast": factor,
            "brightness": factor,
            "sharpness": factor,
            "shear_x": shear,
            "shear_y": shear,
            "translate_x": shift,
            "translate_y": shift,
        },
    )


def test_magnitudes_beyond_the_range_do_no_harm() -> None:
    row = strengths(tables.RAND_AUGMENT_PAPER, [3.0])
    assert (row["posterize"], row["solarize"]) == ([8], [256])
    row = strengths(tables.RAND_AUGMENT_INCREASING, [3.0], sign=-1)
    assert (row["posterize"], row["solarize"], row["solarize_add"]) == ([0], [0], [128])
    assert row["colour"] == [0.1]


def test_ranges_of_trivial_augment() -> None:
    # arXiv:2103.10158, table 1, 'wide': magnitudes 0 and 30 of 30.
    factor, shear, shift = [1, 1.99], [0, 0.99], [0, 32]
    assert_rows(
        tables.TRIVIAL_AUGMENT_WIDE,
        [0, 1],
        {
            "identity": NOTHING,
            "auto_contrast": NOTHING,
            "equalize": NOTHING,
            "rotate": [0, 135],
            "solarize": [255, 0],
            "colour": factor,
            "posterize": [8, 2],
            "contrast": factor,
            "brightness": factor,
            "sharpness": factor,
            "shear_x": shear,
            "shear_y": shear,
            "translate_x": shift,
            "translate_y": shift,
        },
    )


def test_the_cifar_policy_has_25_pairs() -> None:
    assert len(tables.AUTO_AUGMENT_CIFAR_POLICY) == 25
    names = {name for pair in tables.AUTO_AUGMENT_CIFAR_POLICY for name, *_ in pair}
    assert names <= set(tables.AUTO_AUGMENT_CIFAR)


def assert_even(numbers: NDArray[np.int64], length: int) -> None:
    counts = np.bincount(numbers, minlength=length)
    assert len(counts) == length
    expected = counts.sum() / length
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert abs(statistic - (length - 1)) < 5 * np.sqrt(2 * length) + 10


def test_rand_augment_draws() -> None:
    steps = list(draw_steps(RandAugment(num_operations=3, magnitude=5), DRAWS))
    assert len(steps) == 3
    for step in steps:
        assert_even(step.which, 14)
        assert (step.shares == 0.5).all()
        assert abs(step.signs.mean()) < 5 / np.sqrt(MANY)
    assert abs(np.corrcoef(steps[0].which, steps[1].which)[0, 1]) < 5 / np.sqrt(MANY)


def test_rand_augment_of_timm_draws() -> None:
    policy = RandAugment(operations="increasing", magnitude=7, magnitude_std=0.5, probability=0.5)
    first, second = draw_steps(policy, DRAWS)
    for step in (first, second):
        happens = step.which >= 0
        assert abs(happens.mean() - 0.5) < 5 * 0.5 / np.sqrt(MANY)
        assert_even(step.which[happens], 15)
        assert abs(step.shares.mean() - 0.7) < 5 * 0.05 / np.sqrt(MANY)
        assert abs(step.shares.std() - 0.05) < 5 * 0.05 / np.sqrt(2 * MANY)
    loud = RandAugment(operations="increasing", magnitude=9, magnitude_std=5.0)
    shares = next(iter(draw_steps(loud, DRAWS))).shares
    assert (shares.min(), shares.max()) == (0, 1)


def test_trivial_augment_draws() -> None:
    (step,) = draw_steps(TrivialAugment(), DRAWS)
    assert_even(step.which, 14)
    assert_even(np.round(step.shares * 30).astype(np.int64), 31)
    assert np.allclose(step.shares * 30, np.round(step.shares * 30))


def test_auto_augment_draws() -> None:
    first, second = draw_steps(AutoAugment(), DRAWS)
    names = first.operations
    counts: dict[str, float] = dict.fromkeys(names, 0.0)
    for pair in tables.AUTO_AUGMENT_CIFAR_POLICY:
        counts[pair[0][0]] += pair[0][1] / 25
    for number, name in enumerate(names):
        share = (first.which == number).mean()
        assert abs(share - counts[name]) < 5 * np.sqrt(0.25 / MANY)
    # 'solarize' is first in two pairs, of magnitudes 2 and 5, with 0.5 and 0.4.
    solarized = first.shares[first.which == names.index("solarize")]
    assert {round(10 * share) for share in solarized.tolist()} == {2, 5}
    assert set(second.signs.tolist()) == {-1.0, 1.0}


def step_of(name: Operation, share: float, count: int, sign: float = 1.0) -> Step:
    table = tables.TRIVIAL_AUGMENT_WIDE
    which = np.full(count, list(table).index(name))
    return Step(tuple(table), which, np.full(count, share), np.full(count, sign), table)


def test_operations_are_those_of_pillow() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 40, 32), generator=generator, dtype=torch.uint8)
    fill = torch.tensor([1, 2, 3], dtype=torch.uint8)
    colour = (1, 2, 3)

    def moved(image: Image.Image, *matrix: float) -> Image.Image:
        return image.transform(image.size, Image.Transform.AFFINE, matrix, fillcolor=colour)

    expected: dict[Operation, Callable[[Image.Image], Image.Image]] = {
        "identity": lambda image: image,
        "auto_contrast": ImageOps.autocontrast,
        "equalize": ImageOps.equalize,
        "rotate": lambda image: image.rotate(67.5, fillcolor=colour),
        "solarize": lambda image: ImageOps.solarize(image, 127.5),  # type: ignore[arg-type]
        "colour": lambda image: ImageEnhance.Color(image).enhance(1.495),
        "posterize": lambda image: ImageOps.posterize(image, 5),
        "contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.495),
        "brightness": lambda image: ImageEnhance.Brightness(image).enhance(1.495),
        "sharpness": lambda image: ImageEnhance.Sharpness(image).enhance(1.495),
        "shear_x": lambda image: moved(image, 1, 0.495, 0, 0, 1, 0),
        "shear_y": lambda image: moved(image, 1, 0, 0, 0.495, 1, 0),
        "translate_x": lambda image: moved(image, 1, 0, 16, 0, 1, 0),
        "translate_y": lambda image: moved(image, 1, 0, 0, 0, 1, 16),
    }
    assert set(expected) == set(tables.TRIVIAL_AUGMENT_WIDE)
    for name in tables.TRIVIAL_AUGMENT_WIDE:
        changed = apply_step(images, step_of(name, 0.5, 2), fill=fill, interpolation="nearest")
        for ours, pixels in zip(changed, images, strict=True):
            theirs = np.asarray(expected[name](Image.fromarray(pixels.permute(1, 2, 0).numpy())))
            is_other = abs(ours.permute(1, 2, 0).int().numpy() - theirs.astype(int)) > 1
            assert is_other.mean() <= (0.003 if name == "rotate" else 0), name


def test_each_image_gets_its_own_operation() -> None:
    images = torch.full((3, 3, 8, 8), 100, dtype=torch.uint8)
    table = tables.AUTO_AUGMENT_CIFAR
    which = np.array([list(table).index("invert"), -1, list(table).index("solarize")])
    step = Step(tuple(table), which, np.array([0.5, 0.5, 0.9]), np.ones(3), table)
    changed = apply_step(images, step, fill=torch.zeros(3, dtype=torch.uint8), interpolation="nearest")
    assert [int(image.unique()) for image in changed] == [155, 100, 155]
    assert (images == 100).all()
