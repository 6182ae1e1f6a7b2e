"""The optimizer of a network: groups of parameters, each with its decay and its share of the rate.

Groups stand in the order of the network, and parameters in theirs, as the state of an optimizer is
stored by position. The fused forms of SGD and AdamW change all parameters in one pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from resnets.recipes.settings import TrainingSettings
from resnets.training.freezing import freeze, parts
from resnets.training.lamb import Lamb

_FUSED = ("cpu", "cuda")
_WHOLE = "network"


def make_optimizer(
    network: nn.Module, settings: TrainingSettings, *, learning_rate: float
) -> torch.optim.Optimizer:
    """Make the optimizer that settings ask for; parts that never learn are frozen and left out.

    Each group has a 'name' and a 'scale', its share of the learning rate: 1, or with `fine_tuning` by
    the distance from the classifier. What follows the last stage (the norm of a pre-activation network)
    belongs to it.

    Args:
        network: to train, on its device.
        settings: of the training.
        learning_rate: for the first step, before it is scaled.

    Raises:
        ConfigError: if a part to freeze is unknown, or nothing is left to learn.
        UnsupportedError: if settings treat parts differently and the network has none.
    """
    freeze(network, settings.freeze)
    chosen = settings.optimizer
    groups = _groups(network, settings)
    for group in groups:
        group["lr"] = learning_rate * group["scale"]
    if chosen.name == "lamb":
        return Lamb(groups, lr=learning_rate, betas=chosen.betas, eps=chosen.epsilon)
    fused = True if groups[0]["params"][0].device.type in _FUSED else None
    for group in groups:
        del group["adapts"]
    if chosen.name == "adamw":
        return torch.optim.AdamW(
            groups, lr=learning_rate, betas=chosen.betas, eps=chosen.epsilon, fused=fused
        )
    optimizer = torch.optim.SGD(
        groups,
        lr=learning_rate,
        momentum=chosen.momentum,
        nesterov=chosen.nesterov and chosen.momentum > 0,  # without momentum nothing lies ahead
        fused=fused,
    )
    if chosen.momentum:
        # The fused form fails where some parameters of a group got their first gradient later than
        # others, as in units that are skipped at random; from zero it need not begin anything.
        for parameter in (parameter for group in groups for parameter in group["params"]):
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Give each group its share of a learning rate.

    Args:
        optimizer: from `make_optimizer`.
        learning_rate: of the classifier, or of all.
    """
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["scale"]


def _groups(network: nn.Module, settings: TrainingSettings) -> list[dict[str, Any]]:
    decay = settings.optimizer.weight_decay
    groups: list[dict[str, Any]] = []
    for name, part, scale in _scaled_parts(network, settings):
        parameters = [parameter for parameter in part.parameters() if parameter.requires_grad]
        if settings.optimizer.decay == "weights":
            # Biases and the parameters of norms are vectors, and nothing else is.
            vectors = [parameter for parameter in parameters if parameter.ndim < 2]
            parameters = [parameter for parameter in parameters if parameter.ndim >= 2]
        else:
            vectors = []
        common = {"name": name, "scale": scale}
        if parameters:
            groups.append({"params": parameters, "weight_decay": decay, "adapts": True, **common})
        if vectors:
            common["name"] = f"{name}, biases and norms"
            groups.append({"params": vectors, "weight_decay": 0.0, "adapts": False, **common})
    return groups


def _scaled_parts(network: nn.Module, settings: TrainingSettings) -> list[tuple[str, nn.Module, float]]:
    tuning = settings.fine_tuning
    if tuning is None:
        return [(_WHOLE, network, 1.0)]
    found = parts(network)
    steps = [name for name in found if name not in {"final", "norm"}]
    scales = {name: tuning.stage_decay**distance for distance, name in enumerate(reversed(steps))}
    scales["final"] = scales["norm"] = tuning.stage_decay
    return [(name, part, scales[name]) for name, part in found.items()]
