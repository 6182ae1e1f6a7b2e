"""The report of a training: one page that needs nothing else.

What was trained on what, how good it has become, what it confuses, what it cost and how to use it. The
page loads nothing; its one script sorts a table, and everything can be read without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from resnets.data.pages import document, safe
from resnets.evaluation.evaluation import Evaluation
from resnets.files import write_text
from resnets.quantities import count
from resnets.reporting.class_table import class_section
from resnets.reporting.confusion import confusion_section
from resnets.reporting.course import best_epoch
from resnets.reporting.curves import curve_charts
from resnets.reporting.facts import Epoch, TrainingFacts
from resnets.reporting.galleries import gallery_sections, suspected_labels
from resnets.reporting.making import cost_section, data_section, making_section
from resnets.reporting.markup import name, scrolling
from resnets.reporting.style import SCRIPT, STYLE
from resnets.reporting.trust import trust_section
from resnets.reporting.verdict import judge, majority
from resnets.reporting.words import duration, percent, percent_interval


def write_report(path: str | Path, facts: TrainingFacts) -> Path:
    """Write the report of a training, in one step.

    Args:
        path: of the HTML file; its folder must exist.
        facts: of the training.
    """
    return write_text(path, report_page(facts))


def report_page(facts: TrainingFacts) -> str:
    """Make the report of a training.

    Args:
        facts: of the training.
    """
    judged = facts.judged
    suspects = suspected_labels(judged) if judged is not None else []
    parts = [_use(facts), _curves(facts)]
    if judged is not None:
        parts += [
            confusion_section(judged),
            class_section(judged),
            trust_section(judged),
            gallery_sections(facts, judged, suspects),
        ]
    parts += [data_section(facts), making_section(facts), cost_section(facts)]
    title = f"{facts.info.architecture} on {facts.dataset.name}"
    return document(
        title, chain(_head(facts, has_suspects=bool(suspects)), *parts), style=STYLE, script=SCRIPT
    )


def kept_epoch(facts: TrainingFacts) -> int | None:
    """The epoch, from 1, whose weights are in the model file; None where it cannot be told.

    Args:
        facts: of the training.
    """
    if not facts.history:
        return None
    last = facts.history[-1].epoch
    return last if facts.settings.select == "last" else best_epoch(facts.history) or last


def _head(facts: TrainingFacts, *, has_suspects: bool) -> Iterator[str]:
    verdict, judged = judge(facts), facts.judged
    yield f'<header class="{verdict.tone}"><p class="eyebrow">Training report</p>'
    yield f"<h1>{safe(facts.info.architecture)} on {name(facts.dataset.name)}</h1>"
    yield f'<p class="verdict">{safe(verdict.sentence)}</p>'
    if judged is not None:
        yield f'<p class="where">{safe(_measured_on(facts, judged))}</p>'
    yield '<dl class="facts">'
    for words, figure, detail in _figures(facts):
        small = f"<small>{safe(detail)}</small>" if detail else ""
        yield f"<div><dt>{safe(words)}{small}</dt><dd>{safe(figure)}</dd></div>"
    yield "</dl>"
    yield from _contents(facts, has_suspects=has_suspects)
    yield "</header>"


def _figures(facts: TrainingFacts) -> Iterator[tuple[str, str, str]]:
    """What stands in large figures: words, the figure, and a detail."""
    judged = facts.judged
    if judged is not None:
        hits, total = int(judged.hits.sum()), len(judged)
        yield "recognised", percent(judged.top1), percent_interval(hits, total)
        if len(judged.class_names) > 5:
            five = int((judged.ranks < 5).sum())
            yield "among the first five", percent(five / total), percent_interval(five, total)
        _, share = majority(judged)
        yield "by a constant answer", percent(share), ""
    yield "classes", f"{len(facts.dataset.class_names):,}", ""
    yield "training images", f"{len(facts.dataset.splits['train']):,}", ""
    yield "epochs", f"{len(facts.history):,}", ""
    if facts.num_parameters:
        yield "parameters", count(facts.num_parameters), ""
    yield "of training", duration(facts.seconds), ""


def _measured_on(facts: TrainingFacts, judged: Evaluation) -> str:
    words = f"Measured on {judged.data} {judged.split}"
    if facts.chosen_by_judged and len(facts.history) > 1:
        words += "; the kept epoch was chosen by the same images, so expect slightly less on others"
    other = facts.evaluation
    if facts.test is not None and other is not None:
        words += f"; {other.split}: {percent(other.top1)}"
    return words + "".join(f"; {note}" for note in judged.notes) + "."


def _contents(facts: TrainingFacts, *, has_suspects: bool) -> Iterator[str]:
    entries = {"use": "use it", "curves": "curves" if facts.history else ""}
    judged = facts.judged
    if judged is not None:
        wrong = not judged.hits.all()
        entries |= {
            "confusion": "confusion",
            "classes": "each class",
            "trust": "probabilities",
            "mistakes": "mistakes" if wrong else "",
            "unsure": "least certain",
            "labels": "labels" if has_suspects else "",
        }
    entries |= {"data": "data", "making": "how it was made", "cost": "time"}
    links = (f'<a href="#{key}">{words}</a>' for key, words in entries.items() if words)
    yield f'<nav aria-label="Contents">{"".join(links)}</nav>'


def _use(facts: TrainingFacts) -> Iterator[str]:
    file = safe(facts.model_file)
    yield '<section id="use"><h2>Use it</h2><div class="panel beside">'
    yield (
        f"<pre>import resnets\nmodel = resnets.load(&quot;{file}&quot;)\n"
        "print(model.predict(&quot;photo.jpg&quot;)[0].label)</pre>"
    )
    yield f"<pre>resnets predict photo.jpg --model {file}</pre>"
    yield "</div></section>"


def _curves(facts: TrainingFacts) -> Iterator[str]:
    history = facts.history
    if not history:
        return
    yield '<section id="curves"><h2>How it learned</h2><div class="panel"><div class="charts">'
    yield from curve_charts(history, kept=kept_epoch(facts))
    yield "</div><details><summary>Figures of every epoch</summary>"
    yield scrolling("Figures of every epoch", _epochs(history), tall=True)
    yield "</details></div></section>"


def _epochs(history: Sequence[Epoch]) -> Iterator[str]:
    yield '<table class="plain sticky"><thead><tr>'
    heads = (
        "epoch",
        "training loss",
        "validation loss",
        "training",
        "validation",
        "learning rate",
        "time",
    )
    yield "".join(f'<th scope="col" class="number">{head}</th>' for head in heads)
    yield "</tr></thead><tbody>"
    for e in history:
        cells = (
            f"{e.train_loss:.4f}",
            "-" if e.val_loss is None else f"{e.val_loss:.4f}",
            "-" if e.train_top1 is None else percent(e.train_top1),
            "-" if e.val_top1 is None else percent(e.val_top1),
            f"{e.learning_rate:.3g}",
            duration(e.seconds),
        )
        row = "".join(f'<td class="number">{cell}</td>' for cell in cells)
        yield f'<tr><th scope="row" class="number">{e.epoch}</th>{row}</tr>'
    yield "</tbody></table>"
