"""A chart of bubbles, and where everything in it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, hypot, log10, sqrt

from resnets.analysis.label_placing import Box, Disc
from resnets.reporting.charts import Axis, make_axis

ROW = 20.0
"""Pixels of a line of the legend."""
BAR_END = 5
"""Half the pixels of the line across the end of an interval."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 24, 74, 58
_LETTER, _LINE = 6.5, 15.0  # pixels of a letter of a label, and of its line
_SMALLEST = 3.5  # pixels, of a bubble's radius
_LEGEND_WIDTH, _SIZES = 214.0, 66.0
_MARGIN = 0.04  # of each axis, so that no bubble stands on the frame
_LOG_FROM = 4.0  # times the smallest value; an axis that reaches further is logarithmic


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


@dataclass(frozen=True)
class Plan:
    """Where everything stands, in pixels.

    Attributes:
        x_axis: of costs; of their logarithms if `is_log`.
        y_axis: of accuracies; of the logarithms of errors, negative, if `log_error`.
        is_log: the costs reach far.
        log_error: as in the chart.
        discs: of the bubbles.
        area: between the axes.
        legend: where it stands.
        largest: number of parameters.
        radius: of the largest bubble.
        width: of everything.
    """

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
        """Where a cost lies."""
        share = self.x_axis.share(log10(value) if self.is_log else value)
        return self.area.left + share * self.area.width

    def y(self, value: float) -> float:
        """Where an accuracy lies."""
        share = self.y_axis.share(-log10(100 - value) if self.log_error else value)
        return self.area.top + (1 - share) * self.area.height

    def bubble_radius(self, parameters: float) -> float:
        """Of a network of so many parameters."""
        return max(_SMALLEST, self.radius * sqrt(parameters / self.largest))


def plan_chart(chart: BubbleChart) -> Plan:
    """Find the axes, and places for bubbles and legend.

    Args:
        chart: what to draw.
    """
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
    plan = Plan(
        x_axis, y_axis, is_log, chart.log_error, (), area, Box(0, 0, 0, 0), largest, radius, chart.width
    )
    discs = tuple(
        Disc(
            plan.x(b.x),
            plan.y(b.y),
            plan.bubble_radius(b.parameters),
            len(b.label) * _LETTER * (1.08 if b.is_chosen else 1.0),
            _LINE if b.label else 0.0,
        )
        for b in bubbles
    )
    bars = [bar for b, disc in zip(bubbles, discs, strict=True) for bar in _bars(plan, b, disc)]
    legend, width = _legend_place(chart, area, discs, bars)
    return Plan(x_axis, y_axis, is_log, chart.log_error, discs, area, legend, largest, radius, width)


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


def _bars(plan: Plan, bubble: Bubble, disc: Disc) -> Iterator[Box]:
    """The intervals of a bubble, as wide as their ends."""
    if bubble.y_interval:
        low, high = map(plan.y, bubble.y_interval)
        yield Box(disc.x - BAR_END, high, 2 * BAR_END, low - high)
    if bubble.x_interval:
        low, high = map(plan.x, bubble.x_interval)
        yield Box(low, disc.y - BAR_END, high - low, 2 * BAR_END)


def _legend_place(
    chart: BubbleChart, area: Box, discs: Sequence[Disc], bars: Sequence[Box]
) -> tuple[Box, float]:
    """A corner that no bubble and no bar reaches, or a column beside the chart; the width of all."""
    height = ROW * legend_rows(chart) + _SIZES + 16
    right, bottom = area.left + area.width - 8, area.top + area.height - 8
    for left, top in (
        (right - _LEGEND_WIDTH, bottom - height),
        (area.left + 8, bottom - height),
        (area.left + 8, area.top + 8),
    ):
        box = Box(left, top, _LEGEND_WIDTH, height)
        if all(
            hypot(d.x - x, d.y - y) > d.radius + 2 for d in discs for x, y in [box.nearest(d.x, d.y)]
        ) and not any(map(box.overlap, bars)):
            return box, chart.width
    return Box(chart.width, area.top, _LEGEND_WIDTH, height), chart.width + _LEGEND_WIDTH + 16


def legend_rows(chart: BubbleChart) -> int:
    """Number of lines above the sizes.

    Args:
        chart: what to draw.
    """
    return len(chart.legend or {}) + bool(chart.hollow_words) + bool(len(chart.front) > 1)
