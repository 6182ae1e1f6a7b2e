"""What a check found, as lines for a terminal and as one HTML file that needs nothing else.

The page loads nothing: style and thumbnails are inside it, there is no script, and whatever comes from
names of files is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from resnets.data.decoding import ImageSource
from resnets.data.file_checks import plural
from resnets.data.findings import SEVERITIES, DataReport, Example, Finding, Severity
from resnets.data.pages import document, picture, safe
from resnets.errors import printable
from resnets.files import write_text

_MOST_CLASSES = 40
_MOST_LINES = 3

_WORDS: dict[Severity, tuple[str, str]] = {
    "error": ("Errors", "make results wrong, or training impossible"),
    "warning": ("Warnings", "may make results worse or look better than they are"),
    "note": ("Notes", "good to know"),
}


def text_lines(report: DataReport) -> Iterator[str]:
    """Say what a check found, for a terminal.

    Args:
        report: of `check`.
    """
    splits = ", ".join(f"{split} {sum(counts):,}" for split, counts in report.class_counts.items())
    yield printable(
        f"{report.name}: {report.kind}, {plural(len(report.class_names), 'class', 'classes')}"
    )
    yield f"{plural(report.num_images, 'image')}, usable: {splits}"
    for finding in report.findings:
        yield ""
        yield f"{finding.severity}: {printable(finding.sentence)}"
        for example in finding.examples[:_MOST_LINES]:
            yield f"    {_line_of(example)}"
        if finding.count > len(finding.examples[:_MOST_LINES]) > 0:
            yield "    ..."
        yield f"  {finding.advice}"
    yield ""
    yield f"{_verdict(report)} Checked in {_seconds(report)}."


def page(report: DataReport) -> str:
    """Make the page of a check.

    Args:
        report: of `check`.
    """
    parts = chain(_head(report), _sections(report), _class_table(report))
    return document(f"Data check: {report.name}", parts)


def write_page(report: DataReport, path: str | Path) -> Path:
    """Write the page of a check.

    Args:
        report: of `check`.
        path: of the HTML file; its folder must exist.
    """
    return write_text(path, page(report))


def _head(report: DataReport) -> Iterator[str]:
    tone = next((s for s in SEVERITIES[:2] if report.count(s)), "fine")
    yield f'<header class="{tone}">'
    yield f"<p class=eyebrow>Data check</p><h1>{safe(report.name)}</h1>"
    yield f"<p class=verdict>{_verdict(report)}</p>"
    yield f"<p class=where>{safe(report.kind)} in <code>{safe(report.root)}</code></p>"
    facts = [
        (f"{report.num_images:,}", "images"),
        (f"{len(report.class_names):,}", "classes"),
        *((f"{sum(counts):,}", f"usable in {split}") for split, counts in report.class_counts.items()),
        (_seconds(report), "for the check"),
    ]
    yield "<dl class=facts>"
    yield from (f"<div><dt>{safe(words)}</dt><dd>{number}</dd></div>" for number, words in facts)
    yield "</dl></header>"


def _class_table(report: DataReport) -> Iterator[str]:
    """Bars of images per class; of many classes, the largest and the smallest."""
    train = report.class_counts["train"]
    order = sorted(range(len(train)), key=lambda i: -train[i])
    shown = order
    if len(order) > _MOST_CLASSES:
        shown = [*order[: _MOST_CLASSES // 2], *order[-(_MOST_CLASSES // 2) :]]
    most = max(1, *(max(counts, default=0) for counts in report.class_counts.values()))
    kept = [split for split, counts in report.class_counts.items() if any(counts)]
    yield "<section><h2>Usable images of each class</h2>"
    yield "<table class=classes><thead><tr><th scope=col>class</th>"
    yield "".join(f"<th scope=col>{safe(split)}</th>" for split in kept) + "</tr></thead><tbody>"
    for place, label in enumerate(shown):
        if place == _MOST_CLASSES // 2 < len(shown) < len(order):
            more = plural(len(order) - len(shown), "class", "classes")
            yield f'<tr><td class=more colspan="{len(kept) + 1}">{more} between</td></tr>'
        cells = "".join(_bar(report.class_counts[split][label], most) for split in kept)
        yield f"<tr><th scope=row>{safe(report.class_names[label])}</th>{cells}</tr>"
    yield "</tbody></table></section>"


def _bar(count: int, most: int) -> str:
    width = 0 if not count else max(1, round(100 * count / most))
    return f'<td><span class=bar style="width:{width}%"></span><span class=number>{count:,}</span></td>'


def _sections(report: DataReport) -> Iterator[str]:
    pictures = _sources(report)
    for severity in SEVERITIES:
        found = [finding for finding in report.findings if finding.severity == severity]
        if found:
            heading, meaning = _WORDS[severity]
            yield f'<section class="{severity}"><h2>{heading} <small>{meaning}</small></h2>'
            yield from chain.from_iterable(_card(finding, pictures) for finding in found)
            yield "</section>"


def _card(finding: Finding, pictures: dict[str, ImageSource]) -> Iterator[str]:
    yield f'<article id="{safe(finding.code)}"><h3>{safe(_capital(finding.sentence))}</h3>'
    yield f"<p>{safe(finding.advice)}</p>"
    shown = [[picture(pictures.get(name)) for name in example.images] for example in finding.examples]
    if any(image for images in shown for image in images):
        yield "<div class=examples>"
        yield from (_figure(*both) for both in zip(finding.examples, shown, strict=True))
        yield "</div>"
    elif finding.examples:
        yield f"<ul>{''.join(map(_item, finding.examples))}</ul>"
    if len(finding.examples) < finding.count and finding.examples:
        yield f"<p class=more>{len(finding.examples)} of {finding.count:,} shown</p>"
    yield "</article>"


def _figure(example: Example, images: list[str]) -> str:
    pair = " class=pair" if len(images) > 1 else ""
    pictures = "".join(image or "<div class=none>no picture</div>" for image in images)
    caption = f"<figcaption><span class=note>{safe(example.note)}</span>{_codes(example)}</figcaption>"
    return f"<figure{pair}><div class=pictures>{pictures}</div>{caption}</figure>"


def _item(example: Example) -> str:
    return f"<li>{_codes(example)} {safe(example.note)}</li>"


def _codes(example: Example) -> str:
    return " ".join(f"<code>{safe(name)}</code>" for name in example.images)


def _sources(report: DataReport) -> dict[str, ImageSource]:
    """Where the images of the examples are."""
    wanted = {n for finding in report.findings for example in finding.examples for n in example.images}
    evidence = report.evidence
    images = chain.from_iterable(split.images for split in evidence.dataset.splits.values())
    pairs = zip(evidence.images.names, images, strict=True)
    return {name: source for name, source in pairs if name in wanted}


def _line_of(example: Example) -> str:
    names = " = ".join(map(printable, example.images))
    if not names:
        return printable(example.note)
    return f"{names} ({printable(example.note)})" if example.note else names


def _verdict(report: DataReport) -> str:
    counts = [plural(report.count(s), s) for s in SEVERITIES if report.count(s)]
    return f"{', '.join(counts).capitalize()}." if counts else "Nothing wrong was found."


def _seconds(report: DataReport) -> str:
    return f"{report.seconds:.1f} s" if report.seconds < 10 else f"{report.seconds:.0f} s"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
