"""Numbers and layout of a training, by rule and not by a race, so that a seed gives one result.

Measured on two kinds of processor that have instructions for bf16 and on the same without them
(`docs/training_choices.md`): with the instructions, bf16 under autocast is 1.4 to 3.2 times as fast as
float32 for every network that was tried, from 8 channels to 640; without them it is slower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from resnets.training.machine import Machine

Precision = Literal["float32", "bf16", "fp16"]


@dataclass(frozen=True)
class PrecisionChoice:
    """Numbers and layout.

    Attributes:
        precision: of convolutions and matrix products; weights, norms and losses stay float32.
        channels_last: an image's channels lie next to each other in memory.
        reason: for the precision.
        layout_reason: for the layout.
    """

    precision: Precision
    channels_last: bool
    reason: str
    layout_reason: str


def choose_precision(machine: Machine) -> PrecisionChoice:
    """Choose what is fast on a kind of machine.

    bf16 where the device multiplies bf16 numbers: it has float32's range, so that nothing overflows and
    no loss needs scaling (Kalamkar et al. 2019, arXiv:1905.12322). fp16 on GPUs without it (Micikevicius
    et al. 2017, arXiv:1710.03740). Else float32. Channels last on processors and Nvidia's GPUs, whose
    convolutions are written for it.

    Args:
        machine: what the training runs on.
    """
    if machine.device == "mps":
        return PrecisionChoice(
            "float32",
            False,
            "the safe choice for a device on which nothing was measured",
            "the layout that every operation of this device has",
        )
    if machine.device == "cuda":
        if machine.has_bf16:
            reason = "this GPU multiplies bf16 numbers several times as fast as float32"
            return PrecisionChoice("bf16", True, reason, "tensor cores read images this way")
        reason = "this GPU has tensor cores for fp16 and not for bf16"
        return PrecisionChoice("fp16", True, reason, "tensor cores read images this way")
    layout = "convolutions of this processor are up to 1.5 times as fast this way"
    if machine.has_bf16:
        reason = "this processor multiplies bf16 numbers, which is 1.4 to 3.2 times as fast as float32"
        return PrecisionChoice("bf16", True, reason, layout)
    reason = "this processor has no instructions for bf16, and emulating them is slower"
    return PrecisionChoice("float32", True, reason, layout)
