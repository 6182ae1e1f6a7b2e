"""One unit per network: where the shortcut leaves, what the branch does, what comes last.

Convolutions are tall boxes, norms and activations thin ones, and a grouped convolution shows its groups,
so that the forms of the unit look different before one reads a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resnets.analysis.anatomy import Layer, LayerKind, Paths, UnitAnatomy
from resnets.analysis.description import Description
from resnets.analysis.svg import FAINT, INK, Sheet
from resnets.errors import UnsupportedError
from resnets.quantities import times

TOP, GAP, CARD_GAP = 96, 12, 44
BRANCH_WIDTH, PATH_WIDTH, PATH_GAP, SHORTCUT_WIDTH = 168, 100, 28, 128
STEP = 16  # between two boxes

STYLES: dict[LayerKind, tuple[float, str, float]] = {  # height, fill, corner radius
    "conv": (34, "#bcd6ee", 3),
    "linear": (34, "#bcd6ee", 3),
    "norm": (16, "#c4e3cb", 0),
    "act": (16, "#fbd08a", 8),
    "scale": (34, "#dccdf0", 3),
    "pad": (34, "#ffffff", 3),
    "drop": (16, "#e6e6e6", 3),
    "pool": (24, "#ffffff", 3),
    "other": (24, "#e6e6e6", 3),
}
KINDS_IN_WORDS: dict[LayerKind, str] = {
    "conv": "convolution",
    "norm": "norm",
    "act": "activation",
    "scale": "squeeze-and-excitation",
    "pad": "zero padding",
    "drop": "dropout, stochastic depth",
}


@dataclass(frozen=True)
class _Card:
    """What is drawn for one unit: which network and unit it is, and how much room it takes."""

    title: str
    place: str
    unit: UnitAnatomy
    channels: int

    @property
    def paths(self) -> Paths | None:
        """The parallel paths of the branch, if it has any."""
        return next((layer for layer in self.unit.residual if isinstance(layer, Paths)), None)

    @property
    def branch_width(self) -> float:
        """Room for the branch."""
        return 3 * PATH_WIDTH + 2 * PATH_GAP if self.paths else BRANCH_WIDTH

    @property
    def width(self) -> float:
        """Room for the branch and the shortcut beside it."""
        if self.unit.merge == "none":
            return max(self.branch_width, 150)
        return self.branch_width + (SHORTCUT_WIDTH + 2 * GAP if self.unit.shortcut else 48)


def draw_units(descriptions: Sequence[Description]) -> str:
    """Draw the typical unit of each network; of a single network, one unit of each form.

    Args:
        descriptions: from `describe`, one per network.

    Returns:
        SVG.

    Raises:
        UnsupportedError: if a network has no residual units.
    """
    cards = [card for item in descriptions for card in _cards(item, alone=len(descriptions) == 1)]
    sheet = Sheet()
    bottoms: list[float] = []
    x = 28.0
    for card in cards:
        bottoms.append(_draw_card(sheet, x, card))
        x += card.width + CARD_GAP
    legend = _legend(sheet, max(bottoms) + 44, cards)
    names = ", ".join(dict.fromkeys(card.title for card in cards))
    width = max(x - CARD_GAP + 28, legend)
    return sheet.to_svg(width, max(bottoms) + 72, title=f"The unit of {names}")


def _cards(description: Description, *, alone: bool) -> list[_Card]:
    if not description.units:
        raise UnsupportedError(f"{description.name} has no residual units to draw")
    by_form: dict[str, tuple[str, UnitAnatomy]] = {}
    for name, unit in description.units.items():
        by_form.setdefault(unit.formula(), (name, unit))
    forms = list(by_form.values())
    if not alone:
        # Most units keep the shape; in a highway network the first of a stage is plain.
        forms = sorted(forms, key=lambda form: (form[1].is_projected, form[1].merge == "none"))[:1]
    title = description.name
    if form := description.options.get("form"):
        title += f", form {form}"
    return [_Card(title, name, unit, _input_channels(description, name)) for name, unit in forms]


def _input_channels(description: Description, name: str) -> int:
    """Channels that enter a unit: what the module before it gives."""
    units = [part.name for part in description.parts]
    before = units.index(name) - 1
    if before < 0:
        return int(description.options.get("in_channels", 3))
    return description.outputs[units[before]][0]


def _draw_card(sheet: Sheet, left: float, card: _Card) -> float:
    """Draw one unit; return the y of its lower end."""
    unit = card.unit
    center = left + card.branch_width / 2
    sheet.text(left, 24, card.title, size=15, anchor="start", bold=True)
    sheet.text(left, 43, card.unit.formula(), size=12, anchor="start")
    sheet.text(left, 60, card.place, size=10, anchor="start", fill=FAINT)
    sheet.text(center, TOP - 10, f"x, {card.channels} channels", size=11, fill=FAINT)
    y = float(TOP)
    if unit.share_preactivation:
        y = _chain(sheet, center, y, unit.preactivation, BRANCH_WIDTH)
    split = y + 8
    y = _down(sheet, center, y, 22, arrow=False)
    if not unit.share_preactivation:
        y = _chain(sheet, center, y, unit.preactivation, BRANCH_WIDTH)
    for layer in unit.residual:
        if isinstance(layer, Paths):
            y = _fan(sheet, center, y, layer)
        else:
            y = _box(sheet, center, y, layer, BRANCH_WIDTH)
    if unit.merge != "none":
        merge = y + STEP + 12
        _down(sheet, center, y, STEP + 2)
        _draw_merge(sheet, center, merge, unit.merge)
        _shortcut(sheet, card, center, split, merge)
        y = merge + 10
    y = _chain(sheet, center, y, unit.activation, BRANCH_WIDTH)
    return _down(sheet, center, y, 22)


def _draw_merge(sheet: Sheet, center: float, y: float, merge: str) -> None:
    if merge == "add":
        sheet.circle(center, y, 10, fill="#ffffff")
        sheet.text(center, y, "+", size=16, bold=True)
        return
    width = _merge_reach(merge) * 2
    sheet.rectangle(center - width / 2, y - 10, width, 20, fill="#ffffff", stroke=INK, radius=10)
    sheet.text(center, y, merge, size=11)


def _merge_reach(merge: str) -> float:
    """Distance from the middle of the merge's sign to its edge."""
    return 10 if merge == "add" else 10 + 3.4 * len(merge)


