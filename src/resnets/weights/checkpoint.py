"""Any checkpoint in the wild, reduced to one plain state dict.

A training script may have wrapped the state dict (`state_dict`, `model`, `ema`, ...), other modules may
have wrapped the network (`module.`, `_orig_mod.`, `backbone.`, ...), and optimizers lie beside it. What
was unwrapped and what was left out is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from resnets.errors import WeightsError
from resnets.weights.container import Container, find_container
from resnets.weights.opening import quote, show
from resnets.weights.pickle_reader import Tree, read_pickle
from resnets.weights.safetensors_file import read_header, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

WRAPPERS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "params",
    "weights", "state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema",
)  # fmt: skip
"""Where training scripts put the state dict; of several that fit, the first is taken."""

PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "net.", "network.", "encoder.")
"""What wrapping modules put in front of the names."""


@dataclass(frozen=True)
class Checkpoint:
    """The state dict of a file, and how it was found.

    Attributes:
        path: of the file.
        container: 'safetensors', 'zip' (torch.save) or 'torch pickle' (torch.save before 1.6).
        tensors: the state dict, without wrappers and prefixes; floating-point tensors in float32.
        wrapper: path to it through the dictionaries of the file, such as 'checkpoint.model'; '' if the
            file is the state dict.
        prefix: that was taken off the names.
        ignored: what was left out, with the reason.
        notes: what else was decided, in sentences.
        metadata: of a safetensors file.
    """

    path: Path
    container: Container
    tensors: Mapping[str, Tensor]
    wrapper: str = ""
    prefix: str = ""
    ignored: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_checkpoint(path: str | Path, *, wrapper: str | None = None) -> Checkpoint:
    """Read the state dict in a file of safetensors or of `torch.save`; no code of the file is run.

    Args:
        path: of the file; its name does not matter.
        wrapper: which state dict to take if there are several, such as 'ema'.

    Raises:
        WeightsError: if the file is none, is damaged or not safe, or holds no weights.
    """
    container = find_container(path)
    if container == "hdf5":
        raise WeightsError(f"{quote(path)} is an HDF5 file; weights.hdf5 reads those of Keras")
    if container == "onnx":
        raise WeightsError(
            f"{quote(path)} is an ONNX file: networks are not read from graphs, take the weights that "
            "it was made of"
        )
    metadata: Mapping[str, str] = {}
    if container == "safetensors":
        header = read_header(path)
        metadata = header.metadata
        tree: Tree = {(name,): tensor for name, tensor in read_tensors(path, header).items()}
    else:
        tree = read_pickle(path)
    groups = _group(tree)
    chosen = _choose(groups, wrapper, quote(path))
    ignored = _left_out(groups, chosen)
    notes = []
    if others := _others(groups, chosen):
        taken = f"{'.'.join(chosen)!r}" if chosen else "the one at the top"
        notes.append(f"the file has several state dicts; took {taken}, others are {others}")
    tensors = {name: leaf for name, leaf in groups[chosen].items() if isinstance(leaf, torch.Tensor)}
    tensors, prefix, outside = _strip(tensors)
    ignored |= outside
    tensors, converted = _in_float32(tensors, quote(path))
    return Checkpoint(
        path=Path(path),
        container=container,
        tensors=tensors,
        wrapper=".".join(chosen),
        prefix=prefix,
        ignored=ignored,
        notes=[*notes, *converted],
        metadata=metadata,
    )


Group = dict[str, "Tensor | str"]


def _group(tree: Tree) -> dict[tuple[str, ...], Group]:
    """Collect what lies in the same dictionary."""
    groups: dict[tuple[str, ...], Group] = {}
    for path, leaf in tree.items():
        if path:
            groups.setdefault(path[:-1], {})[path[-1]] = leaf
    return groups


def _num_weights(group: Group) -> int:
    """How many tensors look like weights of layers and not like an optimizer's state."""
    return sum(
        isinstance(leaf, torch.Tensor) and leaf.ndim in (2, 4) and name.endswith("weight")
        for name, leaf in group.items()
    )


