"""Which stem a network gets, and what it does to the resolution; plain data, no torch."""

from __future__ import annotations

from typing import Literal

StemKind = Literal["imagenet", "deep", "small", "cifar"]

_STRIDES: dict[StemKind, int] = {"imagenet": 4, "deep": 4, "small": 2, "cifar": 1}


def stem_stride(kind: StemKind) -> int:
    """Pixels of the image per pixel of the stem's output."""
    return _STRIDES[kind]


def choose_stem(stem: StemKind | None, image_size: int | None) -> StemKind:
    """Choose the stem that leaves a four-stage network a last map of at least 4x4.

    Args:
        stem: the user's choice, or None.
        image_size: in pixels, or None for the paper's.

    Example:
        >>> [choose_stem(None, size) for size in (None, 224, 64, 32)]
        ['imagenet', 'imagenet', 'small', 'cifar']
    """
    if stem is not None:
        return stem
    if image_size is None or image_size >= 128:
        return "imagenet"
    return "small" if image_size >= 64 else "cifar"
