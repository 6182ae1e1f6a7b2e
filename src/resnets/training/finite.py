"""Gradients' length, and where in a network numbers stop being finite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def gradient_norm(parameters: Iterable[Tensor]) -> Tensor:
    """Length of all gradients as one vector; not finite if one of them is not.

    Args:
        parameters: those without a gradient count as zero.
    """
    return nn.utils.get_total_norm(
        [parameter.grad for parameter in parameters if parameter.grad is not None]
    )


def clip_gradients(parameters: Iterable[Tensor], norm: Tensor, longest: float) -> None:
    """Scale gradients down, all by the same factor, if they are longer than allowed.

    Args:
        parameters: that have them.
        norm: from `gradient_norm`.
        longest: largest norm that they may have.
    """
    nn.utils.clip_grads_with_norm_(parameters, longest, norm)


def find_nonfinite(
    network: nn.Module,
    images: Tensor,
    targets: Tensor,
    loss_of: Callable[[Tensor, Tensor], Tensor],
) -> str:
    """Say where the numbers of a step are first not finite.

    Looked at are, in this order, the images, the weights, each module's output in another forward pass,
    the loss, and the gradients that the step left behind. Batch norm statistics are not: those behind
    the place took in what came from there. The network is afterwards as it was.

    Args:
        network: whose loss or gradients are not finite.
        images: of the step.
        targets: of the step.
        loss_of: gives the loss of images and targets, by the network.

    Returns:
        A clause that names the place, to be continued.
    """
    named = [("the images have", images)]
    named += [(f"the weights {name} have", weight) for name, weight in network.named_parameters()]
    broken = next((_describe(has, tensor) for has, tensor in named if _count(tensor)), None)
    return broken or _in_forward(network, images, targets, loss_of) or _in_gradients(network)


def _in_forward(
    network: nn.Module,
    images: Tensor,
    targets: Tensor,
    loss_of: Callable[[Tensor, Tensor], Tensor],
) -> str | None:
    found: list[str] = []

    def look(name: str, output: object) -> None:
        if not found and isinstance(output, Tensor) and _count(output):
            found.append(_describe(f"{name} gives", output))

    with _unchanged(network, images.device), torch.no_grad():
        hooks = [
            module.register_forward_hook(lambda _, __, output, name=name: look(name, output))
            for name, module in network.named_modules()
            if name
        ]
        try:
            # A compiled network has no modules that could be watched.
            with torch.compiler.set_stance("force_eager"):
                loss = loss_of(images, targets)
        finally:
            for hook in hooks:
                hook.remove()
    look("the loss function", loss)
    return found[0] if found else None


def _in_gradients(network: nn.Module) -> str:
    """Look from the scores to the images, as gradients are computed."""
    gradients = [
        (name, parameter.grad)
        for name, parameter in reversed(list(network.named_parameters()))
        if parameter.grad is not None
    ]
    broken = [(name, gradient) for name, gradient in gradients if _count(gradient)]
    if not broken:
        return "every number of the step is finite by itself, but not the norm of all gradients"
    return _describe(f"the forward pass is finite, but the gradient of {broken[0][0]} has", broken[0][1])


@contextmanager
def _unchanged(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Put batch norm statistics and random numbers back to what they were."""
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.no_grad():
        try:
            yield
        finally:
            for buffer, before in buffers:
                buffer.copy_(before)


def _count(tensor: Tensor) -> int:
    return tensor.numel() - int(tensor.isfinite().sum())


def _describe(has: str, tensor: Tensor) -> str:
    num_nan = int(tensor.isnan().sum())
    kinds = [(num_nan, "NaN"), (_count(tensor) - num_nan, "infinite")]
    counts = " and ".join(f"{count:,} {kind}" for count, kind in kinds if count)
    return f"{has} {counts} values of {tensor.numel():,}"
