"""Networks as bubbles: accuracy over cost, and the size of each network as an area.

An SVG file that needs nothing else, light and dark. Colours are for all kinds of sight (Okabe and Ito,
with Tol's wine for their yellow), and every bubble has its name beside it.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, hypot, log10, sqrt

from resnets.analysis.label_placing import Box, Disc, place_labels
from resnets.quantities import count
from resnets.reporting.charts import Axis, make_axis

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 24, 74, 58
_LETTER, _LINE = 6.5, 15.0  # pixels of a letter of a label, and of its line
_SMALLEST = 3.5  # pixels, of a bubble's radius
_LEGEND_WIDTH, _ROW, _SIZES = 214.0, 20.0, 66.0
_MARGIN = 0.04  # of each axis, so that no bubble stands on the frame
_LOG_FROM = 4.0  # times the smallest value; an axis that reaches further is logarithmic

_LIGHT = ("#0072b2", "#3aa0dc", "#009e73", "#6b7280", "#d08700", "#b85c93", "#c94f00", "#882255")
_DARK = ("#5aaee8", "#9bd3f7", "#3fcfa4", "#a3acb9", "#f0b44c", "#e39cc4", "#f58c50", "#d9739f")


@dataclass(frozen=True)
class Bubble:
    """A network in the chart.

    Attributes:
        x: its cost.
        y: its accuracy, in percent.
        parameters: the area.
        label: beside it; '' for none.
        words: all that is known, for a pointer and for those who do not see it.
        colour: 0 to 7.
        hollow: only its outline is drawn.
        is_chosen: it is drawn with a strong outline and a bold label.
        y_interval: of its accuracy.
        x_interval: of its cost.
    """

    x: float
    y: float
    parameters: int
    label: str
    words: str
    colour: int
    hollow: bool = False
    is_chosen: bool = False
    y_interval: tuple[float, float] | None = None
    x_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class BubbleChart:
    """What is drawn.

    Attributes:
        title: above the chart.
        lead: a line below the title.
        x_title: of the horizontal axis, with its unit.
        y_title: of the vertical axis, with its unit.
        bubbles: at least one.
        x_unit: what a unit of the ticks is in units of x, such as 1e9.
        log_error: equal steps up the vertical axis divide the error by equal factors, which gives the
            good networks the room they need.
        legend: a word for colours; empty if labels say all.
        hollow_words: what a hollow bubble is; '' if there are none.
        links: places of bubbles that are joined by a line, such as one network trained twice.
        front: places of the bubbles that no other is better than in both respects.
        width: in pixels.
        height: in pixels.
    """

    title: str
    lead: str
    x_title: str
    y_title: str
    bubbles: Sequence[Bubble]
    x_unit: float = 1.0
    log_error: bool = False
    legend: Mapping[int, str] | None = None
    hollow_words: str = ""
    links: Sequence[tuple[int, int]] = ()
    front: Sequence[int] = ()
    width: int = 1180
    height: int = 860


def chart_colours(*, dark: bool) -> str:
    """The chart's colours as CSS variables.

    Args:
        dark: for a dark page.
    """
    palette = _DARK if dark else _LIGHT
    colours = " ".join(f"--c{i}: {colour};" for i, colour in enumerate(palette))
    rest = (
        "--chart-paper: #1b2129; --chart-grid: #2c3440; --chart-quiet: #9aa6b6; --chart-ink: #e6eaf0;"
        if dark
        else "--chart-paper: #fff; --chart-grid: #e4e8ed; --chart-quiet: #566272; --chart-ink: #1b2430;"
    )
    return f"{colours} {rest}"


BUBBLE_RULES = """
.bubbles { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.bubbles text { fill: var(--chart-quiet); }
.bubbles .title { fill: var(--chart-ink); font-size: 18px; font-weight: 600; }
.bubbles .axis { fill: var(--chart-ink); font-size: 13px; }
.bubbles .name { fill: var(--chart-ink); paint-order: stroke; stroke: var(--chart-paper);
  stroke-width: 3px; stroke-linejoin: round; }
.bubbles .chosen.name { font-weight: 700; }
.bubbles .grid { stroke: var(--chart-grid); stroke-width: 1; fill: none; }
.bubbles .leader { stroke: var(--chart-quiet); stroke-width: .8; fill: none; }
.bubbles .link { stroke: var(--chart-quiet); stroke-width: 1.2; fill: none; stroke-dasharray: 2 3; }
.bubbles .front { stroke: var(--chart-ink); stroke-width: 1.4; fill: none; stroke-dasharray: 7 5;
  opacity: .55; }
.bubbles .interval { stroke-width: 1.6; fill: none; }
.bubbles .bubble { fill-opacity: .5; stroke-width: 1.4; }
.bubbles .bubble.hollow { fill-opacity: .08; stroke-dasharray: 3 2; }
.bubbles .bubble.chosen { fill-opacity: .85; stroke: var(--chart-ink); stroke-width: 2.4;
  stroke-dasharray: none; }
.bubbles .size { fill: none; stroke: var(--chart-quiet); stroke-width: 1.2; }
.bubbles .legend { fill: var(--chart-paper); fill-opacity: .85; stroke: var(--chart-grid); }
""" + "\n".join(f".bubbles .k{i} {{ fill: var(--c{i}); stroke: var(--c{i}); }}" for i in range(8))


def draw_bubbles(chart: BubbleChart, *, alone: bool = True) -> str:
    """Draw the chart as SVG.

    Args:
        chart: what to draw.
        alone: as a file of its own, with its style; else for a page that holds `BUBBLE_RULES`.
    """
    plan = _plan(chart)
    body = "\n".join(
        [
            *_frame(chart, plan),
            *_lines(chart, plan),
            *_bubbles(chart, plan),
            *_labels(chart, plan),
            *_legend(chart, plan),
        ]
    )
    style = (
        f"<style>:root {{ color-scheme: light dark; {chart_colours(dark=False)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {chart_colours(dark=True)} }} }}"
        f"{BUBBLE_RULES}</style>\n"
        '<rect width="100%" height="100%" style="fill: var(--chart-paper)"/>\n'
        if alone
        else ""
    )
    said = html.escape(f"{chart.title}. {chart.lead}")
    size = f'width="{plan.width:g}" height="{chart.height}" ' if alone else ""
    return (
        f'<svg class="bubbles" xmlns="http://www.w3.org/2000/svg" {size}'
        f'viewBox="0 0 {plan.width:g} {chart.height}" role="img" aria-label="{said}">\n'
        f"{style}{body}\n</svg>\n"
    )


@dataclass(frozen=True)
class _Plan:
    """Where everything stands, in pixels."""

    x_axis: Axis
    y_axis: Axis
    is_log: bool
    log_error: bool
    discs: tuple[Disc, ...]
    area: Box
    legend: Box
    largest: int
    radius: float
    width: float

    def x(self, value: float) -> float:
        share = self.x_axis.share(log10(value) if self.is_log else value)
        return self.area.left + share * self.area.width

    def y(self, value: float) -> float:
        share = self.y_axis.share(-log10(100 - value) if self.log_error else value)
        return self.area.top + (1 - share) * self.area.height


def _plan(chart: BubbleChart) -> _Plan:
    bubbles = chart.bubbles
    xs = [v for b in bubbles for v in (b.x, *(b.x_interval or ()))]
    ys = [v for b in bubbles for v in (b.y, *(b.y_interval or ()))]
    is_log = min(xs) > 0 and max(xs) >= _LOG_FROM * min(xs)
    units = [x / chart.x_unit for x in xs]
    x_axis = _log_axis(units) if is_log else _padded(make_axis(units))
    x_axis = _in_units(x_axis, chart.x_unit, is_log=is_log)
    y_axis = _error_axis(ys) if chart.log_error else _accuracy_axis(ys)
    area = Box(_LEFT, _TOP, chart.width - _LEFT - _RIGHT, chart.height - _TOP - _BOTTOM)
    largest = max(b.parameters for b in bubbles)
    radius = 26.0
    plan = _Plan(
        x_axis, y_axis, is_log, chart.log_error, (), area, Box(0, 0, 0, 0), largest, radius, chart.width
    )
    discs = tuple(
        Disc(
            plan.x(b.x),
            plan.y(b.y),
            _radius(plan, b.parameters),
            len(b.label) * _LETTER * (1.08 if b.is_chosen else 1.0),
            _LINE if b.label else 0.0,
        )
        for b in bubbles
    )
    legend, width = _legend_place(chart, area, discs)
    return _Plan(x_axis, y_axis, is_log, chart.log_error, discs, area, legend, largest, radius, width)


def _radius(plan: _Plan, parameters: float) -> float:
    return max(_SMALLEST, plan.radius * sqrt(parameters / plan.largest))


def _log_axis(values: Sequence[float]) -> Axis:
    low, high = log10(min(values)), log10(max(values))
    pad = 1.6 * _MARGIN * (high - low)
    low, high = low - pad, high + pad
    powers = range(floor(low), ceil(high) + 1)
    ticks = [log10(m * 10.0**p) for p in powers for m in (1, 2, 5)]
    return Axis(low, high, tuple(t for t in ticks if low <= t <= high))


def _accuracy_axis(values: Sequence[float]) -> Axis:
    axis = _padded(make_axis(values, num_ticks=8))
    if max(values) > 100 or axis.high <= 100:
        return axis
    return Axis(axis.low, 100 + _MARGIN * (100 - axis.low), axis.ticks)


def _error_axis(values: Sequence[float]) -> Axis:
    low, high = -log10(100 - min(values)), -log10(100 - max(values))
    pad = 1.6 * _MARGIN * (high - low)
    steps = (*range(0, 80, 5), *range(80, 90, 2), *range(90, 100))  # closer where the axis is wider
    return Axis(low - pad, high + pad, tuple(map(float, steps)))


def _padded(axis: Axis) -> Axis:
    pad = _MARGIN * (axis.high - axis.low)
    return Axis(axis.low - pad, axis.high + pad, axis.ticks)


def _in_units(axis: Axis, unit: float, *, is_log: bool) -> Axis:
    """The axis in units of the values; its ticks stay in their own."""
    if is_log:
        return Axis(axis.low + log10(unit), axis.high + log10(unit), axis.ticks)
    return Axis(axis.low * unit, axis.high * unit, axis.ticks)


def _legend_place(chart: BubbleChart, area: Box, discs: Sequence[Disc]) -> tuple[Box, float]:
    """A corner that no bubble reaches, or a column of its own beside the chart; the width of all."""
    height = _ROW * _legend_rows(chart) + _SIZES + 16
    right, bottom = area.left + area.width - 8, area.top + area.height - 8
    for left, top in (
        (right - _LEGEND_WIDTH, bottom - height),
        (area.left + 8, bottom - height),
        (area.left + 8, area.top + 8),
    ):
        box = Box(left, top, _LEGEND_WIDTH, height)
        if all(
            hypot(d.x - x, d.y - y) > d.radius + 2 for d in discs for x, y in [box.nearest(d.x, d.y)]
        ):
            return box, chart.width
    return Box(chart.width, area.top, _LEGEND_WIDTH, height), chart.width + _LEGEND_WIDTH + 16


def _legend_rows(chart: BubbleChart) -> int:
    return len(chart.legend or {}) + bool(chart.hollow_words) + bool(len(chart.front) > 1)


def _frame(chart: BubbleChart, plan: _Plan) -> Iterator[str]:
    area = plan.area
    right, bottom = area.left + area.width, area.top + area.height
    yield f'<text class="title" x="{_LEFT - 40}" y="30">{html.escape(chart.title)}</text>'
    yield f'<text x="{_LEFT - 40}" y="51">{html.escape(chart.lead)}</text>'
    for tick, said in zip(plan.y_axis.ticks, plan.y_axis.tick_words(percent=False), strict=True):
        y = plan.y(tick)
        if area.top <= y <= bottom:
            yield f'<path class="grid" d="M{area.left} {y:.1f}H{right}"/>'
            yield f'<text x="{area.left - 8}" y="{y + 4:.1f}" text-anchor="end">{said}</text>'
    for tick in plan.x_axis.ticks:
        value = 10**tick if plan.is_log else tick
        x = plan.x(value * chart.x_unit)
        yield f'<path class="grid" d="M{x:.1f} {area.top}V{bottom}"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{value:.4g}</text>'
    scale = ", logarithmic" if plan.is_log else ""
    middle = area.left + area.width / 2
    yield (
        f'<text class="axis" x="{middle}" y="{chart.height - 14}" text-anchor="middle">'
        f"{html.escape(chart.x_title + scale)}</text>"
    )
    middle = area.top + area.height / 2
    yield (
        f'<text class="axis" transform="translate(20 {middle}) rotate(-90)" text-anchor="middle">'
        f"{html.escape(chart.y_title)}{' (error logarithmic)' * chart.log_error}</text>"
    )


def _lines(chart: BubbleChart, plan: _Plan) -> Iterator[str]:
    """What lies below the bubbles: links, the front, and intervals."""
    for first, second in chart.links:
        one, two = plan.discs[first], plan.discs[second]
        yield f'<path class="link" d="M{one.x:.1f} {one.y:.1f}L{two.x:.1f} {two.y + two.radius:.1f}"/>'
    if len(chart.front) > 1:
        places = sorted((plan.discs[i].x, plan.discs[i].y) for i in chart.front)
        yield f'<path class="front" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in places)}"/>'
    for bubble, disc in zip(chart.bubbles, plan.discs, strict=True):
        if bubble.y_interval:
            low, high = map(plan.y, bubble.y_interval)
            yield (
                f'<path class="interval k{bubble.colour}" d="M{disc.x:.1f} {low:.1f}V{high:.1f}'
                f'M{disc.x - 5:.1f} {low:.1f}h10M{disc.x - 5:.1f} {high:.1f}h10"/>'
            )
        if bubble.x_interval:
            low, high = map(plan.x, bubble.x_interval)
            yield (
                f'<path class="interval k{bubble.colour}" d="M{low:.1f} {disc.y:.1f}H{high:.1f}'
                f'M{low:.1f} {disc.y - 5:.1f}v10M{high:.1f} {disc.y - 5:.1f}v10"/>'
            )


def _bubbles(chart: BubbleChart, plan: _Plan) -> Iterator[str]:
    """The bubbles, the largest first so that none is hidden."""
    pairs = list(zip(chart.bubbles, plan.discs, strict=True))
    for bubble, disc in sorted(pairs, key=lambda pair: -pair[1].radius):
        kind = " hollow" * bubble.hollow + " chosen" * bubble.is_chosen
        yield (
            f'<circle class="bubble k{bubble.colour}{kind}" cx="{disc.x:.1f}" cy="{disc.y:.1f}" '
            f'r="{disc.radius:.1f}"><title>{html.escape(bubble.words)}</title></circle>'
        )


def _labels(chart: BubbleChart, plan: _Plan) -> Iterator[str]:
    boxes = place_labels(plan.discs, area=plan.area, taken=[plan.legend])
    for bubble, disc, box in zip(chart.bubbles, plan.discs, boxes, strict=True):
        if not bubble.label:
            continue
        x, y = box.nearest(disc.x, disc.y)
        distance = hypot(x - disc.x, y - disc.y)
        if distance > disc.radius + 8:
            share = disc.radius / distance
            edge = disc.x + share * (x - disc.x), disc.y + share * (y - disc.y)
            yield f'<path class="leader" d="M{edge[0]:.1f} {edge[1]:.1f}L{x:.1f} {y:.1f}"/>'
        side = " chosen" * bubble.is_chosen
        middle = box.left + box.width / 2
        yield (
            f'<text class="name{side}" x="{middle:.1f}" y="{box.top + 0.76 * box.height:.1f}" '
            f'text-anchor="middle">{html.escape(bubble.label)}</text>'
        )


def _legend(chart: BubbleChart, plan: _Plan) -> Iterator[str]:
    box = plan.legend
    yield (
        f'<rect class="legend" x="{box.left:.1f}" y="{box.top:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="8"/>'
    )
    x, y = box.left + 20, box.top + 18
    for colour, words in (chart.legend or {}).items():
        yield f'<circle class="bubble k{colour}" cx="{x}" cy="{y:.1f}" r="6"/>'
        yield f'<text x="{x + 16}" y="{y + 4:.1f}">{html.escape(words)}</text>'
        y += _ROW
    if chart.hollow_words:
        yield f'<circle class="bubble hollow k0" cx="{x}" cy="{y:.1f}" r="6"/>'
        yield f'<text x="{x + 16}" y="{y + 4:.1f}">{html.escape(chart.hollow_words)}</text>'
        y += _ROW
    if len(chart.front) > 1:
        yield f'<path class="front" d="M{x - 10} {y:.1f}h20"/>'
        yield f'<text x="{x + 16}" y="{y + 4:.1f}">none better and cheaper</text>'
    yield from _sizes(plan)


def _sizes(plan: _Plan) -> Iterator[str]:
    """Bubbles of round sizes, one in the other, at the foot of the legend."""
    box = plan.legend
    foot, middle = box.top + box.height - 12, box.left + 128
    yield f'<text x="{box.left + 36:.1f}" y="{foot - 18:.1f}">parameters</text>'
    power = 10.0 ** floor(log10(plan.largest))
    most = next(m for m in (5, 2, 1) if m * power <= plan.largest) * power
    for size in (most, most / 4, most / 20):
        radius = _radius(plan, size)
        top = foot - 2 * radius
        yield f'<circle class="size" cx="{middle:.1f}" cy="{foot - radius:.1f}" r="{radius:.1f}"/>'
        yield f'<path class="leader" d="M{middle:.1f} {top:.1f}H{middle + 32:.1f}"/>'
        words = count(size).replace(".00", "").replace(".0", "")
        yield f'<text x="{middle + 36:.1f}" y="{top + 4:.1f}">{words}</text>'
