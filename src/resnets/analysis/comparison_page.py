"""A comparison as a page that needs nothing else, and as files beside it."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_uppercase

from resnets.analysis.bubble_chart import BUBBLE_RULES, chart_colours, draw_bubbles
from resnets.analysis.bubble_plan import BubbleChart
from resnets.analysis.comparison import Comparison, DifferingImage
from resnets.analysis.comparison_chart import comparison_chart, shows_reference, undrawn
from resnets.analysis.comparison_table import Column, comparison_table, csv_text
from resnets.analysis.raster import to_png
from resnets.analysis.reference import CREDIT, GROUPS, ReferencePoint, reference_points
from resnets.data.file_checks import plural
from resnets.data.pages import document, picture, safe
from resnets.errors import MissingDependencyError, OutputError, UnsupportedError, printable
from resnets.files import write_bytes, write_text
from resnets.quantities import count
from resnets.reporting.markup import definitions, name, path, scrolling, share
from resnets.reporting.style import STYLE
from resnets.reporting.words import percent, sentence_list, shortened

log = logging.getLogger(__name__)

_RULES = f"""
:root {{ {chart_colours(dark=False)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {chart_colours(dark=True)} }} }}
{BUBBLE_RULES}
.bubbles {{ display: block; width: 100%; min-width: 860px; height: auto; }}
.verdicts {{ display: grid; gap: 8px; }}
.verdicts > p {{ border-left: 4px solid var(--line); padding-left: 12px; margin: 0 !important; }}
.verdicts > .real {{ border-color: var(--first); }}
.panel > .credit {{ color: var(--quiet); font-size: .8125rem; }}
.rows th, .rows td {{ white-space: nowrap; overflow-wrap: normal; }}
main {{ max-width: 1180px; }}
"""


def save_comparison(comparison: Comparison, folder: str | Path) -> Path:
    """Write the chart, the page and the figures.

    A warning says why, where the chart cannot be drawn as PNG.

    Args:
        comparison: see there.
        folder: made if it is not there; files of those names are replaced.

    Returns:
        The folder.

    Raises:
        OutputError: if the folder cannot be made.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {str(folder)!r}: {error.strerror or error}"
        ) from error
    chart = comparison_chart(comparison)
    drawing = draw_bubbles(chart)
    write_text(folder / "chart.svg", drawing)
    _write_png(folder / "chart.png", drawing)
    write_text(folder / "comparison.html", comparison_page(comparison, chart))
    write_text(folder / "comparison.csv", csv_text(comparison))
    write_text(folder / "comparison.json", json.dumps(comparison.to_dict(), indent=2) + "\n")
    if comparison.data:
        write_text(folder / "differences.csv", _differences(comparison))
    return folder


def _write_png(path: Path, drawing: str) -> None:
    """Draw the chart as pixels; where that cannot be, leave no older one beside the new files."""
    try:
        content = to_png(drawing)
    except (MissingDependencyError, UnsupportedError) as error:
        log.warning("%s is left out: %s", path.name, error)
        path.unlink(missing_ok=True)
    else:
        write_bytes(path, content)


def comparison_page(comparison: Comparison, chart: BubbleChart) -> str:
    """Make the page.

    Args:
        comparison: see there.
        chart: of it.
    """
    parts = [*_head(comparison), *_chart_section(comparison, chart)]
    if comparison.models:
        parts += _figures(comparison)
    if comparison.pairs:
        parts += _pairs(comparison)
    if comparison.differing:
        parts += _images(comparison)
    if shows_reference(comparison):
        parts += _reference()
    return document(_title(comparison), parts, style=STYLE + _RULES)


def _title(comparison: Comparison) -> str:
    names = [shortened(model.label) for model in comparison.models]
    if not names:
        return "Residual networks and their rivals"
    return sentence_list(names) if len(names) < 4 else f"{len(names)} networks"


def _head(comparison: Comparison) -> Iterator[str]:
    yield '<header class="note"><p class="eyebrow">Comparison</p>'
    yield f"<h1>{safe(_title(comparison))}</h1>"
    if comparison.data:
        real = sum(pair.is_real for pair in comparison.pairs)
        if comparison.pairs:
            found = (
                f"{real} of {plural(len(comparison.pairs), 'difference')} in accuracy "
                f"{'is' if real == 1 else 'are'} real; the others may be chance."
            )
            yield f'<p class="verdict">{found}</p>'
        where = f"{plural(comparison.num_images, 'image')} of {comparison.data} {comparison.split}"
        yield f'<p class="where">{safe(where)}</p>'
    for note in comparison.notes:
        yield f'<p class="where">{safe(note[:1].upper() + note[1:])}.</p>'
    yield "</header>"


def _chart_section(comparison: Comparison, chart: BubbleChart) -> Iterator[str]:
    yield '<section id="chart"><h2>At a glance</h2><div class="panel">'
    yield scrolling(chart.title, [draw_bubbles(chart, alone=False)])
    reference = shows_reference(comparison)
    if reference:
        yield f'<p class="credit">{safe(CREDIT)}</p>'
    more = {m.name: m.reported[0].more_data for m in comparison.models if m.reported and reference}
    if marked := [f"{name(model)} on {safe(data)}" for model, data in more.items() if data]:
        yield (
            '<p class="credit">Not from ImageNet-1k alone, as the others are, but pretrained: '
            f"{', '.join(marked)}.</p>"
        )
    if lacking := undrawn(comparison):
        yield (
            f'<p class="credit">Not drawn, as nobody states their accuracy{" on ImageNet" * reference}: '
            f"{', '.join(map(name, lacking))}.</p>"
        )
    yield "</div></section>"


