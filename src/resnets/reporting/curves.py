"""The curves of a training: loss, recognised images and learning rate over the epochs."""

from __future__ import annotations

import html
from collections.abc import Sequence

from resnets.reporting.charts import CHART_RULES, HEIGHT, WIDTH, Line, chart_style, line_chart
from resnets.reporting.facts import Epoch
from resnets.reporting.words import percent

_GAP = 24


def curve_charts(history: Sequence[Epoch], *, kept: int | None = None) -> list[str]:
    """Draw the curves, one SVG element for each.

    Args:
        history: of the run; at least one epoch.
        kept: epoch whose weights were kept, from 1.
    """
    xs = [e.epoch for e in history]
    loss = [
        Line("training", "second", [e.train_loss for e in history]),
        Line("validation", "first", [e.val_loss for e in history]),
    ]
    top1 = [
        Line("training", "second", [e.train_top1 for e in history]),
        Line("validation", "first", [e.val_top1 for e in history]),
    ]
    rate = [Line("learning rate", "first", [e.learning_rate for e in history])]
    charts = [line_chart("Loss", xs, loss, words=_said("Loss", loss), mark=kept)]
    if any(value is not None for line in top1 for value in line.values):
        said = _said("Recognised", top1, percents=True)
        charts.append(line_chart("Recognised", xs, top1, words=said, percent=True, mark=kept))
    charts.append(line_chart("Learning rate", xs, rate, words=_said("Learning rate", rate)))
    return charts


def curves_file(history: Sequence[Epoch], *, kept: int | None = None) -> str:
    """Draw the curves side by side, as one SVG file.

    Args:
        history: of the run; at least one epoch.
        kept: epoch whose weights were kept, from 1.
    """
    return charts_file(curve_charts(history, kept=kept), title="Curves of a training")


def charts_file(charts: Sequence[str], *, title: str) -> str:
    """Put charts side by side into one SVG file, which brings its own colours for light and dark pages.

    Args:
        charts: as `line_chart` draws them.
        title: of the file.
    """
    width = len(charts) * (WIDTH + _GAP) + _GAP
    placed = [
        chart.replace(
            "<svg ",
            f'<svg x="{_GAP + i * (WIDTH + _GAP)}" y="{_GAP}" width="{WIDTH}" height="{HEIGHT}" ',
            1,
        )
        for i, chart in enumerate(charts)
    ]
    height = HEIGHT + 2 * _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><title>{html.escape(title)}</title>\n'
        f"<style>:root {{ color-scheme: light dark; --paper: #fff; {chart_style(dark=False)} }}\n"
        "@media (prefers-color-scheme: dark) "
        f"{{ :root {{ --paper: #1b2129; {chart_style(dark=True)} }} }}"
        f'{CHART_RULES}</style>\n<rect width="100%" height="100%" style="fill: var(--paper)"/>\n'
        + "\n".join(placed)
        + "\n</svg>\n"
    )


def _said(what: str, lines: Sequence[Line], *, percents: bool = False) -> str:
    """How each line begins and ends, for those who do not see it."""
    ends = []
    for line in lines:
        values = [value for value in line.values if value is not None]
        if values:
            first, last = (percent(v) if percents else f"{v:.4g}" for v in (values[0], values[-1]))
            ends.append(f"{line.name} from {first} to {last}")
    return f"{what} over the epochs: {'; '.join(ends)}"
