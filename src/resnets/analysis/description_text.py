"""A description in words and rows, as the command prints it."""

from __future__ import annotations

from collections.abc import Sequence

from resnets.analysis.anatomy import Layer, Paths, UnitAnatomy
from resnets.analysis.cost import PartCost
from resnets.analysis.description import Description, StageCost
from resnets.architectures.notation import format_options
from resnets.quantities import count, memory, times


def heading(description: Description) -> list[str]:
    """Name, origin, totals, units and options, one per line."""
    origin = [description.family, description.paper, description.source]
    size = description.image_size
    cost = (
        f"parameters {description.parameters:,}   "
        f"multiply-adds {count(description.multiply_adds)} "
        f"(FLOPs {count(description.flops)}: two each)   one image of {size}×{size}"
    )
    kept = (
        f"activations kept for training {memory(description.activation_bytes)} "
        f"at batch {description.batch_size}, float32"
    )
    name = "  | ".join([description.name, *filter(None, origin)])
    lines = [name, cost, kept]
    return [*lines, "", *unit_lines(description)]


def unit_lines(description: Description) -> list[str]:
    """One unit of each form, with what is in its slots."""
    lines: list[str] = []
    seen: set[str] = set()
    for name, unit in description.units.items():
        if unit.formula() in seen:
            continue
        seen.add(unit.formula())
        lines.append(f"unit {name}: {unit.formula()}")
        lines += [f"  {slot:<8}{words}" for slot, words in slots(unit).items()]
    return [*lines, ""] if lines else []


def slots(unit: UnitAnatomy) -> dict[str, str]:
    """What is in each slot that is used, in words."""
    words = {
        "a(x)": _chain(unit.preactivation),
        "F": _chain(unit.residual),
        "h": _chain(unit.shortcut),
        "f": _chain(unit.activation),
    }
    return {slot: text for slot, text in words.items() if text}


def _chain(layers: Sequence[Layer | Paths]) -> str:
    texts = []
    for layer in layers:
        if isinstance(layer, Paths):
            joined = "concatenated" if layer.concatenated else "summed"
            texts.append(f"{layer.count} paths ({_chain(layer.layers)}), {joined}")
        else:
            texts.append(times(layer.label))
    return " → ".join(texts)


def cost_row(part: StageCost | PartCost) -> list[str]:
    """One row of the cost table."""
    num_units = getattr(part, "num_units", 0)
    return [
        part.name,
        str(num_units) if num_units else "",
        "×".join(map(str, part.output)),
        f"{part.parameters:,}",
        count(part.multiply_adds),
        count(2 * part.multiply_adds),
        memory(part.activation_bytes),
    ]


def options_line(description: Description) -> str:
    """All options, as the command reads them."""
    return f"options: {format_options(description.options)}"
