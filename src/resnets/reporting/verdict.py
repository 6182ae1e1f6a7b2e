"""The verdict on a training, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal, TypeAlias

import numpy as np

from resnets.data.file_checks import plural
from resnets.data.findings import Finding
from resnets.evaluation.evaluation import Evaluation
from resnets.evaluation.metrics import wilson_interval
from resnets.reporting.course import course_words
from resnets.reporting.facts import TrainingFacts
from resnets.reporting.words import percent, percent_interval, shortened

Tone: TypeAlias = Literal["fine", "warning", "error"]

_UNEVEN = 0.05  # above its fair share, from which on the largest class is the better yardstick
_BIASED = 0.03
_SURE = 2.0  # standard errors


@dataclass(frozen=True)
class Verdict:
    """The verdict.

    Attributes:
        sentence: plain text, with names as the data has them.
        tone: 'error' if the network is no better than a constant answer, 'warning' if that is not
            sure, if nothing says how good it is, or if its data has errors.
    """

    sentence: str
    tone: Tone


def judge(facts: TrainingFacts) -> Verdict:
    """Say how good a network has become, and what would help.

    Args:
        facts: of the training.
    """
    course, problems = course_words(facts.history), _data_errors(facts.findings or ())
    judged = facts.judged
    if judged is None:
        count = len(facts.dataset.splits["train"])
        unknown = f"Trained on all {plural(count, 'image')}: how well it recognises others is not known"
        return Verdict("; ".join(filter(None, (unknown, problems, course))) + ".", "warning")
    usual, tone = _baseline(judged)
    parts = [f"{_accuracy(judged)}, {usual}"]
    if tone == "fine":
        parts += [_confusion(judged), _calibration(judged)]
    sentence = "; ".join(filter(None, (*parts, problems, course))) + "."
    return Verdict(sentence, "warning" if problems and tone == "fine" else tone)


def majority(judged: Evaluation) -> tuple[int, float]:
    """The largest class of what was evaluated, and its share.

    Args:
        judged: see there.
    """
    counts = judged.confusion.sum(1)
    largest = int(counts.argmax())
    return largest, float(counts[largest] / counts.sum())


def surplus_confidence(judged: Evaluation) -> float:
    """How much surer it is than right, on average; 0 where chance explains it.

    Args:
        judged: see there.
    """
    difference = float(judged.confidences.mean()) - judged.top1
    error = sqrt(float(np.var(judged.confidences - judged.hits)) / len(judged))
    return difference if abs(difference) > max(_BIASED, _SURE * error) else 0.0


def _accuracy(judged: Evaluation) -> str:
    hits, total = int(judged.hits.sum()), len(judged)
    return (
        f"Recognises {percent(hits / total)} ({percent_interval(hits, total)}) of "
        f"{plural(total, 'image')} that it has not seen"
    )


def _baseline(judged: Evaluation) -> tuple[str, Tone]:
    """What a constant answer would give, and whether the network is better than that."""
    largest, share = majority(judged)
    name, chance = shortened(judged.class_names[largest]), 1 / len(judged.class_names)
    low, _ = wilson_interval(int(judged.hits.sum()), len(judged))
    if low <= share:
        words = f"no better than always answering '{name}' ({percent(share)})"
        return (words, "error") if judged.top1 <= share else (f"perhaps {words}", "warning")
    if share - chance > _UNEVEN:
        return f"where always answering '{name}' gives {percent(share)}", "fine"
    return f"where guessing gives {percent(chance)}", "fine"


def _confusion(judged: Evaluation) -> str:
    wrong = judged.confusion - np.diag(np.diag(judged.confusion))
    both = np.triu(wrong + wrong.T)
    place = int(both.argmax())
    i, j = divmod(place, len(both))
    count = int(both[i, j])
    if count < 2:
        return ""
    first, second = shortened(judged.class_names[i]), shortened(judged.class_names[j])
    if len(both) > 2:
        return f"most often confused: '{first}' and '{second}' ({plural(count, 'image')})"
    return f"'{first}' was taken for '{second}' {_times(wrong[i, j])}, the reverse {_times(wrong[j, i])}"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(int(count), f"{count:,} times")


def _calibration(judged: Evaluation) -> str:
    surplus = surplus_confidence(judged)
    if not surplus:
        return ""
    sure, right = percent(float(judged.confidences.mean())), percent(judged.top1)
    how = "too sure of itself" if surplus > 0 else "right more often than it claims"
    return f"it is {how} ({sure} sure on average, {right} right)"


def _data_errors(findings: Sequence[Finding]) -> str:
    errors = sum(finding.severity == "error" for finding in findings)
    return f"its data has {plural(errors, 'error')} that may make these figures wrong" if errors else ""
