"""The page of the demo: what came out, and of each figure whether it was measured just now."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import Image

from resnets.analysis.comparison import ComparedModel, Comparison, DifferingImage
from resnets.analysis.explanation import Explanation
from resnets.data.pages import document, picture, safe
from resnets.files import write_text
from resnets.quantities import count
from resnets.reporting.course import best_epoch
from resnets.reporting.curves import curve_charts
from resnets.reporting.facts import Epoch
from resnets.reporting.markup import definitions, name, scrolling, share
from resnets.reporting.style import SCRIPT, STYLE
from resnets.reporting.words import duration, percent
from resnets.training.machine import this_machine
from resnets.weights.model_info import Metric
from resnets.weights.prediction import Prediction
from resnets.weights.shipped import ShippedModel

PIXELS = 480  # longest side of a picture on the page
NUM_DIFFERING = 8
RUN = '<span class="from run">this run</span>'
CARD = '<span class="from card">from the card</span>'
RULES = """
.from { display: inline-block; font: 600 .6875rem/1.7 system-ui, sans-serif; letter-spacing: .02em;
  padding: 0 8px; border-radius: 999px; border: 1px solid var(--tone); color: var(--tone);
  white-space: nowrap; vertical-align: middle; }
.from.run { --tone: var(--fine); } .from.card { --tone: var(--note); border-style: dashed; }
h2 .from, .lead .from { margin-left: 4px; } .credit .from { margin-right: 4px; }
.photos { display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); }
.photos .panel { margin: 0; }
.looks { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; }
.looks img { width: 100%; display: block; border-radius: 8px; }
.photo h3 { margin-top: 12px; }
.photo h3 span { color: var(--warning); }
.photo .answers { list-style: none; margin: 8px 0 0; padding: 0; display: grid; gap: 3px; }
.answers li { display: grid; grid-template-columns: minmax(0, 9.5rem) 1fr 3.6rem; gap: 10px;
  align-items: center; }
