"""Networks side by side, layer by layer, with their shortcuts.

The idea is that of He et al. 2015, arXiv:1512.03385, fig. 3. Layers of one resolution stand in one
band across all networks, so that one sees where each spends its depth. Norms and activations are left
out. Long runs of equal units are cut short, and say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from resnets.analysis.anatomy import (
    Layer,
    Paths,
    UnitAnatomy,
    branch_layers,
    unit_anatomy,
    without_names,
)
from resnets.analysis.cost import network_parts
from resnets.analysis.description import Description
from resnets.analysis.svg import FAINT, INK, Sheet
from resnets.networks.dense_stage import RecomputingDenseStage
from resnets.quantities import count, times
from resnets.units.residual_unit import ResidualUnit

BOX_WIDTH, BOX_HEIGHT, PITCH = 172, 20, 37
COLUMN, LEFT, TOP = 268, 92, 128
LONGEST_RUN = 6  # of equal units drawn one by one; ResNet-34 has 5

OUTSIDE_FILL = "#eef0f2"
STAGE_FILLS = ("#d6e6f5", "#cfe8d5", "#fbe3c0", "#f5d3d3", "#e2d8f0")
SHORTCUTS = {
    "identity": ("#1f2933", ""),
    "zero padding": ("#0072b2", "2 3"),
    "projection": ("#d55e00", "6 3"),
    "concatenation": ("#7b3fa0", "1 0"),
    "gate": ("#00806a", "8 3 2 3"),
}


@dataclass(frozen=True)
class _Box:
    """One layer, or a run of units that is not drawn."""

    label: str
    size: int
    fill: str
    is_gap: bool = False


@dataclass(frozen=True)
class _Part:
    """A unit, or what stands outside the units."""

    name: str
    stage: str
    unit: UnitAnatomy | None


@dataclass(frozen=True)
class _Column:
    """One network: its boxes, and shortcuts as (first box, last box, kind)."""

    boxes: tuple[_Box, ...]
    shortcuts: tuple[tuple[int, int, str], ...]


def draw_networks(descriptions: Sequence[Description]) -> str:
    """Draw networks side by side.

    Args:
        descriptions: from `describe`, one per network.

    Returns:
        SVG.
    """
    columns = [_column(description) for description in descriptions]
    bands = _bands(columns)
    sheet = Sheet()
    width = LEFT + COLUMN * len(columns)
    height = max(top + rows * PITCH for top, rows in bands.values()) + 24
    for i, size in enumerate(bands):
        top, rows = bands[size]
        if i % 2 == 0:
            sheet.rectangle(0, top - 6, width, rows * PITCH, fill="#f5f7fa", radius=0)
        sheet.text(12, top + 4, "output", anchor="start", size=10, fill=FAINT)
        sheet.text(12, top + 18, times(f"{size}x{size}"), anchor="start", size=12, bold=True)
    _legend(sheet, {kind for column in columns for _, _, kind in column.shortcuts})
    for i, (description, column) in enumerate(zip(descriptions, columns, strict=True)):
        center = LEFT + COLUMN * i + BOX_WIDTH / 2 + 8
        _header(sheet, center, description)
        _draw_column(sheet, center, column, bands)
    names = ", ".join(description.name for description in descriptions)
    return sheet.to_svg(width, height, title=f"Layers and shortcuts of {names}")


def _header(sheet: Sheet, center: float, description: Description) -> None:
    sheet.text(center, TOP - 66, description.name, size=15, bold=True)
    sheet.text(center, TOP - 48, f"{count(description.parameters)} parameters", fill=FAINT)
    cost = f"{count(description.multiply_adds)} multiply-adds"
    sheet.text(center, TOP - 34, cost, fill=FAINT)


def _legend(sheet: Sheet, used: set[str]) -> None:
    x = LEFT + 8.0
    for kind, (stroke, dash) in SHORTCUTS.items():
        if kind in used:
            sheet.line(f"M{x} 22 h34", stroke=stroke, dash=dash, width=1.8, arrow=True)
            words = f"shortcut: {kind}"
            sheet.text(x + 42, 22, words, anchor="start")
            x += 42 + 6.2 * len(words) + 24


def _bands(columns: Sequence[_Column]) -> dict[int, tuple[float, int]]:
    """For each resolution, the top of its band and the number of rows in it."""
    sizes = sorted({box.size for column in columns for box in column.boxes}, reverse=True)
    bands: dict[int, tuple[float, int]] = {}
    top = float(TOP)
    for size in sizes:
        rows = max(sum(box.size == size for box in column.boxes) for column in columns)
        bands[size] = (top, rows)
        top += rows * PITCH
    return bands


def _draw_column(
    sheet: Sheet, center: float, column: _Column, bands: dict[int, tuple[float, int]]
) -> None:
    filled = dict.fromkeys(bands, 0)
    tops: list[float] = []
    for box in column.boxes:
        tops.append(bands[box.size][0] + filled[box.size] * PITCH)
        filled[box.size] += 1
    sheet.text(center, TOP - 18, "image", size=10, fill=FAINT)
    before = TOP - 11.0
    for top in tops:
        sheet.line(f"M{center} {before} V{top}", arrow=True)
        before = top + BOX_HEIGHT
    for first, last, kind in column.shortcuts:
        _draw_shortcut(sheet, center, tops[first] - 9, tops[last] + BOX_HEIGHT + 4, kind)
    for top, box in zip(tops, column.boxes, strict=True):
        x = center - BOX_WIDTH / 2
        if box.is_gap:
            sheet.rectangle(x, top, BOX_WIDTH, BOX_HEIGHT, fill="#ffffff", stroke=FAINT, dashed=True)
        else:
            sheet.rectangle(x, top, BOX_WIDTH, BOX_HEIGHT, fill=box.fill, stroke=INK)
        sheet.text(center, top + BOX_HEIGHT / 2, times(box.label), size=11)


def _draw_shortcut(sheet: Sheet, center: float, start: float, end: float, kind: str) -> None:
    stroke, dash = SHORTCUTS[kind]
    right = center + BOX_WIDTH / 2
    reach = right + 34
    path = (
        f"M{center} {start} H{right} C{reach} {start} {reach} {start + 10} {reach} {start + 22} "
        f"V{end - 18} C{reach} {end - 8} {reach} {end} {right} {end} H{center + 4}"
    )
    sheet.line(path, stroke=stroke, dash=dash, width=1.6, arrow=True)


def _column(description: Description) -> _Column:
    boxes: list[_Box] = []
    shortcuts: list[tuple[int, int, str]] = []
    modules = dict(description.network.named_modules())

    def add(layers: Sequence[Layer | Paths], stage: str) -> None:
        for layer in flatten(layers):
            output = description.outputs.get(layer.module, (0,))
            size = output[1] if len(output) == 3 else 1
            is_idle = layer.kind == "pool" and boxes and boxes[-1].size == size
            if layer.kind in ("conv", "pool", "linear", "scale") and not is_idle:
                boxes.append(_Box(layer.label, size, _fill(stage)))

    for (stage, unit), run in groupby(_drawn_parts(description), key=_same_kind):
        names = [part.name for part in run]
        if unit is None:
            for name in names:
                add(branch_layers(modules[name], name), stage)
            continue
        shown = names if len(names) <= LONGEST_RUN else [*names[:2], names[-1]]
        for i, name in enumerate(shown):
            if i == 2 and len(shown) < len(names):
                gap = f"{len(names) - 3} more such units"
                boxes.append(_Box(gap, boxes[-1].size, "#ffffff", is_gap=True))
            first = len(boxes)
            add(branch_layers(modules[name].get_submodule("residual"), f"{name}.residual"), stage)
            if unit.merge != "none" and len(boxes) > first:
                shortcuts.append((first, len(boxes) - 1, _kind(unit)))
    return _Column(tuple(boxes), tuple(shortcuts))


def _drawn_parts(description: Description) -> Iterator[_Part]:
    """The parts of a network; a stage that recomputes has its costs as a whole, and is made of units."""
    modules = dict(description.network.named_modules())
    for part in description.parts:
        module = modules[part.name]
        inside = [(part.name, module)]
        if isinstance(module, RecomputingDenseStage):
            inside = list(network_parts(module, f"{part.name}."))
        for name, inner in inside:
            unit = unit_anatomy(inner, name) if isinstance(inner, ResidualUnit) else None
            yield _Part(name, part.stage, unit)


def _same_kind(part: _Part) -> tuple[str, UnitAnatomy | None]:
    return part.stage, part.unit and without_names(part.unit)


def flatten(layers: Sequence[Layer | Paths]) -> list[Layer]:
    """Put parallel paths in line: each layer once, with the number of paths before it."""
    flat: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Paths):
            flat += [
                replace(inner, label=f"{layer.count} paths: {inner.label}") for inner in layer.layers
            ]
        else:
            flat.append(layer)
    return flat


def _fill(stage: str) -> str:
    number = stage.removeprefix("stages.")
    return STAGE_FILLS[int(number) % len(STAGE_FILLS)] if number.isdigit() else OUTSIDE_FILL


def _kind(unit: UnitAnatomy) -> str:
    if unit.merge in ("concatenate", "gate"):
        return {"concatenate": "concatenation", "gate": "gate"}[unit.merge]
    if not unit.shortcut:
        return "identity"
    return "zero padding" if unit.shortcut[0].kind == "pad" else "projection"
