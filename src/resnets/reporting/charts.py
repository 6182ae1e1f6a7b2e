"""Small charts as SVG: lines over epochs, and how sure a network is beside how often it is right.

Colours come from the page's style (`chart_style`); two lines differ in colour and in dashes, so that
they can be told apart in print and by everyone.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

WIDTH, HEIGHT = 340, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 40, 34
_MOST_STRIPS = 120  # places of a chart that tell their figures to a pointer


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: for the legend.
        kind: 'first' is solid, 'second' dashed.
        values: one for each x; None where there is none.
    """

    name: str
    kind: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Axis:
    """How values lie along a side of a chart.

    Attributes:
        low: value at the start.
        high: value at the end.
        ticks: values that are marked.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Where a value lies, 0 to 1."""
        return (value - self.low) / (self.high - self.low)

    def tick_words(self, *, percent: bool) -> list[str]:
        """The ticks, with as many digits as tell them apart."""
        ticks = [100 * tick for tick in self.ticks] if percent else list(self.ticks)
        digits = next(d for d in range(12) if all(abs(round(t, d) - t) < 1e-9 for t in ticks))
        return [f"{tick:.{digits}f}{' %' * percent}" for tick in ticks]


def chart_style(*, dark: bool) -> str:
    """The colours of charts, as CSS variables (from Okabe and Ito's palette for all kinds of sight).

    Args:
        dark: for a dark page.
    """
    if dark:
        return (
            "--first: #6cb6ff; --second: #f0a860; --grid: #2c3440; --words: #9aa6b6; --strong: #e6eaf0;"
        )
    return "--first: #0a66c2; --second: #c2570c; --grid: #e1e5ea; --words: #5c6878; --strong: #1b2430;"


CHART_RULES = """
.chart { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.chart text { fill: var(--words); }
.chart .title { fill: var(--strong); font-size: 13px; font-weight: 600; }
.chart .grid { stroke: var(--grid); stroke-width: 1; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.chart .first { stroke: var(--first); } .chart .second { stroke: var(--second); }
.chart .line.second { stroke-dasharray: 5 4; }
.chart .dot { stroke: none; } .chart .dot.first { fill: var(--first); }
.chart .dot.second { fill: var(--second); }
.chart .mark { stroke: var(--words); stroke-width: 1; stroke-dasharray: 2 3; }
.chart .bar { stroke: var(--first); stroke-width: 1.5; opacity: .55; }
.chart .strip { fill: transparent; } .chart .strip:hover { fill: var(--words); opacity: .12; }
"""