.answers .label { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.answers .rail { height: 10px; border-radius: 5px; background: var(--line); overflow: hidden; }
.answers i { display: block; height: 100%; border-radius: 5px; background: var(--bar); }
.bubbles { display: block; width: 100%; min-width: 920px; height: auto; }
.plain.rows th, .plain.rows td { white-space: nowrap; overflow-wrap: normal; padding-right: 14px; }
.credit { color: var(--quiet); font-size: .8125rem; line-height: 1.9; margin-top: 10px; }
iframe { width: 100%; height: min(80vh, 900px); border: 1px solid var(--line); border-radius: 8px; }
footer { margin-top: 40px; }
"""


@dataclass(frozen=True, eq=False)
class Findings:
    """What the demo found.

    Attributes:
        predictions: of the photos.
        explanations: of the same photos.
        shipped: the networks in the package.
        published: the same, compared by what their cards state.
        judged: the network of this run and one from the package, compared on images new to both.
        num_learned: images that the first of these two learned from.
        num_classes: of these images.
        history: of the training.
        report: of the training, relative to the page.
        seconds: that each command took.
        commands: what to do next.
    """

    predictions: Sequence[Prediction]
    explanations: Sequence[Explanation]
    shipped: Sequence[ShippedModel]
    published: Comparison
    judged: Comparison
    num_learned: int
    num_classes: int
    history: Sequence[Epoch]
    report: Path
    seconds: Mapping[str, float]
    commands: Sequence[str]


def write_page(path: Path, found: Findings) -> Path:
    """Write the page; it needs no other file.

    Args:
        path: of the page, in the folder that holds the report.
        found: by the demo.
    """
    parts = [
        *_head(found),
        *_photos(found),
        *_networks(found),
        *_training(found, path.parent),
        *_yours(found),
        *_footer(found),
    ]
    title = "From a photo to a network of your own"
    return write_text(path, document(title, parts, style=STYLE + RULES, script=SCRIPT))


def _head(found: Findings) -> Iterator[str]:
    ours = _top1(found.judged.models[0])
    yield '<header class="note"><p class="eyebrow">resnets: the demo</p>'
    yield "<h1>From a photo to a network of your own</h1>"
    yield '<p class="where">Nothing was downloaded: the networks come with the package, the photos and '
    yield "the pictures of clothes with its repository.</p>"
    yield '<dl class="facts">'
    for words, figure in (
        ("photos looked at", f"{len(found.predictions)}"),
        ("networks in the package", f"{len(found.shipped)}"),
        ("of training", duration(found.seconds["train"])),
        ("of new clothes recognised", percent(ours.value)),
    ):
        yield f"<div><dt>{words}</dt><dd>{figure}</dd></div>"
    yield f'</dl><p class="credit">{RUN} measured on this machine, just now, as are these four.<br>'
    yield f"{CARD} measured when a network of the package was made, and kept in its file.</p>"
    yield '<nav aria-label="Contents"><a href="#photos">photos</a><a href="#networks">networks</a>'
    yield '<a href="#training">training</a><a href="#yours">your own pictures</a></nav></header>'


def _photos(found: Findings) -> Iterator[str]:
    default = found.shipped[0]
    info, top1 = default.info, default.metric("top1")
    yield f'<section id="photos"><h2>What is on these photos? {RUN}</h2>'
    yield f'<p class="lead">Asked was <code>{safe(default.name)}</code>, which knows '
    yield f"{len(info.class_names)} things and sees {info.preprocessing.image_size} by "
    yield f"{info.preprocessing.image_size} pixels of each photo. "
    if top1 is not None:
        yield f"It is right on {share(top1.value)} of {safe(top1.data)} {CARD}. "
    yield "Beside each photo, in colour: where it sees its first answer, most in yellow.</p>"
    yield '<div class="photos">'
    for prediction, explanation in zip(found.predictions, found.explanations, strict=True):
        yield _photo(prediction, explanation, len(info.class_names))
    yield "</div></section>"


def _photo(prediction: Prediction, explanation: Explanation, num_classes: int) -> str:
    shown = Path(prediction.image).name
    found = safe(prediction.label)
    if prediction.abstains:
        found = f"<span>none of its {num_classes} things, most likely</span>"
    looks = "".join(
        f'<img src="{_address(image)}" alt="{safe(words)}">'
        for image, words in (
            (explanation.preview, shown),
            (explanation.pictures()[-1], f"Where {shown} shows {prediction.label}"),
        )
    )
    answers = "".join(
        f'<li><span class="label" title="{safe(each.label)}">{safe(each.label)}</span>'
        f'<span class="rail"><i style="width:{100 * each.probability:.1f}%"></i></span>'
        f'<span class="number">{share(each.probability)}</span></li>'
        for each in prediction.classes
    )
    return (
        f'<article class="panel photo note"><div class="looks">{looks}</div>'
        f"<h3>{safe(shown)}: {found}</h3>"
        f'<ul class="answers">{answers}</ul></article>'
    )


def _address(image: Image.Image) -> str:
    """A picture as an address that holds it."""
    small = image.convert("RGB")
    small.thumbnail((PIXELS, PIXELS), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _networks(found: Findings) -> Iterator[str]:
    yield '<section id="networks"><h2>The networks in the package</h2><div class="panel">'
    yield scrolling("Accuracy against cost", [found.published.to_svg()])
    yield f'<p class="credit">{CARD} accuracy. {RUN} multiply-adds and parameters, counted. '
    yield "A plain20 is a resnet20 without its shortcuts, and costs the same.</p>"
    yield scrolling("The networks in the package", _shipped_table(found))
    yield "</div></section>"


def _shipped_table(found: Findings) -> Iterator[str]:
    heads = (
        ("top-1", CARD),
        ("95 % interval", CARD),
        ("of", CARD),
        ("parameters", RUN),
        ("multiply-adds", RUN),
        ("file", RUN),
    )
    yield '<table class="plain rows"><thead><tr><th scope="col">network</th>'
    yield "".join(f'<th scope="col">{words}<br>{tag}</th>' for words, tag in heads)
    yield "</tr></thead><tbody>"
    for shipped, row in zip(found.shipped, found.published.models, strict=True):
        top1 = shipped.metric("top1")
        cells = [*_card_cells(top1), count(row.parameters), count(row.multiply_adds)]
        cells.append(f"{shipped.num_bytes / 1e6:.1f} MB")
        yield f'<tr><th scope="row">{name(shipped.name)}</th>'
        yield "".join(f"<td>{safe(cell)}</td>" for cell in cells) + "</tr>"
    yield "</tbody></table>"


def _card_cells(top1: Metric | None) -> list[str]:
    if top1 is None:
        return ["-", "-", "-"]
    images = f"{top1.num_images:,} images of " if top1.num_images else ""
    return [percent(top1.value), _interval(top1), images + top1.data]


def _interval(top1: Metric) -> str:
    if top1.low is None or top1.high is None:
        return "-"
    return f"{100 * top1.low:.1f} to {100 * top1.high:.1f} %"


def _training(found: Findings, folder: Path) -> Iterator[str]:
    ours, rival = found.judged.models
    top1, seconds = _top1(ours), duration(found.seconds["train"])
    yield f'<section id="training"><h2>A network trained a moment ago {RUN}</h2><div class="panel">'
    yield f"<p>In {seconds}, a <b>{safe(ours.architecture)}</b> of {count(ours.parameters)} parameters "
    yield f"saw {found.num_learned:,} pictures of clothes {len(found.history)} times. Of "
    yield f"{found.judged.num_images:,} others it recognises <b>{share(top1.value)}</b> "
    yield f"({_interval(top1)}); guesses would be right on {share(1 / found.num_classes)}.</p>"
    yield f"<p><code>{safe(rival.name)}</code>, which comes with the package, recognises "
    yield f"{share(_top1(rival).value)} of the same ones: {safe(found.judged.pairs[0].words)}.</p>"
    yield '<div class="charts">'
    yield from curve_charts(found.history, kept=best_epoch(found.history))
    yield "</div></div>"
    shown = [image for image in found.judged.differing if image.image in found.judged.pictures]
    if shown:
        yield f"<h2>Where the two disagree {RUN}</h2>"
        yield '<div class="panel"><div class="gallery">'
        yield from (_differing(found.judged, image) for image in shown[:NUM_DIFFERING])
        yield "</div></div>"
    report = (folder / found.report).read_text("utf-8")
    yield f'<details class="report"><summary>The whole report of the training {RUN}</summary>'
    yield f'<iframe title="Training report" srcdoc="{html.escape(report)}"></iframe></details>'
    yield f'<p class="more">The same as a page: <a href="{found.report.as_posix()}">report.html</a></p>'
    yield "</section>"


def _differing(judged: Comparison, image: DifferingImage) -> str:
    answers = "".join(
        f'<span class="answer">{words}: {name(predicted)}, {share(sure)}</span>'
        for words, (predicted, sure) in zip(("new", "package"), image.answers, strict=True)
    )
    seen = picture(judged.pictures[image.image], words=image.image)
    return (
        f'<figure><div class="pictures">{seen}</div><figcaption><b>{name(image.label)}</b>{answers}'
        "</figcaption></figure>"
    )


def _yours(found: Findings) -> Iterator[str]:
    yield '<section id="yours"><h2>Now with your own pictures</h2><div class="panel">'
    yield "<p>A folder <code>photos/</code> with a folder for each kind of them is enough.</p>"
    commands = "\n".join(map(safe, found.commands))
    yield f"<pre>{commands}</pre></div></section>"


def _footer(found: Findings) -> Iterator[str]:
    machine = this_machine()
    yield f"<footer><h2>Time {RUN}</h2>"
    yield '<div class="panel">'
    times = {f"resnets {command}": duration(seconds) for command, seconds in found.seconds.items()}
    cores = f"{machine.name}, {machine.cores} cores"
    made = f"{datetime.now().astimezone():%d %B %Y, %H:%M}"
    yield definitions({**times, "machine": cores, "made": made})
    yield "</div></footer>"


def _top1(model: ComparedModel) -> Metric:
    assert model.evaluation is not None
    return model.evaluation.metric("top1")
