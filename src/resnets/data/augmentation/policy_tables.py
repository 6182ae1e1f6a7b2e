"""The operations of RandAugment, TrivialAugment and AutoAugment, and how strong each magnitude is.

A range turns magnitudes, as shares of the greatest one, into what the operation takes: degrees, bits,
thresholds, factors, shears, or pixels. Signs are +1 or -1, drawn for each image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Operation: TypeAlias = Literal[
    "identity",
    "auto_contrast",
    "equalize",
    "invert",
    "rotate",
    "posterize",
    "solarize",
    "solarize_add",
    "colour",
    "contrast",
    "brightness",
    "sharpness",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
]
Numbers: TypeAlias = NDArray[np.float64]
Range: TypeAlias = Callable[[Numbers, Numbers, int], Numbers]
"""(shares, signs, side of the images in the direction of the operation, in pixels) to strengths."""

Table: TypeAlias = Mapping[Operation, Range]


def _nothing(shares: Numbers, signs: Numbers, side: int) -> Numbers:
    return np.zeros_like(shares)


def _signed(greatest: float) -> Range:
    return lambda shares, signs, side: signs * greatest * shares


def _of_side(greatest: float) -> Range:
    return lambda shares, signs, side: signs * greatest * side * shares


def _away_from_one(greatest: float, *, least: float = 0.0) -> Range:
    return lambda shares, signs, side: np.maximum(least, 1 + signs * greatest * shares)


def _growing_factor(shares: Numbers, signs: Numbers, side: int) -> Numbers:
    return 0.1 + 1.8 * shares


def _whole(part: Range) -> Range:
    return lambda shares, signs, side: np.trunc(part(shares, signs, side))


_COLOURS: tuple[Operation, ...] = ("colour", "contrast", "brightness", "sharpness")
_WITHOUT: tuple[Operation, ...] = ("auto_contrast", "equalize", "invert")

RAND_AUGMENT_PAPER: Table = MappingProxyType(
    {
        "identity": _nothing,
        "auto_contrast": _nothing,
        "equalize": _nothing,
        "rotate": _signed(30),
        "solarize": lambda shares, signs, side: np.minimum(256, np.trunc(256 * shares)),
        "colour": _growing_factor,
        "posterize": lambda shares, signs, side: np.minimum(8, np.trunc(4 * shares)),
        "contrast": _growing_factor,
        "brightness": _growing_factor,
        "sharpness": _growing_factor,
        "shear_x": _signed(0.3),
        "shear_y": _signed(0.3),
        "translate_x": _of_side(100 / 224),
        "translate_y": _of_side(100 / 224),
    }
)
"""The 14 of arXiv:1909.13719, sec. 3, in the ranges of tensorflow/tpu, efficientnet/autoaugment.py;
shares of magnitude 10. There shifts are of up to 100 pixels, for images of 224."""

RAND_AUGMENT_INCREASING: Table = MappingProxyType(
    {
        **dict.fromkeys(_WITHOUT, _nothing),
        "rotate": _signed(30),
        "posterize": lambda shares, signs, side: 4 - np.trunc(4 * np.minimum(1, shares)),
        "solarize": lambda shares, signs, side: 256 - np.minimum(256, np.trunc(256 * shares)),
        "solarize_add": lambda shares, signs, side: np.minimum(128, np.trunc(110 * shares)),
        **dict.fromkeys(_COLOURS, _away_from_one(0.9, least=0.1)),
        "shear_x": _signed(0.3),
        "shear_y": _signed(0.3),
        "translate_x": _of_side(0.45),
        "translate_y": _of_side(0.45),
    }
)
"""timm's `rand-...-inc1`; shares of magnitude 10."""

TRIVIAL_AUGMENT_WIDE: Table = MappingProxyType(
    {
        "identity": _nothing,
        "shear_x": _signed(0.99),
        "shear_y": _signed(0.99),
        "translate_x": _whole(_signed(32)),
        "translate_y": _whole(_signed(32)),
        "rotate": _signed(135),
        **dict.fromkeys(_COLOURS, _away_from_one(0.99)),
        "posterize": lambda shares, signs, side: 8 - np.round(6 * shares),
        "solarize": lambda shares, signs, side: 255 * (1 - shares),
        "auto_contrast": _nothing,
        "equalize": _nothing,
    }
)
"""The 14 of arXiv:2103.10158, table 1, column 'wide'; shares of magnitude 30."""

TRIVIAL_AUGMENT_LEVELS = 31

AUTO_AUGMENT_CIFAR: Table = MappingProxyType(
    {
        **dict.fromkeys(_WITHOUT, _nothing),
        "rotate": _whole(_signed(30)),
        "posterize": lambda shares, signs, side: 4 - np.trunc(4 * shares),
        "solarize": lambda shares, signs, side: 256 - np.trunc(256 * shares),
        **dict.fromkeys(_COLOURS, _growing_factor),
        "shear_x": _signed(0.3),
        "shear_y": _signed(0.3),
        "translate_x": _whole(_signed(10)),
        "translate_y": _whole(_signed(10)),
    }
)
"""tensorflow/models, research/autoaugment/augmentation_transforms.py; shares of magnitude 10."""

SubPolicy: TypeAlias = tuple[tuple[Operation, float, int], tuple[Operation, float, int]]

AUTO_AUGMENT_CIFAR_POLICY: tuple[SubPolicy, ...] = (
    (("invert", 0.1, 7), ("contrast", 0.2, 6)),
    (("rotate", 0.7, 2), ("translate_x", 0.3, 9)),
    (("sharpness", 0.8, 1), ("sharpness", 0.9, 3)),
    (("shear_y", 0.5, 8), ("translate_y", 0.7, 9)),
    (("auto_contrast", 0.5, 8), ("equalize", 0.9, 2)),
    (("shear_y", 0.2, 7), ("posterize", 0.3, 7)),
    (("colour", 0.4, 3), ("brightness", 0.6, 7)),
    (("sharpness", 0.3, 9), ("brightness", 0.7, 9)),
    (("equalize", 0.6, 5), ("equalize", 0.5, 1)),
    (("contrast", 0.6, 7), ("sharpness", 0.6, 5)),
    (("colour", 0.7, 7), ("translate_x", 0.5, 8)),
    (("equalize", 0.3, 7), ("auto_contrast", 0.4, 8)),
    (("translate_y", 0.4, 3), ("sharpness", 0.2, 6)),
    (("brightness", 0.9, 6), ("colour", 0.2, 8)),
    (("solarize", 0.5, 2), ("invert", 0.0, 3)),
    (("equalize", 0.2, 0), ("auto_contrast", 0.6, 0)),
    (("equalize", 0.2, 8), ("equalize", 0.6, 4)),
    (("colour", 0.9, 9), ("equalize", 0.6, 6)),
    (("auto_contrast", 0.8, 4), ("solarize", 0.2, 8)),
    (("brightness", 0.1, 3), ("colour", 0.7, 0)),
    (("solarize", 0.4, 5), ("auto_contrast", 0.9, 3)),
    (("translate_y", 0.9, 9), ("translate_y", 0.7, 9)),
    (("auto_contrast", 0.9, 2), ("solarize", 0.8, 3)),
    (("equalize", 0.8, 8), ("invert", 0.1, 3)),
    (("translate_y", 0.7, 9), ("auto_contrast", 0.9, 1)),
)
"""arXiv:1805.09501, table 7: (operation, probability, magnitude of 10), twice."""
