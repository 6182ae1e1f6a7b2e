"""Parts of a network that do not learn: no gradients, and batch norms that keep their statistics."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from resnets.errors import ConfigError, UnsupportedError, suggest
from resnets.networks.recurrent import ResidualRNN
from resnets.networks.residual_network import ResidualNetwork


def parts(network: nn.Module) -> dict[str, nn.Module]:
    """The parts of a network that have parameters, by name, from the images to the scores.

    Args:
        network: a chain of stem, stages and classifier, as all our classifiers are.

    Raises:
        UnsupportedError: if it is none, such as a U, or has no classifier.

    Example:
        >>> import resnets
        >>> list(parts(resnets.create_model("resnetv2_20")))
        ['stem', 'stages.0', 'stages.1', 'stages.2', 'final', 'classifier']
    """
    if isinstance(network, ResidualNetwork):
        chain, last = "stages", "final"
    elif isinstance(network, ResidualRNN):
        chain, last = "layers", "norm"
    else:
        raise UnsupportedError(
            "this network cannot be trained part by part: it must be a chain of stem, stages and "
            f"classifier, got {type(network).__name__}"
        )
    links = [f"{chain}.{name}" for name, _ in network.get_submodule(chain).named_children()]
    named = {name: network.get_submodule(name) for name in ("stem", *links, last, "classifier")}
    found = {name: part for name, part in named.items() if any(True for _ in part.parameters())}
    if "classifier" not in found:
        raise UnsupportedError(
            "this network cannot be trained part by part: it has no classifier. Make it with "
            "include_top=True and num_classes"
        )
    return found


def freeze(network: nn.Module, names: Sequence[str]) -> None:
    """Let parts never learn: no gradients, and evaluation mode.

    Args:
        network: which has them.
        names: of modules, such as 'stem', 'stages.0' or 'stages.0.units.1'.

    Raises:
        ConfigError: if a name is unknown, or nothing is left to learn.
    """
    modules = dict(network.named_modules())
    problems = [
        _unknown(name, network, modules) for name in names if not modules.keys() & {name} or not name
    ]
    if problems:
        raise ConfigError("freeze", problems)
    for name in names:
        modules[name].eval().requires_grad_(False)
        modules[name].zero_grad(set_to_none=True)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ConfigError("freeze", [f"{', '.join(names)}: nothing is left to learn"])


def set_training_mode(network: nn.Module, frozen: Sequence[str], *, head_only: bool = False) -> None:
    """Put a network into the mode that training needs, whatever mode it was in.

    What does not learn is in evaluation mode: batch norms use their statistics and keep them, dropout is
    off. It gets no gradients, which saves their time, and optimizers leave parameters without gradients
    as they are: no weight decay, no momentum.

    Args:
        network: to train.
        frozen: names of parts that never learn.
        head_only: only the classifier learns.
    """
    network.requires_grad_(not head_only).train(not head_only)
    if head_only:
        network.zero_grad(set_to_none=True)
        parts(network)["classifier"].requires_grad_().train()
    freeze(network, frozen)


def _unknown(name: str, network: nn.Module, modules: dict[str, nn.Module]) -> str:
    close = suggest(name, filter(None, modules), count=1)
    guess = f"did you mean {close}?" if close else "known are "
    if not close:
        guess += ", ".join(name for name, _ in network.named_children()) + " and what is in them"
    return f"{name!r} is no part of this network, {guess}"
