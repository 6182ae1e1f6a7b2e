"""Trying one table of names on a state dict: which network of ours these tensors fill, if any."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from resnets.architectures.creation import create_model
from resnets.weights.architecture_naming import name_architecture
from resnets.weights.from_torchvision import modern_name
from resnets.weights.layout import Table
from resnets.weights.opening import show
from resnets.weights.renaming import Rule, Rules
from resnets.weights.structure import read_structure

if TYPE_CHECKING:
    from torch import Tensor, nn

Tensors = Mapping[str, "Tensor"]

_OTHERWISE = {
    "spatial": "first",
    "first": "spatial",
    "own": "shared",
    "raw": "preactivated",
    "preactivated": "raw",
    "ceil": "padded",
    "A": "A-end",
    "B": "C",
    "B-pool": "B",
}
"""The other thing that code could do, by what was assumed."""


@dataclass(frozen=True)
class Assumption:
    """What tensors cannot tell, and what was taken for it.

    Attributes:
        what: an option, or a part of the preprocessing.
        value: that was taken.
        why: the convention of the layout of origin.
        override: the option that says otherwise.
    """

    what: str
    value: object
    why: str
    override: str


@dataclass(frozen=True)
class Match:
    """Weights and the network that they fill.

    Attributes:
        table: of names.
        architecture: of ours.
        options: that differ from the architecture's.
        tensors: with our names and shapes, for every parameter and buffer.
        sources: our name to theirs.
        assumed: what shapes do not tell.
        filled: buffers that the file lacks, set to what training starts with.
        dropped: their names that were left out because the options say so.
    """

    table: Table
    architecture: str
    options: Mapping[str, Any]
    tensors: Tensors
    sources: Mapping[str, str]
    assumed: tuple[Assumption, ...]
    filled: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class Mismatch:
    """Why a table does not fit.

    Attributes:
        table: of names.
        placed: how many names it knows.
        reason: the rest of a sentence about the weights.
        architecture: the nearest one, if there is any.
    """

    table: Table
    placed: int
    reason: str
    architecture: str | None = None


def match_table(tensors: Tensors, table: Table, options: Mapping[str, Any]) -> Match | Mismatch:
    """Try a table of names.

    Args:
        tensors: a state dict with their names.
        table: to try.
        options: that the user knows better than the layout's conventions.
    """
    modern = {modern_name(name): tensor for name, tensor in tensors.items()}
    theirs = {modern_name(name): name for name in tensors}
    rules = _with_head(modern, table.rules_for(modern))
    placed = {name: tensor for name, tensor in modern.items() if _num_fits(name, rules) == 1}
    unplaced = [theirs[name] for name in modern if name not in placed]
    renamed = table.rename(placed, rules) if _is_complete(placed, table) else {}
    dropped: tuple[str, ...] = ()
    if options.get("include_top") is False:
        heads = [name for name in renamed if name.startswith("classifier.")]
        kept = {name: renamed[name] for name in renamed if name not in heads}
        dropped = tuple(_sources(placed, rules, theirs, heads).values())
        dropped += tuple(name for name in unplaced if modern[modern_name(name)].ndim < 3)
        unplaced = [name for name in unplaced if name not in dropped]
        renamed = kept
    try:
        found, assumed = _read(renamed, table, options)
        name, differing = name_architecture(found.pop("family"), found)
        network = _on_meta(name, differing | dict(options))
    except (ValueError, LookupError) as error:
        reason = f": {error}" if isinstance(error, ValueError) else ""
        return Mismatch(table, len(placed), _unknown(unplaced, tensors) or f"do not fit{reason}")
    if unplaced:
        return Mismatch(table, len(placed), _unknown(unplaced, tensors), name)
    sources = _sources(placed, rules, theirs, renamed)
    filled, problem = _compare(renamed, network.state_dict(), sources, rules)
    if problem:
        return Mismatch(table, len(placed), problem, name)
    return Match(
        table=table,
        architecture=name,
        options=differing | dict(options),
        tensors=renamed | {buffer: torch.tensor(0) for buffer in filled},
        sources=sources,
        assumed=assumed,
        filled=filled,
        dropped=dropped,
    )


def _is_complete(placed: Tensors, table: Table) -> bool:
    """Whether enough is there to reorder channels; other tables need nothing."""
    return table.to_ours is None or "dense1.0.bn1.weight" in placed


def _unknown(unplaced: Sequence[str], tensors: Tensors) -> str:
    if not unplaced:
        return ""
    return f"{len(unplaced)} of {len(tensors)} keys unplaced, first {show(unplaced[0])}"


def _num_fits(name: str, rules: Rules) -> int:
    module = name.rpartition(".")[0]
    return sum(rule.translate(module) is not None for rule in rules)


def _with_head(tensors: Tensors, rules: Rules) -> Rules:
    """Let the last linear layer have any name: it is the only one that no rule knows."""
    head = next(rule for rule in rules if rule.ours in ("classifier", "classifier.linear3"))
    modules = {name.rpartition(".")[0] for name in tensors if not _num_fits(name, rules)}
    if len(modules) != 1 or f"{head.theirs}.weight" in tensors:
        return rules
    module = modules.pop()
    weight = tensors.get(f"{module}.weight")
    if weight is None or weight.ndim not in (2, 4) or weight.shape[2:].numel() != 1:
        return rules
    others = [rule for rule in rules if rule is not head]
    return (*others, Rule(module, head.ours, window=1 if weight.ndim == 4 else None))


def _sources(
    placed: Tensors, rules: Rules, theirs: Mapping[str, str], wanted: Collection[str]
) -> dict[str, str]:
    sources: dict[str, str] = {}
    for name in placed:
        module, _, kind = name.rpartition(".")
        new = next(filter(None, (rule.translate(module) for rule in rules)))
        if f"{new}.{kind}" in wanted:
            sources[f"{new}.{kind}"] = theirs[name]
    return sources


def _read(
    renamed: Tensors, table: Table, options: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Assumption, ...]]:
    """Options from shapes, then from the layout's conventions, then from the user."""
    shapes = {name: tuple(tensor.shape) for name, tensor in renamed.items()}
    structure = read_structure(shapes, prefer=table.family)
    if structure.family not in table.families or structure.stem not in table.stems:
        raise ValueError(f"{table.form} of {table.layout} has no {structure.stem} stem or other units")
    found = dict(structure.options)
    if table.num_stages and len(found["depths"]) not in table.num_stages:
        raise ValueError(f"it has {len(found['depths'])} stages")
    assumed: list[Assumption] = []
    for convention in table.conventions:
        if convention.concerns(found) and convention.option not in options:
            found[convention.option] = convention.value
            other = f"{convention.option}={_OTHERWISE[str(convention.value)]}"
            assumed.append(Assumption(convention.option, convention.value, convention.why, other))
    if structure.stem == "cifar" and "stem" not in options:
        why = "a 3x3 first convolution keeps the resolution in the CIFAR codes"
        assumed.append(Assumption("stem", "cifar", why, "stem=small"))
    if structure.family == "resnet_v2":
        # A file without a last norm that its code has is incomplete, not another network.
        found["final_norm"] = any(rule.ours == "final.norm" for rule in table.rules)
    found |= options
    if found.get("first_unit") == "either" and found.get("shortcut_input") == "raw":
        found["first_unit"] = "own"
    return {"family": structure.family} | found, tuple(assumed)


