"""Going back: the weights of a network here, with the names and shapes of another library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from resnets.architectures.creation import NetworkSpec
from resnets.errors import UnknownNameError, UnsupportedError, WeightsMismatchError
from resnets.weights.identify import LAYOUTS, TABLES
from resnets.weights.layout import Table
from resnets.weights.structure import Structure, read_structure

if TYPE_CHECKING:
    from torch import Tensor, nn


def to_layout(network: nn.Module, layout: str) -> dict[str, Tensor]:
    """Give a network's weights the names and shapes of another library; they share memory.

    Args:
        network: made by `create_model`.
        layout: 'torchvision', 'timm', 'pytorchcv' or 'cifar'.

    Raises:
        UnknownNameError: if there is no such layout.
        UnsupportedError: if the network was not made by `create_model`.
        WeightsMismatchError: if that library has no such network, or one that computes something else.
    """
    if layout not in LAYOUTS:
        raise UnknownNameError("layout", layout, known=LAYOUTS, hint=", ".join(LAYOUTS))
    spec = getattr(network, "spec", None)
    if not isinstance(spec, NetworkSpec):
        raise UnsupportedError(f"only networks of create_model can be converted, got {type(network)}")
    weights = network.state_dict()
    options = spec.options.model_dump()
    problems: list[str] = []
    for table in (table for table in TABLES if table.layout == layout):
        try:
            found = read_structure(_shapes(weights), prefer=_family(options))
            if not _is_for(table, found):
                continue
            named = table.rename_back(weights)
        except (ValueError, LookupError):
            continue
        different = _difference(table, found, options)
        if different is None:
            return named
        problems.append(f"{layout}'s {table.form} has {different}")
    reason = problems[0] if problems else f"{layout} has no network with such tensors"
    raise WeightsMismatchError(f"{spec.name} cannot be written in the layout of {layout}: {reason}")


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def _family(options: Mapping[str, Any]) -> str | None:
    return "wide_resnet" if "stem_channels" in options and "widths" in options else None


def _is_for(table: Table, found: Structure) -> bool:
    stages = table.num_stages
    return (
        found.family in table.families
        and found.stem in table.stems
        and (not stages or len(found.options["depths"]) in stages)
    )


def _difference(table: Table, found: Structure, options: Mapping[str, Any]) -> str | None:
    """What their code does otherwise than this network, with the same tensors."""
    expected: dict[str, tuple[object, ...]] = {}
    for convention in table.conventions:
        if convention.concerns(found.options):
            expected[convention.option] = (convention.value, *convention.also)
    if "stem_pool" not in expected and found.stem in ("imagenet", "deep"):
        expected["stem_pool"] = ("padded",)
    if found.family == "resnet_v2":
        expected.setdefault("shortcut_input", ("preactivated",))
        expected["final_norm"] = (any(rule.ours == "final.norm" for rule in table.rules),)
    if options.get("shortcut") == "B-pool":
        expected.setdefault("shortcut", ("B",))
    for option, values in expected.items():
        if option in options and options[option] not in values:
            return f"{option}={values[0]}, this network {option}={options[option]}"
    if options.get("norm_epsilon") is not None:
        return f"norms that add 1e-05, those of this network add {options['norm_epsilon']:g}"
    if found.stem == "cifar" and options.get("stem") == "small":
        return "stem=cifar, this network stem=small"
    return None
