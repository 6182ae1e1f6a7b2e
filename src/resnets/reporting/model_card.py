"""The model card: what one should know before using a model, as the Hugging Face Hub reads it.

Mitchell et al. 2019, arXiv:1810.03993, with the Hub's front matter
(https://huggingface.co/docs/hub/model-cards). It is the README of a run and lies in the model file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import tomli_w

from resnets.evaluation.evaluation import Evaluation
from resnets.reporting.class_table import weakest_first
from resnets.reporting.facts import TrainingFacts
from resnets.reporting.galleries import suspected_labels
from resnets.reporting.making import cost_facts, data_facts
from resnets.reporting.markdown import Yaml, fenced, plain, table, yaml_lines
from resnets.reporting.trust import calibration_words
from resnets.reporting.verdict import judge, majority
from resnets.reporting.words import percent, percent_interval
from resnets.weights.info_text import preprocessing_words
from resnets.weights.model_info import Metric

_MOST_CLASSES = 100
_TRUSTED = 0.8
# Top-1 from which a network may be asked about labels: a worse one doubts most of what it gets wrong.
_HUB_LICENCES = frozenset(
    {
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "mpl-2.0", "unlicense", "unknown"),
        *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nd-4.0"),
        *("cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0"),
        *("gpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0"),
    }
)
"""What the Hub knows by name, of what a network is likely to have; the rest is 'other'."""

_FIGURES = {
    "top1": "recognised (top-1)",
    "top5": "among the first five (top-5)",
    "mean_recall": "recognised, mean of the classes",
    "loss": "cross-entropy",
    "calibration_error": "expected calibration error",
    "answered": "answered, not abstained from",
    "answered_top1": "recognised, of those answered",
    "right_kept": "right answers that are given",
    "wrong_refused": "wrong answers that are not given",
}
_HUB_METRICS = {"top1": ("accuracy", "Top-1 accuracy"), "top5": ("accuracy", "Top-5 accuracy")}


def model_card(facts: TrainingFacts) -> str:
    """Write the model card.

    Args:
        facts: of the training.
    """
    judged = facts.judged
    parts = [
        "---\n" + "\n".join(yaml_lines(front_matter(facts))) + "\n---",
        f"# {plain(_title(facts))}",
        plain(judge(facts).sentence),
        "## How to use it",
        fenced(
            f'import resnets\nmodel = resnets.load("{facts.model_file}")\n'
            'print(model.predict("photo.jpg")[0].label)',
            "python",
        ),
    ]
    if judged is not None:
        parts += [*_figures(facts), *_classes(judged), *_failures(judged)]
        parts += ["## Calibration", plain(calibration_words(judged))]
    parts += [*_data(facts), *_training(facts), *_licence(facts), *_limits(facts)]
    return "\n\n".join(parts) + "\n"


def front_matter(facts: TrainingFacts) -> dict[str, Yaml]:
    """What the Hub reads.

    Args:
        facts: of the training.
    """
    info, name = facts.info, facts.dataset.name
    licence = info.licence.weights if info.licence else "unknown"
    matter: dict[str, Yaml] = {"library_name": "resnets", "pipeline_tag": "image-classification"}
    if licence.lower() in _HUB_LICENCES:
        matter["license"] = licence.lower()
    else:
        matter |= {"license": "other", "license_name": _slug(licence)}
    matter["tags"] = ["resnets", "image-classification", info.architecture]
    if name == _slug(name):
        matter["datasets"] = [name]
    if facts.judged is not None:
        matter["metrics"] = ["accuracy"]
        result: dict[str, Yaml] = {
            "task": {"type": "image-classification", "name": "Image Classification"},
            "dataset": {"type": _slug(name), "name": name, "split": facts.judged.split},
            "metrics": [_hub_metric(m) for m in facts.judged.metrics if m.name in _HUB_METRICS],
        }
        matter["model-index"] = [{"name": _title(facts), "results": [result]}]
    return matter


def _hub_metric(metric: Metric) -> dict[str, Yaml]:
    kind, name = _HUB_METRICS[metric.name]
    return {"type": kind, "value": round(metric.value, 6), "name": name}


def _title(facts: TrainingFacts) -> str:
    return f"{facts.info.architecture} on {facts.dataset.name}"


def _slug(name: str) -> str:
    """A name as the Hub takes it."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.") or "unnamed"


def _figures(facts: TrainingFacts) -> Iterator[str]:
    yield "## Figures"
    judged = facts.judged
    assert judged is not None
    measured = dict.fromkeys(filter(None, (judged, facts.evaluation)))
    rows = [_row(metric) for evaluation in measured for metric in evaluation.metrics]
    yield table(("figure", "measured on", "value", "95 % interval", "images"), rows, numbers=3)
    largest, share = majority(judged)
    yield (
        f"Guessing gives {percent(1 / len(judged.class_names))}; always answering "
        f"'{plain(judged.class_names[largest])}' gives {percent(share)}."
    )
    if facts.chosen_by_judged:
        yield (
            "The kept epoch was chosen by the same images, so that slightly less is to be expected on "
            "others."
        )
    if facts.measured_by:
        yield "The same figures again:"
        yield fenced(facts.measured_by, "bash")
    if facts.notes:
        yield "\n".join(f"- {plain(note)}" for note in facts.notes)