def _on_meta(name: str, options: Mapping[str, Any]) -> nn.Module:
    with torch.device("meta"):
        return create_model(name, **options)


def _compare(
    renamed: Tensors, expected: Tensors, sources: Mapping[str, str], rules: Rules
) -> tuple[tuple[str, ...], str]:
    """Compare names and shapes; gives the counters that old files lack, and what does not fit."""
    missing = [name for name in expected if name not in renamed]
    filled = tuple(name for name in missing if name.endswith(".num_batches_tracked"))
    missing = [name for name in missing if name not in filled]
    if missing:
        return (
            (),
            f"{len(missing)} of {len(expected)} tensors missing, first {_their_name(missing[0], rules)}",
        )
    extra = [name for name in renamed if name not in expected]
    if extra:
        return (), f"{len(extra)} of {len(renamed)} keys unplaced, first {show(sources[extra[0]])}"
    wrong = [
        name for name in expected if name in renamed and expected[name].shape != renamed[name].shape
    ]
    if wrong:
        got, right = tuple(renamed[wrong[0]].shape), tuple(expected[wrong[0]].shape)
        return (), (
            f"{len(wrong)} of {len(renamed)} tensors of another shape, first {show(sources[wrong[0]])}: "
            f"{got}, not {right}"
        )
    return filled, ""


def _their_name(name: str, rules: Rules) -> str:
    module, _, kind = name.rpartition(".")
    theirs = filter(None, (rule.translate_back(module) for rule in rules))
    module = next(theirs, "")
    return show(f"{module}.{kind}") if module else f"{show(name)} (our name)"
