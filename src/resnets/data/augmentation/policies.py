"""RandAugment, TrivialAugment and AutoAugment: which operation each image gets, and doing it.

The images of a batch that got the same operation go through it together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resnets.data.augmentation import colour, tones
from resnets.data.augmentation.geometry import (
    Interpolation,
    affine,
    rotation_matrices,
    shear_matrices,
    shift_matrices,
)
from resnets.data.augmentation.parameters import Draws, Numbers, Purpose, below
from resnets.data.augmentation.policy_tables import (
    AUTO_AUGMENT_CIFAR,
    AUTO_AUGMENT_CIFAR_POLICY,
    RAND_AUGMENT_INCREASING,
    RAND_AUGMENT_PAPER,
    TRIVIAL_AUGMENT_LEVELS,
    TRIVIAL_AUGMENT_WIDE,
    Operation,
    Table,
)
from resnets.data.augmentation.settings import AutoAugment, RandAugment, TrivialAugment

_GREATEST = 10  # magnitude, at which ranges of AutoAugment and RandAugment end

_OPERATIONS: dict[Operation, Callable[[Tensor, Tensor], Tensor]] = {
    "identity": lambda images, strengths: images,
    "auto_contrast": lambda images, strengths: tones.auto_contrast(images),
    "equalize": lambda images, strengths: tones.equalize(images),
    "invert": lambda images, strengths: tones.invert(images),
    "posterize": tones.posterize,
    "solarize": tones.solarize,
    "solarize_add": tones.solarize_add,
    "colour": colour.saturation,
    "contrast": colour.contrast,
    "brightness": colour.brightness,
    "sharpness": colour.sharpness,
}

_MATRICES: dict[Operation, Callable[[Tensor, tuple[int, int]], Tensor]] = {
    "rotate": lambda degrees, size: rotation_matrices(degrees, size=size),
    "shear_x": lambda shears, size: shear_matrices(shears, torch.zeros_like(shears)),
    "shear_y": lambda shears, size: shear_matrices(torch.zeros_like(shears), shears),
    "translate_x": lambda shifts, size: shift_matrices(shifts, torch.zeros_like(shifts)),
    "translate_y": lambda shifts, size: shift_matrices(torch.zeros_like(shifts), shifts),
}


@dataclass(frozen=True, eq=False)
class Step:
    """One operation for each image.

    Attributes:
        operations: names of what there is.
        which: (N,), the operation of each image; -1 for none.
        shares: (N,), magnitudes, as shares of the greatest.
        signs: (N,), +1 or -1.
        table: how strong they are.
    """

    operations: tuple[Operation, ...]
    which: NDArray[np.int64]
    shares: Numbers
    signs: Numbers
    table: Table

    def strengths(self, name: Operation, at: NDArray[np.int64], size: tuple[int, int]) -> Numbers:
        """How strong an operation is in some of the images.

        Args:
            name: of the operation.
            at: positions of the images.
            size: their width and height.
        """
        side = size[1] if name.endswith("_y") else size[0]
        return self.table[name](self.shares[at], self.signs[at], side)


def draw_steps(policy: RandAugment | TrivialAugment | AutoAugment, draws: Draws) -> Iterator[Step]:
    """Draw what is done to each image.

    Args:
        policy: to follow.
        draws: of the batch.
    """
    if isinstance(policy, RandAugment):
        return _rand_augment(policy, draws)
    if isinstance(policy, TrivialAugment):
        return _trivial_augment(draws)
    return _auto_augment(draws)


def _rand_augment(policy: RandAugment, draws: Draws) -> Iterator[Step]:
    table = RAND_AUGMENT_PAPER if policy.operations == "paper" else RAND_AUGMENT_INCREASING
    drawn = draws.uniform(Purpose.POLICY, 3 * policy.num_operations)
    magnitudes = np.full((len(draws), policy.num_operations), policy.magnitude)
    if policy.magnitude_std:
        noise = draws.normal(Purpose.POLICY_MAGNITUDE, policy.num_operations)
        magnitudes = np.clip(policy.magnitude + policy.magnitude_std * noise, 0, _GREATEST)
    for turn in range(policy.num_operations):
        chosen, applied, sign = drawn[:, 3 * turn : 3 * turn + 3].T
        which = np.where(applied < policy.probability, below(chosen, len(table)), -1)
        yield Step(tuple(table), which, magnitudes[:, turn] / _GREATEST, _signs(sign), table)


def _trivial_augment(draws: Draws) -> Iterator[Step]:
    table = TRIVIAL_AUGMENT_WIDE
    chosen, level, sign = draws.uniform(Purpose.POLICY, 3).T
    shares = below(level, TRIVIAL_AUGMENT_LEVELS) / (TRIVIAL_AUGMENT_LEVELS - 1)
    yield Step(tuple(table), below(chosen, len(table)), shares, _signs(sign), table)


def _auto_augment(draws: Draws) -> Iterator[Step]:
    table, names = AUTO_AUGMENT_CIFAR, tuple(AUTO_AUGMENT_CIFAR)
    drawn = draws.uniform(Purpose.POLICY, 5)
    pairs = below(drawn[:, 0], len(AUTO_AUGMENT_CIFAR_POLICY))
    for turn in range(2):
        rows = [AUTO_AUGMENT_CIFAR_POLICY[pair][turn] for pair in pairs.tolist()]
        probabilities = np.array([probability for _, probability, _ in rows], np.float64)
        shares = np.array([magnitude for *_, magnitude in rows], np.float64) / _GREATEST
        which = np.array([names.index(name) for name, *_ in rows], np.int64)
        which = np.where(drawn[:, 1 + 2 * turn] < probabilities, which, -1)
        yield Step(names, which, shares, _signs(drawn[:, 2 + 2 * turn]), table)


def _signs(draws: Numbers) -> Numbers:
    return np.where(draws < 0.5, -1.0, 1.0)


def apply_step(images: Tensor, step: Step, *, fill: Tensor, interpolation: Interpolation) -> Tensor:
    """Do to each image what was drawn for it.

    Args:
        images: uint8.
        step: what to do.
        fill: (C,), grey levels of what geometric operations leave empty.
        interpolation: of geometric operations.

    Shape:
        (N, C, H, W) -> (N, C, H, W)
    """
    size = images.shape[3], images.shape[2]
    result = images.clone()
    for number, name in enumerate(step.operations):
        at = np.flatnonzero(step.which == number)
        if not len(at):
            continue
        positions = torch.from_numpy(at).to(images.device)
        strengths = torch.from_numpy(step.strengths(name, at, size).astype(np.float32))
        strengths = strengths.to(images.device)
        if name in _MATRICES:
            matrices = _MATRICES[name](strengths, size)
            changed = affine(images[positions], matrices, fill=fill, interpolation=interpolation)
        else:
            changed = _OPERATIONS[name](images[positions], strengths)
        result.index_copy_(0, positions, changed)
    return result
