"""What network these weights belong to: layout of origin, architecture, options, number of classes.

Every table of names is tried; the one that fits strictly (each key of the file used once, each tensor of
the network filled once, all shapes equal) wins. What tensors cannot tell follows the convention of that
layout and is listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnets.architectures.notation import format_options
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import UnknownNameError, WeightsMismatchError
from resnets.weights import from_cifar, from_pytorchcv, from_timm, from_torchvision
from resnets.weights.checkpoint import Checkpoint
from resnets.weights.layout import Table
from resnets.weights.matching import Assumption, Match, Mismatch, Tensors, match_table
from resnets.weights.opening import show
from resnets.weights.unsupported import find_stranger

if TYPE_CHECKING:
    pass

TABLES: tuple[Table, ...] = (
    *from_torchvision.TABLES,
    *from_timm.TABLES,
    *from_cifar.TABLES,
    *from_pytorchcv.TABLES,
)
"""All tables, in the order in which they are tried: of several that fit, the first is the origin."""

LAYOUTS = tuple(dict.fromkeys(table.layout for table in TABLES))
"""Whose names are known."""


@dataclass(frozen=True)
class Identification:
    """What weights are.

    Attributes:
        layout: of origin, such as 'torchvision'.
        form: of its networks, such as 'ResNet'.
        architecture: of ours.
        options: that differ from the architecture's.
        num_classes: of the classifier; None if there is none.
        preprocessing: of the layout's code.
        assumed: what tensors cannot tell, with the reason and the way to override it.
        filled: buffers that the file lacks: counters of batches, of files before 2018.
        dropped: keys that were left out because the options say so.
        also_fits: other layouts in which the same names stand for the same network.
    """

    layout: str
    form: str
    architecture: str
    options: Mapping[str, Any]
    num_classes: int | None
    preprocessing: Preprocessing
    assumed: tuple[Assumption, ...]
    filled: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    also_fits: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """Architecture and options in one word, as every command takes it."""
        options = format_options(self.options)
        return f"{self.architecture},{options}" if options else self.architecture


def identify(
    weights: Checkpoint | Tensors,
    *,
    layout: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Identification:
    """Say what network weights belong to.

    Args:
        weights: as `read_checkpoint` gives them, or a state dict without wrappers and prefixes.
        layout: of origin, if it is known; otherwise all are tried.
        options: of our architecture, that tensors cannot tell and that are known better than by the
            layout's convention, such as `stride_on='first'`; `include_top=False` drops the classifier.

    Raises:
        UnknownNameError: if there is no such layout.
        WeightsMismatchError: if no network here has such weights; names the nearest.

    Example:
        >>> import resnets, torch
        >>> from resnets.weights.from_torchvision import RESNET
        >>> from resnets.weights.renaming import rename_back
        >>> weights = rename_back(resnets.create_model("resnet18", num_classes=5).state_dict(), RESNET)
        >>> found = identify(weights)
        >>> found.layout, found.model, found.num_classes
        ('torchvision', 'resnet18,num_classes=5', 5)
    """
    matches = find_matches(weights, layout=layout, options=options)
    return describe(matches)


def describe(matches: tuple[Match, ...]) -> Identification:
    """Say what `find_matches` found; the first match is the one that counts."""
    match = matches[0]
    why = f"convention of {match.table.source}"
    head = [match.tensors.get(f"{name}.weight") for name in ("classifier", "classifier.linear3")]
    classes = next((weight.shape[0] for weight in head if weight is not None), None)
    others = dict.fromkeys(other.table.layout for other in matches[1:])
    return Identification(
        layout=match.table.layout,
        form=match.table.form,
        architecture=match.architecture,
        options=match.options,
        num_classes=classes,
        preprocessing=match.table.preprocessing,
        assumed=(
            *match.assumed,
            *assumed_preprocessing(match.table.preprocessing, why),
        ),
        filled=match.filled,
        dropped=match.dropped,
        also_fits=tuple(name for name in others if name != match.table.layout),
    )


def find_matches(
    weights: Checkpoint | Tensors,
    *,
    layout: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[Match, ...]:
    """Find all tables that fit weights strictly; arguments and errors as for `identify`."""
    if layout is not None and layout not in LAYOUTS:
        raise UnknownNameError("layout", layout, known=LAYOUTS, hint=", ".join(LAYOUTS))
    tensors = weights.tensors if isinstance(weights, Checkpoint) else weights
    shown = show(weights.path) if isinstance(weights, Checkpoint) else "these weights"
    given = dict(options or {})
    tables = [table for table in TABLES if layout in (None, table.layout)]
    results = [match_table(tensors, table, given) for table in tables]
    matches = tuple(result for result in results if isinstance(result, Match))
    stranger = find_stranger({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    if stranger and not (stranger.has_other_head and given.get("include_top") is False):
        raise WeightsMismatchError(
            f"{shown} look like {stranger.title}, which no architecture here computes: {stranger.reason}"
        )
    if matches:
        return matches
    failures = [result for result in results if isinstance(result, Mismatch)]
    raise WeightsMismatchError(_explain(shown, failures, len(tensors)))


def _explain(shown: str, failures: list[Mismatch], num_tensors: int) -> str:
    best = max(failures, key=lambda failure: (failure.placed, failure.architecture is not None))
    if 2 * best.placed < num_tensors or not best.placed:
        return (
            f"{shown} belong to no network here: of {num_tensors} keys, {best.placed} are known "
            f"({best.table.layout} {best.table.form}). Known layouts: {', '.join(LAYOUTS)}"
        )
    nearest = f" {best.architecture}" if best.architecture else ""
    return f"{shown} look like {best.table.layout}{nearest}, but {best.reason}"


def assumed_preprocessing(used: Preprocessing, why: str) -> tuple[Assumption, ...]:
    """What no tensor tells about the images.

    Args:
        used: that is taken for it.
        why: whose convention it is.
    """
    size = f"{used.image_size}, from {used.shorter_side} by {used.interpolation}"
    return (
        Assumption("image size", size, why, "image_size=, resize_size="),
        Assumption("mean", used.mean, why, "mean="),
        Assumption("std", used.std, why, "std="),
        Assumption("class names", None, "no tensor holds them", "class_names="),
    )