def _figures(comparison: Comparison) -> Iterator[str]:
    columns, rows = comparison_table(comparison)
    yield '<section id="figures"><h2>Figures</h2><div class="panel">'
    yield scrolling("Figures", _table(columns, rows))
    yield from _how_timed(comparison)
    yield "</div></section>"


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    kinds = [' class="number"' * (side == "right") for _, side in columns]
    yield '<table class="plain rows"><thead><tr>'
    for (title, _), kind in zip(columns, kinds, strict=True):
        yield f'<th scope="col"{kind}>{safe(title)}</th>'
    yield "</tr></thead><tbody>"
    for row in rows:
        first, *rest = row
        yield f'<tr><th scope="row">{name(first)}</th>'
        yield "".join(f"<td{kind}>{safe(text)}</td>" for text, kind in zip(rest, kinds[1:], strict=True))
        yield "</tr>"
    yield "</tbody></table>"


def _how_timed(comparison: Comparison) -> Iterator[str]:
    speed = next((model.speed for model in comparison.models if model.speed), None)
    if speed is None:
        return
    machine = comparison.machine
    yield definitions(
        {
            "Times": f"{speed.num_batches} batches of {plural(speed.batch_size, 'image')} each, in "
            "turn: median, and the middle half. The network alone, in float32.",
            "Memory": "what it needed at most besides Python and PyTorch themselves",
            "Machine": f"{machine['device_name'] or machine['device']} ({machine['device']}), "
            f"{plural(machine['threads'], 'thread')}, PyTorch {machine['torch']}",
        }
    )


def _pairs(comparison: Comparison) -> Iterator[str]:
    yield '<section id="pairs"><h2>Which differences are real</h2><div class="panel">'
    yield '<div class="verdicts">'
    for pair in comparison.pairs:
        kind = "real" if pair.is_real else "chance"
        found = pair.result
        detail = (
            f"Only {shortened(pair.first)} is right on {found.only_first:,}, only "
            f"{shortened(pair.second)} on {found.only_second:,}; same answer on "
            f"{percent(pair.agreement)}."
        )
        yield f'<p class="{kind}">{safe(pair.words)}.<br><small>{safe(detail)}</small></p>'
    yield f'</div><p class="credit">{safe(how_tested(comparison))}</p></div></section>'


def how_tested(comparison: Comparison) -> str:
    """Say how the pairs were tested.

    Args:
        comparison: with pairs.
    """
    words = "McNemar's test, exact, on the same images; in brackets the 95 % interval."
    if len(comparison.pairs) > 1:
        words += (
            f" Corrected for {len(comparison.pairs)} pairs after Holm; the intervals are as wide as "
            "that asks."
        )
    return words


def _images(comparison: Comparison) -> Iterator[str]:
    differing = comparison.differing
    shown = [image for image in differing if image.image in comparison.pictures]
    words = f"{plural(len(differing), 'image')} of {comparison.num_images:,}"
    yield f'<section id="images"><h2>Where they differ <small>{words}</small></h2>'
    if shown:
        yield '<p class="lead">First those that one recognises and another is sure about, and wrong.</p>'
        yield '<div class="panel"><div class="gallery">'
        for image in shown:
            yield _image(comparison, image)
        yield "</div></div>"
    yield '<p class="more">All of them: differences.csv</p></section>'


def _image(comparison: Comparison, image: DifferingImage) -> str:
    seen = picture(comparison.pictures.get(image.image), words=image.image)
    shown = seen or '<div class="none">no picture</div>'
    answers = "".join(
        f'<span class="answer">{name(shortened(model.label, 20))}: {name(predicted)}, {share(sure)}'
        "</span>"
        for model, (predicted, sure) in zip(comparison.models, image.answers, strict=True)
    )
    return (
        f'<figure><div class="pictures">{shown}</div><figcaption><span class="truth"><b>'
        f"{name(image.label)}</b></span> {answers}{path(image.image)}</figcaption></figure>"
    )


def _reference() -> Iterator[str]:
    yield '<section id="reference"><h2>The reference</h2><div class="panel">'
    columns: list[Column] = [
        ("network", "left"),
        ("year", "right"),
        ("top-1", "right"),
        ("top-5", "right"),
        ("multiply-adds", "right"),
        ("parameters", "right"),
        ("input", "right"),
        ("kind", "left"),
        ("protocol", "left"),
        ("source", "left"),
    ]
    points = sorted(reference_points(), key=lambda point: (point.year, point.top1))
    protocols = dict(zip(sorted({point.protocol for point in points}), ascii_uppercase, strict=False))
    rows = [_reference_row(point, protocols[point.protocol]) for point in points]
    yield scrolling("The reference", _table(columns, rows))
    words = ". ".join(f"{letter}: {protocol}" for protocol, letter in protocols.items())
    yield f'<p class="credit">How these accuracies were measured. {safe(words)}.</p>'
    yield "</div></section>"


def _reference_row(point: ReferencePoint, protocol: str) -> list[str]:
    return [
        point.title,
        str(point.year),
        f"{point.top1:.2f} %",
        f"{point.top5:.2f} %",
        count(point.multiply_adds),
        count(point.parameters),
        str(point.image_size),
        GROUPS[point.group],
        protocol,
        point.weights or point.source,
    ]


def _differences(comparison: Comparison) -> str:
    """Every image that is not answered alike, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = [
        f"{model.name}: {what}" for model in comparison.models for what in ("answer", "probability")
    ]
    writer.writerow(["image", "label", *map(printable, heads)])
    for image in comparison.differing:
        cells = [cell for answer, sure in image.answers for cell in (printable(answer), f"{sure:.6g}")]
        writer.writerow([printable(image.image), printable(image.label), *cells])
    return text.getvalue()