def _rank(path: tuple[str, ...]) -> tuple[int, int]:
    """Plain before averaged, known before unknown names, outer before inner."""
    places = [WRAPPERS.index(name) if name in WRAPPERS else len(WRAPPERS) for name in path]
    averaged = any("ema" in name.lower().split("_") for name in path)
    return (averaged, max(places, default=-1))


def _choose(groups: Mapping[tuple[str, ...], Group], wrapper: str | None, shown: str) -> tuple[str, ...]:
    candidates = [path for path, group in groups.items() if _num_weights(group)]
    if wrapper is not None:
        fits = [p for p in candidates if wrapper in (".".join(p), *p)]
        if not fits:
            known = ", ".join(repr(".".join(path)) for path in candidates) or "none"
            raise WeightsError(f"{shown} has no state dict {wrapper!r}; it has {known}")
        return min(fits, key=_rank)
    if not candidates:
        raise WeightsError(f"{shown} holds no weights: no tensor in it is a layer's weight")
    most = max(_num_weights(groups[path]) for path in candidates)
    large = [path for path in candidates if _num_weights(groups[path]) * 2 > most]
    return min(large, key=_rank)


def _others(groups: Mapping[tuple[str, ...], Group], chosen: tuple[str, ...]) -> str:
    least = _num_weights(groups[chosen]) // 2
    others = [path for path, g in groups.items() if path != chosen and _num_weights(g) > least]
    return ", ".join(repr(".".join(path)) for path in others)


def _left_out(groups: Mapping[tuple[str, ...], Group], chosen: tuple[str, ...]) -> dict[str, str]:
    """What is not taken, with the reason; all of one dictionary counts as one entry."""
    ignored: dict[str, str] = {}
    for path, members in groups.items():
        if path == chosen[: len(path)]:
            for name, leaf in members.items():
                if not isinstance(leaf, torch.Tensor):
                    ignored[".".join((*path, name))] = f"{leaf}, not a tensor"
                elif path != chosen:
                    ignored[".".join((*path, name))] = "not in the state dict that was taken"
        else:
            common = next(i for i, name in enumerate(path) if chosen[i : i + 1] != (name,))
            ignored[".".join(path[: common + 1])] = "not in the state dict that was taken"
    return ignored


def _strip(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], str, dict[str, str]]:
    """Take off the prefixes that every convolution has, in any combination."""
    stripped = ""
    ignored: dict[str, str] = {}
    while True:
        matter = [name for name, tensor in tensors.items() if tensor.ndim == 4] or list(tensors)
        prefix = next((p for p in PREFIXES if all(name.startswith(p) for name in matter)), None)
        if prefix is None:
            return tensors, stripped, ignored
        inside = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        has_head = any(t.ndim == 2 and n.endswith("weight") for n, t in inside.items())
        for name, tensor in tensors.items():
            if name.startswith(prefix):
                continue
            # A classifier beside the network (`backbone.`, `head.`) belongs to it.
            if not has_head and tensor.ndim in (1, 2) and name.endswith(("weight", "bias")):
                inside[name] = tensor
            else:
                ignored[name] = f"outside of {(stripped + prefix)!r}"
        tensors, stripped = inside, stripped + prefix


def _in_float32(tensors: dict[str, Tensor], shown: str) -> tuple[dict[str, Tensor], list[str]]:
    kinds = {t.dtype for t in tensors.values() if t.is_floating_point()} - {torch.float32}
    result = {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}
    bad = [name for name, tensor in result.items() if not tensor.isfinite().all()]
    if bad:
        raise WeightsError(
            f"{shown} has {len(bad)} of {len(result)} tensors with values that are not finite numbers, "
            f"first {show(bad[0])}; training had diverged, or the file is damaged"
        )
    names = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
    return result, [f"converted from {names} to float32"] if kinds else []
