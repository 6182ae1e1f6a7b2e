from __future__ import annotations

from dataclasses import replace

import pytest
from tests.training.situations import GPU, LAPTOP

from resnets.training.machine import Machine
from resnets.training.precision import choose_precision


@pytest.mark.parametrize(
    ("machine", "precision", "channels_last"),
    [
        (LAPTOP, "bf16", True),
        (replace(LAPTOP, has_bf16=False), "float32", True),
        (GPU, "bf16", True),
        (replace(GPU, has_bf16=False), "fp16", True),
        (replace(LAPTOP, device="mps"), "float32", False),
    ],
)
def test_precision_follows_the_kind_of_machine(
    machine: Machine, precision: str, channels_last: bool
) -> None:
    choice = choose_precision(machine)
    assert (choice.precision, choice.channels_last) == (precision, channels_last)
    # Neither load nor size matters: a busy machine trains as an idle one does.
    busy = replace(machine, available_bytes=1, cores=64)
    assert choose_precision(busy) == choice
