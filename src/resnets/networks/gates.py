"""Gates: one number per unit that its residual is multiplied by; at 0 the residual does not run.

They serve whatever makes depth vary: stochastic depth per mini-batch (0 or 1 in training, the survival
probabilities in evaluation: Huang et al. 2016, arXiv:1603.09382, eq. 2 and 5), progressive depth,
elastic depth at inference, lesion studies. A training loop draws them and hands them in before each
step, so that `forward` has no random branch and all processes skip the same units. They are plain
numbers: an exported network leaves out the units that are switched off. A compiled network is compiled
anew for each pattern of gates; `drop_path_rate`, which draws per image, is the alternative that is not.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from resnets.errors import GateError
from resnets.units.residual_unit import ResidualUnit


def network_units(network: nn.Module) -> dict[str, ResidualUnit]:
    """The units of a network by their names, in the order in which they run."""
    return {name: module for name, module in network.named_modules() if isinstance(module, ResidualUnit)}


def set_gates(network: nn.Module, gates: Sequence[float] | None) -> None:
    """Hand in the gates that hold from now on.

    Args:
        network: with residual units.
        gates: one per unit, in the order in which they run; None opens all.

    Raises:
        GateError: if there is not one gate per unit, or a unit cannot be gated.

    Example:
        >>> import resnets
        >>> network = resnets.create_model("resnet20")
        >>> set_gates(network, [1, 0, 1] * 3)  # runs six of nine residuals
    """
    units = network_units(network)
    if gates is None:
        gates = [1.0] * len(units)
    if len(gates) != len(units):
        raise GateError(f"expected one gate for each of the {len(units)} units; got {len(gates)}")
    for (name, unit), gate in zip(units.items(), gates, strict=True):
        if gate != 1.0 and not unit.is_gateable:
            raise GateError(
                f"{name} cannot be gated: it has no shortcut that would be left without its residual"
            )
    for unit, gate in zip(units.values(), gates, strict=True):
        unit.gate = float(gate)


def current_gates(network: nn.Module) -> tuple[float, ...]:
    """The gates that hold now, in the order in which the units run."""
    return tuple(unit.gate for unit in network_units(network).values())


def gateable_units(network: nn.Module) -> tuple[bool, ...]:
    """For each unit, whether it can be gated: it adds, or mixes by a gate of its own."""
    return tuple(unit.is_gateable for unit in network_units(network).values())