def make_axis(values: Sequence[float], *, num_ticks: int = 5, from_zero: bool = False) -> Axis:
    """Choose round ends and ticks for values.

    Args:
        values: finite; at least one.
        num_ticks: about as many.
        from_zero: begin at 0 even if all values are far from it.

    Example:
        >>> make_axis([0.21, 0.93]).ticks
        (0.2, 0.4, 0.6, 0.8, 1.0)
    """
    low, high = min(0.0, *values) if from_zero else min(values), max(values)
    if high - low < 1e-12 * max(1.0, abs(high)):
        low, high = (low - 0.5, high + 0.5) if low else (0.0, 1.0)
    rough = (high - low) / num_ticks
    power = 10.0 ** floor(log10(rough))
    step = next(m for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999) * power
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    ticks = tuple(round(step * i, 12) for i in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def line_chart(
    title: str,
    xs: Sequence[int],
    lines: Sequence[Line],
    *,
    words: str,
    percent: bool = False,
    mark: int | None = None,
    x_name: str = "epoch",
) -> str:
    """Draw lines over epochs, or over other whole numbers.

    Args:
        title: above the chart.
        xs: epochs, ascending; at least one.
        lines: with a value or None for each of them.
        words: what the chart shows, for those who do not see it.
        percent: the values are shares.
        mark: the epoch whose weights were kept.
        x_name: what the numbers count.
    """
    shown = [Line(n.name, n.kind, [_finite(v) for v in n.values]) for n in lines]
    values = [v for line in shown for v in line.values if v is not None] or [0.0, 1.0]
    y_axis = make_axis(values)
    x_axis = Axis(min(xs) - 0.0, max(xs) + (1.0 if len(xs) == 1 else 0.0), tuple(_whole_ticks(xs)))
    parts = [_frame(title, (x_axis, x_name, False), (y_axis, percent))]
    if mark is not None:
        x = _x(x_axis, mark)
        parts.append(
            f'<path class="mark" d="M{x:.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>'
            f'<text x="{min(x, WIDTH - 24):.1f}" y="{_TOP - 4}" text-anchor="middle">kept</text>'
        )
    for line in shown:
        parts += _line(line, xs, x_axis, y_axis)
    parts += [_legend(shown), *_strips(xs, shown, x_axis, percent, x_name)]
    return _svg(words, parts)


def reliability_chart(
    title: str, points: Sequence[tuple[float, float, float, float, int]], *, words: str
) -> str:
    """Draw how often a network is right beside how sure it is; on the diagonal both are equal.

    Args:
        title: above the chart.
        points: of each bin with images: how sure, how often right, its 95 % interval, number of images.
        words: what the chart shows, for those who do not see it.
    """
    axis = Axis(0.0, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    parts = [_frame(title, (axis, "how sure it is", True), (axis, True))]
    corner = f"M{_x(axis, 0):.1f} {_y(axis, 0):.1f}L{_x(axis, 1):.1f} {_y(axis, 1):.1f}"
    parts.append(f'<path class="mark" d="{corner}"/>')
    most = max((count for *_, count in points), default=1)
    for sure, right, low, high, count in points:
        x, y, radius = _x(axis, sure), _y(axis, right), 2.5 + 4.5 * (count / most) ** 0.5
        said = f"{100 * sure:.1f} % sure on average, {100 * right:.1f} % right ({count:,} images)"
        parts.append(
            f'<path class="bar" d="M{x:.1f} {_y(axis, low):.1f}V{_y(axis, high):.1f}"/>'
            f'<circle class="dot first" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}">'
            f"<title>{said}</title></circle>"
        )
    return _svg(words, parts)


def _svg(words: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{html.escape(words)}">{"".join(parts)}</svg>'
    )


def _frame(title: str, across: tuple[Axis, str, bool], up: tuple[Axis, bool]) -> str:
    """The title, the grid and both axes: what they hold, a name, and whether it is shares."""
    (x_axis, x_name, x_percent), (y_axis, y_percent) = across, up
    parts = [f'<text class="title" x="0" y="14">{html.escape(title)}</text>']
    for tick, said in zip(y_axis.ticks, y_axis.tick_words(percent=y_percent), strict=True):
        y = _y(y_axis, tick)
        parts.append(
            f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{said}</text>'
        )
    below = HEIGHT - _BOTTOM + 15
    for tick, said in zip(x_axis.ticks, x_axis.tick_words(percent=x_percent), strict=True):
        parts.append(f'<text x="{_x(x_axis, tick):.1f}" y="{below}" text-anchor="middle">{said}</text>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 3}" text-anchor="middle">{x_name}</text>')
    return "".join(parts)


def _line(line: Line, xs: Sequence[int], x_axis: Axis, y_axis: Axis) -> list[str]:
    """A line, broken where values are missing; a dot for a value that stands alone."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, value in zip(xs, line.values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((_x(x_axis, x), _y(y_axis, value)))
    drawn = []
    for run in filter(None, runs):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in run)
        drawn.append(
            f'<path class="line {line.kind}" d="M{path}"/>'
            if len(run) > 1
            else f'<circle class="dot {line.kind}" cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="3.5"/>'
        )
    return drawn


def _legend(lines: Sequence[Line]) -> str:
    """Right of the title, from the right edge on."""
    parts, right = [], float(WIDTH - _RIGHT)
    for line in reversed(lines if len(lines) > 1 else []):
        start = right - 6.2 * len(line.name)
        parts.append(
            f'<text x="{right:.1f}" y="14" text-anchor="end">{html.escape(line.name)}</text>'
            f'<path class="line {line.kind}" d="M{start - 26:.1f} 10H{start - 6:.1f}"/>'
        )
        right = start - 40
    return "".join(parts)


def _strips(
    xs: Sequence[int], lines: Sequence[Line], x_axis: Axis, percent: bool, x_name: str
) -> list[str]:
    """Invisible strips that tell a pointer the figures at a place."""
    places = range(0, len(xs), ceil(len(xs) / _MOST_STRIPS))
    width = (WIDTH - _LEFT - _RIGHT) / max(1, len(places) - 1)
    strips = []
    for place in places:
        figures = [
            f"{line.name} {100 * value:.1f} %" if percent else f"{line.name} {value:.4g}"
            for line in lines
            if (value := line.values[place]) is not None
        ]
        said = html.escape(f"{x_name} {xs[place]}: {', '.join(figures)}")
        strips.append(
            f'<rect class="strip" x="{_x(x_axis, xs[place]) - width / 2:.1f}" y="{_TOP}" '
            f'width="{width:.1f}" height="{HEIGHT - _TOP - _BOTTOM}"><title>{said}</title></rect>'
        )
    return strips


def _whole_ticks(xs: Sequence[int]) -> list[float]:
    """Some of the epochs, at round numbers, with the first."""
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**6) if len(xs) / s <= 7)
    return [x for x in xs if x % step == 0 or (x == xs[0] and step > 1 and len(xs) > 3)]


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _x(axis: Axis, value: float) -> float:
    return _LEFT + axis.share(value) * (WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - _BOTTOM - axis.share(value) * (HEIGHT - _TOP - _BOTTOM)
