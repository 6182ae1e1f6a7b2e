"""How open the gates of a highway network are, and what skipping the closed ones costs.

Srivastava et al. 2015, arXiv:1507.06228, sec. 5, look at the gates of trained networks in this way.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from resnets.errors import UnsupportedError
from resnets.networks.gates import current_gates, network_units, set_gates
from resnets.units.highway import GatedMerge


@dataclass(frozen=True)
class SkippedUnits:
    """What skipping closed units does to a network.

    Attributes:
        names: of the units that are skipped from now on.
        largest_difference: of any score, on the images that were looked at.
        agreement: share of these images whose best class stays the same, 0 to 1.
    """

    names: tuple[str, ...]
    largest_difference: float
    agreement: float


@torch.no_grad()
def gate_openness(network: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Say how open the gate T of each highway unit is, for each image.

    Args:
        network: with highway units; its mode stays as it is.
        images: a batch.

    Shape:
        {unit: (N,)}, each the mean of T over channels and pixels, between 0 and 1

    Raises:
        UnsupportedError: if the network has no highway units.
    """
    openness: dict[str, Tensor] = {}
    handles = [
        unit.merge.gate.register_forward_hook(
            lambda _module, _input, output, name=name: openness.update(
                {name: output.mean(dim=(1, 2, 3))}
            )
        )
        for name, unit in network_units(network).items()
        if isinstance(unit.merge, GatedMerge)
    ]
    if not handles:
        raise UnsupportedError("this network has no highway units, whose gates could be read")
    try:
        network(images)
    finally:
        for handle in handles:
            handle.remove()
    return openness


@torch.no_grad()
def skip_closed_units(network: nn.Module, images: Tensor, *, threshold: float = 0.05) -> SkippedUnits:
    """Skip the highway units whose gate stays below a threshold on every image, and say what it costs.

    Args:
        network: with highway units, in evaluation mode; `resnets.set_gates(network, None)` undoes it.
        images: a batch that stands for those to come.
        threshold: of the mean openness, 0 to 1.

    Raises:
        UnsupportedError: if the network has no highway units.
    """
    openness = gate_openness(network, images)
    before: Tensor = network(images)
    names = tuple(name for name, values in openness.items() if float(values.max()) < threshold)
    gates = [
        0.0 if name in names else gate
        for name, gate in zip(network_units(network), current_gates(network), strict=True)
    ]
    set_gates(network, gates)
    after: Tensor = network(images)
    same = before.argmax(dim=1) == after.argmax(dim=1)
    return SkippedUnits(
        names=names,
        largest_difference=float((after - before).abs().max()),
        agreement=float(same.float().mean()),
    )
