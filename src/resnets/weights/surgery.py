"""Weights of one network in another with another head, channels or stem; each change has its reason."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from resnets.errors import WeightsMismatchError

_HEAD = "classifier."


def fit_tensors(
    tensors: Mapping[str, Tensor], target: nn.Module
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Change tensors so that they fit a network.

    The classifier of another number of classes starts anew. The first convolution is adapted to other
    channels so that an image with the same value in each gives the same response, and from 7x7 to 3x3
    pixels so that an image shrunk by 7/3 does.

    Args:
        tensors: of a network of the same architecture, with our names.
        target: the network to fill, with the values that it starts with.

    Returns:
        All tensors of the target, and a sentence for each change.

    Raises:
        WeightsMismatchError: if the networks differ in more than that.
    """
    fitted: dict[str, Tensor] = {}
    notes: list[str] = []
    expected = target.state_dict()
    first = next((name for name, tensor in expected.items() if tensor.ndim == 4), "")
    fresh = [name for name in expected if name.startswith(_HEAD) and not _same(tensors, name, expected)]
    for name, tensor in expected.items():
        if name in fresh:
            fitted[name] = tensor
        elif _same(tensors, name, expected):
            fitted[name] = tensors[name]
        elif name == first and name in tensors:
            fitted[name], changes = fit_first_convolution(tensors[name], tensor.shape)
            notes += changes
    missing = expected.keys() - fitted.keys()
    left = {name for name in tensors.keys() - expected.keys() if not name.startswith(_HEAD)}
    if missing or left:
        example = min(missing | left)
        raise WeightsMismatchError(
            f"these weights do not fit the network: {len(missing)} of its {len(expected)} tensors have "
            f"none of their shape and {len(left)} of the weights have no place, first {example!r}. Only "
            "num_classes, in_channels, image_size, the stem and what has no weights may differ"
        )
    if fresh:
        notes.append(_explain_head(tensors, expected))
    return fitted, tuple(notes)


def _same(tensors: Mapping[str, Tensor], name: str, expected: Mapping[str, Tensor]) -> bool:
    return name in tensors and tensors[name].shape == expected[name].shape


def _explain_head(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    def outputs(of: Mapping[str, Tensor]) -> int | None:
        biases = [tensor for name, tensor in of.items() if name.startswith(_HEAD) and tensor.ndim == 1]
        return len(biases[-1]) if biases else None

    had, has = outputs(tensors), outputs(expected)
    why = (
        "the weights have no classifier"
        if had is None
        else f"{had} classes became {has}"
        if had != has
        else "its input has another size"
    )
    return f"the classifier starts from random values: {why}; train it before use"


def fit_first_convolution(kernel: Tensor, shape: torch.Size) -> tuple[Tensor, list[str]]:
    """Adapt the first convolution to other channels and to a smaller kernel.

    Args:
        kernel: (C', C, K, K).
        shape: that is needed: (C', D, L, L) with L at most K.

    Returns:
        The kernel, and a sentence for each change.

    Raises:
        WeightsMismatchError: if it has another number of filters, or is smaller than what is needed.
    """
    notes: list[str] = []
    if kernel.shape[0] != shape[0] or kernel.shape[-1] < shape[-1]:
        raise WeightsMismatchError(
            f"the first convolution has the shape {tuple(kernel.shape)}, {tuple(shape)} is needed"
        )
    if kernel.shape[1] != shape[1]:
        notes.append(
            f"the first convolution takes {shape[1]} channels instead of {kernel.shape[1]}: "
            + ("its filters are summed" if shape[1] == 1 else "its filters are repeated and balanced")
        )
        kernel = fit_channels(kernel, shape[1])
    if kernel.shape[-1] != shape[-1]:
        notes.append(
            f"the first convolution is {shape[-1]}x{shape[-1]} instead of {kernel.shape[-1]}x"
            f"{kernel.shape[-1]}, its filters shrunk: for images that are small from the start"
        )
        kernel = shrink_kernel(kernel, shape[-1])
    return kernel, notes


def fit_channels(kernel: Tensor, in_channels: int) -> Tensor:
    """Let a convolution take other channels; an image with the same value in each gives the same.

    Args:
        kernel: (C', C, K, K).
        in_channels: D.

    Shape:
        (C', C, K, K) -> (C', D, K, K)
    """
    if in_channels == 1:
        return kernel.sum(1, keepdim=True)
    given = kernel.shape[1]
    repeated = kernel[:, [i % given for i in range(in_channels)]]
    total, new = kernel.sum(1, keepdim=True), repeated.sum(1, keepdim=True)
    return repeated + (total - new) / in_channels


def shrink_kernel(kernel: Tensor, size: int) -> Tensor:
    """Resample a kernel by areas, so that it sees in an image what it saw in an enlarged one.

    Args:
        kernel: (C', C, K, K).
        size: L, at most K.

    Shape:
        (C', C, K, K) -> (C', C, L, L), with the same sum
    """
    old = kernel.shape[-1]
    edges = torch.arange(size + 1, dtype=torch.float64) * old / size
    pixels = torch.arange(old, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    shares = overlap.clamp(min=0).to(kernel.dtype)  # (L, K); each column sums to 1
    return torch.einsum("ip,ocpq,jq->ocij", shares, kernel, shares)