def _shortcut(sheet: Sheet, card: _Card, center: float, split: float, merge: float) -> None:
    layers = card.unit.shortcut
    room = SHORTCUT_WIDTH / 2 if layers else 24
    lane = center + card.branch_width / 2 + GAP + room
    reach = _merge_reach(card.unit.merge) + 1
    total = sum(STYLES[layer.kind][0] for layer in layers) + STEP * max(0, len(layers) - 1)
    y = (split + merge - total) / 2
    start = f"M{center} {split} H{lane - 10} Q{lane} {split} {lane} {split + 10}"
    end = f"V{merge - 10} Q{lane} {merge} {lane - 10} {merge} H{center + reach}"
    if not layers:
        sheet.line(f"{start} {end}", width=2, arrow=True)
        return
    sheet.line(f"{start} V{y}", width=2, arrow=True)
    for i, layer in enumerate(layers):
        if i:
            sheet.line(f"M{lane} {y - STEP} V{y}", width=2, arrow=True)
        _rectangle(sheet, lane, y, layer, SHORTCUT_WIDTH)
        y += STYLES[layer.kind][0] + STEP
    sheet.line(f"M{lane} {y - STEP} {end}", width=2, arrow=True)


def _chain(sheet: Sheet, center: float, y: float, layers: Sequence[Layer], width: float) -> float:
    for layer in layers:
        y = _box(sheet, center, y, layer, width)
    return y


