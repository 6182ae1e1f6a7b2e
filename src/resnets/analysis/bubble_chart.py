"""Networks as bubbles: accuracy over cost, and the size of each network as an area.

An SVG file that needs nothing else, light and dark. Colours are for all kinds of sight (Okabe and Ito,
with Tol's wine for their yellow), and every bubble has its name beside it.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from math import floor, hypot, log10

from resnets.analysis.bubble_plan import BAR_END, ROW, BubbleChart, Plan, plan_chart
from resnets.analysis.label_placing import place_labels
from resnets.quantities import count

_LIGHT = ("#0072b2", "#3aa0dc", "#009e73", "#6b7280", "#d08700", "#b85c93", "#c94f00", "#882255")
_DARK = ("#5aaee8", "#9bd3f7", "#3fcfa4", "#a3acb9", "#f0b44c", "#e39cc4", "#f58c50", "#d9739f")


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
    plan = plan_chart(chart)
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


def _frame(chart: BubbleChart, plan: Plan) -> Iterator[str]:
    area = plan.area
    right, bottom = area.left + area.width, area.top + area.height
    yield f'<text class="title" x="{plan.area.left - 40:g}" y="30">{html.escape(chart.title)}</text>'
    yield f'<text x="{plan.area.left - 40:g}" y="51">{html.escape(chart.lead)}</text>'
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


def _lines(chart: BubbleChart, plan: Plan) -> Iterator[str]:
    """What lies below the bubbles: links, the front, and intervals."""
    for first, second in chart.links:
        one, two = plan.discs[first], plan.discs[second]
        yield f'<path class="link" d="M{one.x:.1f} {one.y:.1f}L{two.x:.1f} {two.y + two.radius:.1f}"/>'
    if len(chart.front) > 1:
        places = sorted((plan.discs[i].x, plan.discs[i].y) for i in chart.front)
        yield f'<path class="front" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in places)}"/>'
    for bubble, disc in zip(chart.bubbles, plan.discs, strict=True):
        left, top, end = disc.x - BAR_END, disc.y - BAR_END, 2 * BAR_END
        if bubble.y_interval:
            low, high = map(plan.y, bubble.y_interval)
            yield (
                f'<path class="interval k{bubble.colour}" d="M{disc.x:.1f} {low:.1f}V{high:.1f}'
                f'M{left:.1f} {low:.1f}h{end}M{left:.1f} {high:.1f}h{end}"/>'
            )
        if bubble.x_interval:
            low, high = map(plan.x, bubble.x_interval)
            yield (
                f'<path class="interval k{bubble.colour}" d="M{low:.1f} {disc.y:.1f}H{high:.1f}'
                f'M{low:.1f} {top:.1f}v{end}M{high:.1f} {top:.1f}v{end}"/>'
            )


def _bubbles(chart: BubbleChart, plan: Plan) -> Iterator[str]:
    """The bubbles, the largest first so that none is hidden."""
    pairs = list(zip(chart.bubbles, plan.discs, strict=True))
    for bubble, disc in sorted(pairs, key=lambda pair: -pair[1].radius):
        kind = " hollow" * bubble.hollow + " chosen" * bubble.is_chosen
        yield (
            f'<circle class="bubble k{bubble.colour}{kind}" cx="{disc.x:.1f}" cy="{disc.y:.1f}" '
            f'r="{disc.radius:.1f}"><title>{html.escape(bubble.words)}</title></circle>'
        )


def _labels(chart: BubbleChart, plan: Plan) -> Iterator[str]:
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


def _legend(chart: BubbleChart, plan: Plan) -> Iterator[str]:
    box = plan.legend
    yield (
        f'<rect class="legend" x="{box.left:.1f}" y="{box.top:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="8"/>'
    )
    x, y = box.left + 20, box.top + 18
    for colour, words in (chart.legend or {}).items():
        yield f'<circle class="bubble k{colour}" cx="{x}" cy="{y:.1f}" r="6"/>'
        yield f'<text x="{x + 16}" y="{y + 4:.1f}">{html.escape(words)}</text>'
        y += ROW
    if chart.hollow_words:
        yield f'<circle class="bubble hollow k0" cx="{x}" cy="{y:.1f}" r="6"/>'
        yield f'<text x="{x + 16}" y="{y + 4:.1f}">{html.escape(chart.hollow_words)}</text>'
        y += ROW
    if len(chart.front) > 1:
        yield f'<path class="front" d="M{x - 10} {y:.1f}h20"/>'
        yield f'<text x="{x + 16}" y="{y + 4:.1f}">none better and cheaper</text>'
    yield from _sizes(plan)


def _sizes(plan: Plan) -> Iterator[str]:
    """Bubbles of round sizes, one in the other, at the foot of the legend."""
    box = plan.legend
    foot, middle = box.top + box.height - 12, box.left + 128
    yield f'<text x="{box.left + 36:.1f}" y="{foot - 18:.1f}">parameters</text>'
    power = 10.0 ** floor(log10(plan.largest))
    most = next(m for m in (5, 2, 1) if m * power <= plan.largest) * power
    for size in (most, most / 5):
        radius = plan.bubble_radius(size)
        top = foot - 2 * radius
        yield f'<circle class="size" cx="{middle:.1f}" cy="{foot - radius:.1f}" r="{radius:.1f}"/>'
        yield f'<path class="leader" d="M{middle:.1f} {top:.1f}H{middle + 32:.1f}"/>'
        words = count(size).replace(".00", "").replace(".0", "")
        yield f'<text x="{middle + 36:.1f}" y="{top + 4:.1f}">{words}</text>'