def _row(metric: Metric) -> tuple[str, ...]:
    value = percent(metric.value) if metric.name != "loss" else f"{metric.value:.4f}"
    interval = ""
    if metric.low is not None and metric.high is not None:
        interval = f"{100 * metric.low:.1f} to {100 * metric.high:.1f} %"
    what = _FIGURES.get(metric.name, metric.name)
    return what, plain(metric.data), value, interval, f"{metric.num_images:,}"


def _classes(judged: Evaluation) -> Iterator[str]:
    order = weakest_first(judged)
    shown = order[:_MOST_CLASSES]
    all_shown = len(shown) == len(order)
    few = "the weakest first" if all_shown else f"the {len(shown)} weakest of {len(order):,}"
    yield f"### Each class, {few}"
    rows = []
    for i in shown:
        count, hits = int(judged.per_class.count[i]), int(judged.confusion[i, i])
        recall, precision = (float(c[i]) for c in (judged.per_class.recall, judged.per_class.precision))
        interval = percent_interval(hits, count)
        name = plain(judged.class_names[i])
        rows.append((name, f"{count:,}", percent(recall), interval, percent(precision)))
    yield table(("class", "images", "recognised", "95 % interval", "precision"), rows, numbers=4)


def _failures(judged: Evaluation) -> Iterator[str]:
    yield "## Known failures"
    pairs = judged.confused(10)
    counts = dict(zip(judged.class_names, judged.per_class.count.tolist(), strict=True))
    lines = [
        f"- '{plain(right)}' is taken for '{plain(answered)}': {count:,} of {counts[right]:,} images"
        for right, answered, count in pairs
    ]
    suspects = len(suspected_labels(judged)) if judged.top1 >= _TRUSTED else 0
    if suspects:
        lines.append(
            f"- {suspects:,} of the {len(judged):,} labels may be wrong themselves (confident "
            "learning); the report of the training shows them"
        )
    yield "\n".join(lines) if lines else "It made no mistake on these images."


def _data(facts: TrainingFacts) -> Iterator[str]:
    yield "## Training data"
    said = {key: words for key, words in data_facts(facts).items() if key != "preprocessing" and words}
    yield "\n".join(f"- {key}: {plain(words)}" for key, words in said.items())
    if facts.findings is not None:
        found = [f"- {f.severity}: {plain(f.sentence)}" for f in facts.findings]
        yield "A check of all images found:" if found else "A check of all images found nothing wrong."
        if found:
            yield "\n".join(found)
    yield "## Preprocessing"
    words = preprocessing_words(facts.info.preprocessing)
    yield f"{plain(words)}. The model file holds all of it, and applies it."


def _training(facts: TrainingFacts) -> Iterator[str]:
    yield "## Training"
    said = {"epochs": str(len(facts.history)), "seed": str(facts.settings.seed), **cost_facts(facts)}
    yield "\n".join(f"- {plain(key)}: {plain(words)}" for key, words in said.items() if words)
    if facts.made_by:
        yield "Started by"
        yield fenced(facts.made_by, "bash")
    yield "These settings, as `config.toml`, train it again:"
    yield fenced("resnets train --config config.toml", "bash")
    settings = facts.settings.model_dump(mode="json", exclude_none=True)
    # A card is published: it need not tell how the folders of its writer are called.
    own = {key: Path(settings[key]).name for key in ("data", "model")}
    yield fenced(tomli_w.dumps(settings | own), "toml")


def _licence(facts: TrainingFacts) -> Iterator[str]:
    licence = facts.info.licence
    yield "## Licence"
    weights, data = (licence.weights, licence.data) if licence else ("", "")
    yield f"- weights: {plain(weights or 'not stated')}\n- data: {plain(data or 'not stated')}"


def _limits(facts: TrainingFacts) -> Iterator[str]:
    number, threshold = len(facts.info.class_names), facts.info.abstain_below
    others = (
        f"says that an image most likely shows none of them if less than {percent(threshold)} sure. It "
        "can be sure of an image that shows none"
        if threshold
        else "answers with one of them whatever an image shows"
    )
    yield "## Limits"
    yield (
        f"- It knows {number:,} classes, and {others}.\n"
        f"- The figures hold for images like those of {plain(facts.dataset.name)}; on others it may be "
        "much worse.\n"
        "- Nothing was measured about fairness or about images made to deceive it."
    )
