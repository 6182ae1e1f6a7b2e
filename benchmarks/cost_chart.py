"""Draws how a cost grows: measured beside expected, on two logarithmic axes."""

from __future__ import annotations

import html
from collections.abc import Sequence
from math import ceil, floor, log10

from resnets.reporting.charts import HEIGHT, WIDTH, Axis

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 40, 34
_LEGEND = (("expected", "second", 92), ("measured", "first", 0))  # pixels from the right edge


def growth_chart(
    title: str,
    xs: Sequence[float],
    measured: Sequence[float],
    expected: Sequence[float],
    *,
    x_name: str,
) -> str:
    """Draw two lines over one quantity, as an SVG element for `charts_file`.

    Args:
        title: what grows, with its unit.
        xs: ascending, above 0; at least two. Each is marked on the axis.
        measured: of each, above 0.
        expected: likewise.
        x_name: what the axis counts.
    """
    across = Axis(log10(xs[0]), log10(xs[-1]), tuple(log10(x) for x in xs))
    up = _log_axis([*measured, *expected])
    ends = [f"{line[0]:.3g} to {line[-1]:.3g}" for line in (measured, expected)]
    words = f"{title} over {x_name}, {xs[0]:g} to {xs[-1]:g}: measured {ends[0]}, expected {ends[1]}"
    parts = [_frame(title, across, up, x_name)]
    for values, kind in ((expected, "second"), (measured, "first")):
        places = [(_x(across, x), _y(up, value)) for x, value in zip(xs, values, strict=True)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f'<path class="line {kind}" d="M{path}"/>')
    for x, found, law in zip(xs, measured, expected, strict=True):
        said = f"{x:g} {x_name}: {found:.3g}, expected {law:.3g}"
        parts.append(
            f'<circle class="dot first" cx="{_x(across, x):.1f}" cy="{_y(up, found):.1f}" r="3.5">'
            f"<title>{html.escape(said)}</title></circle>"
        )
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{html.escape(words)}">{"".join(parts)}</svg>'
    )


def _log_axis(values: Sequence[float]) -> Axis:
    """From the last to the next of 1, 2, 5, 10, 20, ...; all of them marked, or the powers of ten."""
    steps = [
        factor * 10.0**power
        for power in range(floor(log10(min(values))), ceil(log10(max(values))) + 1)
        for factor in (1, 2, 5)
    ]
    low = max(step for step in steps if step <= min(values))
    high = min(step for step in steps if step >= max(values) and step > low)
    ticks = [step for step in steps if low <= step <= high]
    if len(ticks) > 7:
        ticks = [tick for tick in ticks if round(log10(tick), 9).is_integer()]
    return Axis(log10(low), log10(high), tuple(log10(tick) for tick in ticks))


def _frame(title: str, across: Axis, up: Axis, x_name: str) -> str:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = [f'<text class="title" x="0" y="14">{html.escape(title)}</text>']
    for name, kind, distance in _LEGEND:
        end = right - distance
        parts.append(
            f'<text x="{end}" y="14" text-anchor="end">{name}</text>'
            f'<path class="line {kind}" d="M{end - 76} 10H{end - 56}"/>'
        )
    for tick in up.ticks:
        y = _y(up, 10**tick)
        parts.append(
            f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>'
            f'<text x="{_LEFT - 8}" y="{y + 3.5:.1f}" text-anchor="end">{round(10**tick, 9):,g}</text>'
        )
    for tick in across.ticks:
        x = _x(across, 10**tick)
        parts.append(
            f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>'
            f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{round(10**tick)}</text>'
        )
    middle = (_LEFT + right) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 3}" text-anchor="middle">{html.escape(x_name)}</text>'
    )
    return "".join(parts)


def _x(axis: Axis, value: float) -> float:
    return _LEFT + axis.share(log10(value)) * (WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - _BOTTOM - axis.share(log10(value)) * (HEIGHT - _TOP - _BOTTOM)
