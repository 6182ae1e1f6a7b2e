"""Depth that varies in training: which units run in the next step.

Everything here gives gates for `resnets.set_gates`; the training loop hands them in, the same on every
process, and `forward` stays free of chance.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from resnets.errors import ConfigError, UnsupportedError
from resnets.networks.gates import current_gates, gateable_units, network_units, set_gates
from resnets.networks.initialization import silence_residual
from resnets.units.merges import Add
from resnets.units.residual_unit import ResidualUnit


def survival_probabilities(network: nn.Module, *, last: float = 0.5) -> tuple[float, ...]:
    """The probability with which each unit runs: 1 at the start, falling linearly to the last unit's.

    p_l = 1 - l / L (1 - p_L), with the units that change the shape counted: Huang et al. 2016,
    arXiv:1603.09382, eq. 4, and their code. In evaluation the same numbers are the gates (eq. 5).

    Args:
        network: of residual units, all of which add.
        last: p_L, above 0, at most 1; the paper takes 0.5.

    Raises:
        ConfigError: if `last` is not a probability above 0.
        UnsupportedError: if a unit cannot be switched off.

    Example:
        >>> import resnets
        >>> survival_probabilities(resnets.create_model("resnet14"))[-1]
        0.5
    """
    if not 0.0 < last <= 1.0:
        raise ConfigError("stochastic depth", [f"last must be above 0 and at most 1, got {last}"])
    _require_gateable(network)
    num_units = len(network_units(network))
    return tuple(1 - place / num_units * (1 - last) for place in range(1, num_units + 1))


def draw_gates(
    probabilities: Sequence[float], *, generator: torch.Generator | None = None
) -> tuple[float, ...]:
    """Draw for one mini-batch which units run: 1 with the unit's probability, else 0.

    Huang et al. 2016, arXiv:1603.09382, eq. 2, one gate per unit and mini-batch, as the authors do.

    Args:
        probabilities: from `survival_probabilities`.
        generator: of the random numbers; give every process one with the same seed.
    """
    draws = torch.rand(len(probabilities), generator=generator).tolist()
    return tuple(
        float(draw < probability) for draw, probability in zip(draws, probabilities, strict=True)
    )


def every_kth_unit(network: nn.Module, k: int) -> tuple[float, ...]:
    """Gates for progressive depth: in each stage the first unit and every k-th after it.

    Args:
        network: of residual units, all of which add.
        k: 1 for all units.

    Raises:
        ConfigError: if k is below 1.
        UnsupportedError: if a unit cannot be switched off.

    Example:
        >>> import resnets
        >>> every_kth_unit(resnets.create_model("resnet26"), 2)
        (1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0)
    """
    if k < 1:
        raise ConfigError("progressive depth", [f"k must be at least 1, got {k}"])
    _require_gateable(network)
    places: dict[str, int] = {}
    gates: list[float] = []
    for name in network_units(network):
        stage = name.rpartition(".")[0]
        place = places.setdefault(stage, 0)
        places[stage] += 1
        gates.append(float(place % k == 0))
    return tuple(gates)


def expand(network: nn.Module, gates: Sequence[float] | None = None) -> tuple[str, ...]:
    """Open units that are switched off, each as the identity: the output does not change.

    The last norm of F (of a pre-activation unit: its last convolution) is set to zero, as Goyal et al.
    2017, arXiv:1706.02677, sec. 5.1, start a network. An optimizer that was made before keeps its
    momentum for these parameters, which is zero as they got no gradients.

    Args:
        network: with gates from `every_kth_unit` or others.
        gates: that hold afterwards. [all open]

    Returns:
        Names of the units that were opened.

    Raises:
        UnsupportedError: if a unit's residual does not end in a norm or a convolution.
    """
    units = network_units(network)
    after = [gate or 1.0 for gate in current_gates(network)] if gates is None else list(gates)
    opened = [
        name
        for (name, unit), gate in zip(units.items(), after, strict=True)
        if unit.gate == 0.0 and gate != 0.0
    ]
    for name in opened:
        silence_residual(units[name])
    set_gates(network, after)
    return tuple(opened)


@torch.no_grad()
def fold_gates(network: nn.Module) -> None:
    """Multiply the gates into the weights, and open all units: the output does not change.

    So a network trained with stochastic depth becomes an ordinary one, whose file needs no gates: the
    last layer of each F, a norm or a convolution, is linear in its weight and bias.

    Args:
        network: with gates.

    """
    for name, unit in network_units(network).items():
        if unit.gate != 1.0:
            for parameter in last_layer(name, unit).parameters():
                parameter.mul_(unit.gate)
    set_gates(network, None)


def last_layer(name: str, unit: ResidualUnit) -> nn.Module:
    """The layer that a gate can become part of.

    Args:
        name: of the unit.
        unit: with a gate.

    Raises:
        UnsupportedError: if there is none.
    """
    last = list(unit.residual.children())[-1]
    if not isinstance(unit.merge, Add) or not isinstance(last, _BatchNorm | nn.Conv2d):
        raise UnsupportedError(
            f"the gate of {name} cannot become part of its weights: only a unit that adds can take "
            "it, and whose residual ends in a norm or a convolution. Use drop_path_rate, which "
            "needs none"
        )
    return last


def _require_gateable(network: nn.Module) -> None:
    fixed = [
        name
        for name, can in zip(network_units(network), gateable_units(network), strict=True)
        if not can
    ]
    if fixed or not network_units(network):
        what = f"{fixed[0]} has no shortcut to fall back on" if fixed else "it has no residual units"
        raise UnsupportedError(f"the depth of this network cannot vary: {what}")
