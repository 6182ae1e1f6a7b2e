"""How a network was made: the data, the choices, the settings, the time that it took."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import tomli_w

from resnets.data.file_checks import plural
from resnets.data.findings import SEVERITIES, Finding
from resnets.data.pages import safe
from resnets.quantities import memory
from resnets.reporting.facts import TrainingFacts
from resnets.reporting.markup import definitions, scrolling
from resnets.reporting.words import duration, percent, sentence_list
from resnets.weights.info_text import preprocessing_words

_MOST_NAMES = 3


def data_section(facts: TrainingFacts) -> Iterator[str]:
    """Say what the network was trained on, and what is wrong with it.

    Args:
        facts: of the training.
    """
    yield '<section id="data"><h2>The data</h2><div class="panel">'
    yield definitions(data_facts(facts))
    if facts.findings is not None:
        yield from _findings(facts.findings, facts.dataset.root)
    yield "</div></section>"


def data_facts(facts: TrainingFacts) -> dict[str, str]:
    """The data in words.

    Args:
        facts: of the training.
    """
    dataset, info = facts.dataset, facts.info
    splits = (f"{split} {len(images):,}" for split, images in dataset.splits.items())
    said = {
        "data set": f"{dataset.name} ({dataset.kind})",
        "images": ", ".join(splits),
        "splits": "as given" if dataset.split_origin == "given" else dataset.split_origin,
        "classes": f"{len(dataset.class_names):,}",
        "preprocessing": preprocessing_words(info.preprocessing),
    }
    if info.data is not None:
        said["fingerprint"] = f"SHA-256 {info.data.sha256}"
    if info.licence is not None and info.licence.data:
        said["licence"] = info.licence.data
    return said


def making_section(facts: TrainingFacts) -> Iterator[str]:
    """Say how the network was trained, and how to do it again.

    Args:
        facts: of the training.
    """
    yield '<section id="making"><h2>How it was made</h2><div class="panel">'
    if facts.choices:
        yield scrolling("What was chosen", _choices(facts))
    if facts.command:
        yield f"<p>To train it again</p><pre>{safe(facts.command)}</pre>"
    settings = tomli_w.dumps(facts.settings.model_dump(mode="json", exclude_none=True))
    text = "\n".join(map(safe, settings.strip().splitlines()))
    yield f"<details><summary>All settings, as in config.toml</summary><pre>{text}</pre></details>"
    yield "</div></section>"


def _choices(facts: TrainingFacts) -> Iterator[str]:
    yield '<table class="plain"><caption><span>What nobody had set was chosen by rule.</span></caption>'
    yield '<thead><tr><th scope="col">setting</th><th scope="col">value</th>'
    yield '<th scope="col">because</th></tr></thead><tbody>'
    for key, value, reason in facts.choices:
        yield f'<tr><th scope="row"><code>{safe(key)}</code></th>'
        yield f"<td>{safe(value)}</td><td>{safe(reason)}</td></tr>"
    yield "</tbody></table>"


def cost_section(facts: TrainingFacts) -> Iterator[str]:
    """Say what the training took.

    Args:
        facts: of the training.
    """
    yield '<section id="cost"><h2>Time and machine</h2><div class="panel">'
    yield definitions(cost_facts(facts))
    yield "</div></section>"


def cost_facts(facts: TrainingFacts) -> dict[str, str]:
    """Time, speed, memory and machine in words.

    Args:
        facts: of the training.
    """
    said = {"time": duration(facts.seconds)}
    history = facts.history
    if history:
        seconds = sum(e.seconds for e in history)
        speed = sum(e.images_per_second for e in history) / len(history)
        wait = sum(e.data_wait for e in history) / len(history)
        said |= {
            "per epoch": duration(seconds / len(history)),
            "speed": f"{speed:,.0f} training images per second",
            "waiting for images": f"{percent(wait, 0)} of the time"
            + (": faster reading would help" if wait > 0.2 else ""),
            "peak memory": memory(max(e.memory_bytes for e in history)),
        }
    return said | dict(facts.machine) | {"software": _software(facts.info.versions)}


def _software(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _findings(findings: Sequence[Finding], root: Path) -> Iterator[str]:
    if not findings:
        yield "<p>A check of all images found nothing wrong.</p>"
        return
    numbers = Counter(finding.severity for finding in findings)
    counts = [plural(numbers[severity], severity) for severity in SEVERITIES if numbers[severity]]
    yield f"<p>The check of all images found {sentence_list(counts)}:</p>"
    yield '<ul class="found">'
    for finding in findings:
        yield (
            f'<li class="{finding.severity}"><span class="tag">{finding.severity}</span>'
            f"<span>{safe(finding.sentence)}</span>{_names(finding)}"
            f"<small>{safe(finding.advice)}</small></li>"
        )
    yield "</ul>"
    if root.exists():  # not so for arrays
        command = shlex.join(["resnets", "data", "check", str(root), "--html", "check.html"])
        yield f"<p>To see all of them, with pictures</p><pre>{safe(command)}</pre>"


def _names(finding: Finding) -> str:
    """The first few images of a finding; images that belong together are joined by '='."""
    cases = [case.images for case in finding.examples if case.images]
    shown = [" = ".join(f"<code>{safe(name)}</code>" for name in case) for case in cases[:_MOST_NAMES]]
    more = ", ..." if shown and finding.count > len(shown) else ""
    return f"<small>{', '.join(shown)}{more}</small>" if shown else ""
