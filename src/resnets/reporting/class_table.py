"""Figures of each class, the weakest first; sorted by any column where scripts run."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan

import numpy as np

from resnets.evaluation.evaluation import Evaluation
from resnets.reporting.markup import name, scrolling, share

_COLUMNS = ("class", "images", "recognised", "95 % interval", "precision", "F1", "most often taken for")
_NUMBERS = {"images", "recognised", "precision", "F1"}


def weakest_first(judged: Evaluation) -> list[int]:
    """The classes by the share of their images that was recognised; those without images last.

    Args:
        judged: see there.
    """
    recall = np.where(np.isnan(judged.per_class.recall), 2.0, judged.per_class.recall)
    order: list[int] = np.argsort(recall, kind="stable").tolist()
    return order


def class_section(judged: Evaluation) -> Iterator[str]:
    """Show the figures of each class.

    Args:
        judged: the evaluation to show.
    """
    yield '<section id="classes"><h2>Each class</h2><div class="panel">'
    yield scrolling("Figures of each class", _table(judged), tall=True)
    yield "</div></section>"


def _table(judged: Evaluation) -> Iterator[str]:
    yield '<table class="plain sticky sortable"><caption><span>The weakest first. Recognised: of the '
    yield "images of the class (recall). Precision: of the images taken for it. F1: harmonic mean of "
    yield "the two."
    yield "</span></caption><thead><tr>"
    for column in _COLUMNS:
        kind = ' class="number"' if column in _NUMBERS else ""
        yield f'<th scope="col"{kind}>{column}</th>'
    yield "</tr></thead><tbody>"
    wrong = judged.confusion - np.diag(np.diag(judged.confusion))
    rivals = wrong.argmax(1)
    for i in weakest_first(judged):
        rival = int(rivals[i])
        yield _row(judged, i, rival=rival, mistakes=int(wrong[i, rival]))
    yield "</tbody></table>"


def _row(judged: Evaluation, i: int, *, rival: int, mistakes: int) -> str:
    classes, names = judged.per_class, judged.class_names
    count = int(classes.count[i])
    shares = (float(column[i]) for column in (classes.recall, classes.precision, classes.f1))
    recall, precision, f1 = (_number(-1 if isnan(x) else x, share(x)) for x in shares)
    images = _number(count, f"{count:,}")
    rivalry = f"{name(names[rival])} ({mistakes:,})" if mistakes else ""
    interval = _interval(
        *(float(c[i]) for c in (classes.recall_low, classes.recall, classes.recall_high))
    )
    return (
        f'<tr><th scope="row">{name(names[i])}</th>{images}{recall}{interval}{precision}{f1}'
        f"<td>{rivalry}</td></tr>"
    )


def _number(value: float, said: str) -> str:
    return f'<td class="number" data-value="{value:.6g}">{said}</td>'


def _interval(low: float, middle: float, high: float) -> str:
    if isnan(middle):
        return '<td class="interval" data-value="-1">-</td>'
    said = f"{100 * low:.1f} to {100 * high:.1f} %"
    mark = min(98.5, max(0.0, 100 * middle - 0.75))
    return (
        f'<td class="interval" data-value="{100 * low:.4f}"><svg viewBox="0 0 100 14" role="img" '
        f'preserveAspectRatio="none" aria-label="{said}"><title>{said}</title>'
        '<rect class="track" y="6" width="100" height="2"/>'
        f'<rect class="range" x="{100 * low:.1f}" y="3" width="{100 * (high - low):.1f}" height="8"/>'
        f'<rect class="value" x="{mark:.1f}" y="1" width="1.5" height="12"/></svg></td>'
    )