def _box(sheet: Sheet, center: float, y: float, layer: Layer, width: float) -> float:
    """Draw an arrow and a box below y; return the box's lower end."""
    y = _down(sheet, center, y, STEP)
    _rectangle(sheet, center, y, layer, width)
    return y + STYLES[layer.kind][0]


def _rectangle(sheet: Sheet, center: float, y: float, layer: Layer, width: float) -> None:
    height, fill, radius = STYLES[layer.kind]
    left = center - width / 2
    sheet.rectangle(
        left, y, width, height, fill=fill, stroke=INK, radius=radius, dashed=layer.kind == "pad"
    )
    if layer.groups > 1:
        # At most so many stripes as stay apart from each other.
        stripes = min(layer.groups, 16)
        for i in range(1, stripes):
            x = left + width * i / stripes
            sheet.line(f"M{x:.1f} {y} v6 M{x:.1f} {y + height} v-6", width=1)
    size = 11 if width > PATH_WIDTH else 10
    sheet.text(center, y + height / 2, times(layer.label), size=size)


def _down(sheet: Sheet, center: float, y: float, length: float, *, arrow: bool = True) -> float:
    sheet.line(f"M{center} {y} v{length}", arrow=arrow)
    return y + length


def _fan(sheet: Sheet, center: float, y: float, paths: Paths) -> float:
    """Draw the first two paths and the last, and how they are joined; return the lower end."""
    offset = PATH_WIDTH + PATH_GAP
    lanes = [center - offset, center, center + offset]
    sheet.line(f"M{lanes[0]} {y} H{lanes[2]}")
    bottom = y
    for lane in lanes:
        bottom = _chain(sheet, lane, y, paths.layers, PATH_WIDTH)
    dots = (lanes[1] + lanes[2]) / 2
    sheet.text(dots, (y + bottom) / 2, "…", size=18, bold=True)
    sheet.text((lanes[0] + center) / 2, y - 10, f"{paths.count} paths", size=10, fill=FAINT)
    if paths.concatenated:
        for lane in lanes:
            _down(sheet, lane, bottom, STEP)
        bar = 2 * offset + PATH_WIDTH
        sheet.rectangle(center - bar / 2, bottom + STEP, bar, 16, fill="#ffffff", stroke=INK)
        sheet.text(center, bottom + STEP + 8, "concatenate", size=10)
        return bottom + STEP + 16
    middle = bottom + STEP + 12
    sheet.line(f"M{lanes[0]} {bottom} V{middle} H{center - 11}", arrow=True)
    sheet.line(f"M{lanes[2]} {bottom} V{middle} H{center + 11}", arrow=True)
    _down(sheet, center, bottom, STEP + 2)
    sheet.circle(center, middle, 10, fill="#ffffff")
    sheet.text(center, middle, "Σ", size=13, bold=True)
    return middle + 10


def _legend(sheet: Sheet, y: float, cards: Sequence[_Card]) -> float:
    """Explain the colours below the units; return the x of the right end."""
    used = {layer.kind for card in cards for layer in _all_layers(card.unit)}
    x = 28.0
    for kind, words in KINDS_IN_WORDS.items():
        if kind in used:
            _, fill, radius = STYLES[kind]
            sheet.rectangle(x, y - 7, 22, 14, fill=fill, stroke=INK, radius=radius, dashed=kind == "pad")
            sheet.text(x + 28, y, words, anchor="start", fill=FAINT)
            x += 28 + 6.4 * len(words) + 20
    return x


def _all_layers(unit: UnitAnatomy) -> list[Layer]:
    branch = [
        inner
        for layer in unit.residual
        for inner in (layer.layers if isinstance(layer, Paths) else (layer,))
    ]
    return [*unit.preactivation, *branch, *unit.shortcut, *unit.activation]
