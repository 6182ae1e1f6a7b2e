"""The chart of a range test: loss over learning rate, whose axis is logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

from resnets.reporting.charts import CHART_RULES, Axis, chart_style, make_axis

_WIDTH, _HEIGHT = 560, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 20, 48, 46
_SHOWN = 1.25
# Times the first loss: what grows beyond is cut off, so that the fall can be seen.


def rate_chart(
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    *,
    suggestion: float | None,
) -> str:
    """Draw a range test as an SVG file.

    Args:
        rates: ascending; at least one.
        losses: of each.
        smoothed: likewise.
        suggestion: is marked; None if there is none.
    """
    most = _SHOWN * max(smoothed[0], min(smoothed))
    up = make_axis([min(*losses, most), most])
    first = floor(log10(rates[0]) + 1e-9)
    last = max(ceil(log10(rates[-1]) - 1e-9), first + 1)
    across = Axis(float(first), float(last), tuple(float(i) for i in range(first, last + 1)))
    parts = [_frame(across, up)]
    if suggestion is not None and across.low <= log10(suggestion) <= across.high:
        x = _x(across, suggestion)
        parts.append(
            f'<path class="mark" d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>'
            f'<text x="{x:.1f}" y="{_TOP - 6}" text-anchor="middle">suggested: {suggestion:g}</text>'
        )
    for values, kind in ((losses, "second"), (smoothed, "first")):
        places = [
            f"{_x(across, rate):.1f} {_y(up, min(value, up.high)):.1f}"
            for rate, value in zip(rates, values, strict=True)
        ]
        parts.append(f'<path class="line {kind}" d="M{"L".join(places)}"/>')
    words = f"Loss over learning rate: from {smoothed[0]:.4g} to {min(smoothed):.4g} at its lowest"
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{words}">'
        f"<title>Learning rate range test</title>\n"
        f"<style>:root {{ color-scheme: light dark; --paper: #fff; {chart_style(dark=False)} }}\n"
        "@media (prefers-color-scheme: dark) "
        f"{{ :root {{ --paper: #1b2129; {chart_style(dark=True)} }} }}"
        f'{CHART_RULES}</style>\n<rect width="100%" height="100%" style="fill: var(--paper)"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _frame(across: Axis, up: Axis) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [
        '<text class="title" x="14" y="20">Loss over learning rate</text>',
        f'<text x="{right}" y="20" text-anchor="end">dashed: each step; solid: smoothed</text>',
    ]
    for tick, said in zip(up.ticks, up.tick_words(percent=False), strict=True):
        y = _y(up, tick)
        parts.append(
            f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{said}</text>'
        )
    for power in across.ticks:
        x = _x(across, 10**power)
        parts.append(
            f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>'
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{10**power:g}</text>'
        )
    middle = (_LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 10}" text-anchor="middle">learning rate</text>')
    return "".join(parts)


def _x(axis: Axis, rate: float) -> float:
    return _LEFT + axis.share(log10(rate)) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, loss: float) -> float:
    return _HEIGHT - _BOTTOM - axis.share(loss) * (_HEIGHT - _TOP - _BOTTOM)
