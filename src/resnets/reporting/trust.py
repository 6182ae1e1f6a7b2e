"""Whether the probabilities of a network mean what they say."""

from __future__ import annotations

from collections.abc import Iterator
from math import pi, sqrt

from resnets.data.file_checks import plural
from resnets.evaluation.evaluation import Evaluation
from resnets.evaluation.metrics import CalibrationBin, wilson_interval
from resnets.reporting.charts import reliability_chart
from resnets.reporting.verdict import surplus_confidence
from resnets.reporting.words import percent, percent_interval

_LEVELS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


def trust_section(judged: Evaluation) -> Iterator[str]:
    """Show how sure the network is beside how often it is right.

    Args:
        judged: the evaluation to show.
    """
    yield '<section id="trust"><h2>Can its probabilities be trusted?</h2>'
    yield f'<p class="lead">{calibration_words(judged)}</p>'
    yield '<div class="panel"><div class="beside">'
    yield reliability_chart(
        "How often it is right",
        [_point(b) for b in judged.calibration_bins if b.count],
        words="How often the network is right beside how sure it is, for each tenth of the scale or so; "
        + calibration_words(judged),
    )
    yield '<table class="plain"><caption><span>If only answers that are sure enough are taken</span>'
    yield '</caption><thead><tr><th scope="col">at least</th><th scope="col" class="number">images</th>'
    yield '<th scope="col" class="number">of them right</th></tr></thead><tbody>'
    for level in _LEVELS:
        yield _accepted(judged, level)
    yield "</tbody></table></div></div></section>"


def calibration_words(judged: Evaluation) -> str:
    """Say how far the probabilities are off.

    Args:
        judged: see there.
    """
    chance = expected_by_chance(judged.calibration_bins)
    sure, right = percent(float(judged.confidences.mean())), percent(judged.top1)
    surplus = surplus_confidence(judged)
    verdict = "As sure as it is right"
    if surplus:
        verdict = "Too sure of itself" if surplus > 0 else "Right more often than it claims"
    error = percent(judged.calibration_error)
    return (
        f"{verdict}: {sure} sure on average, {right} right. Its probabilities are off by {error} "
        f"(expected calibration error); of {plural(len(judged), 'image')}, chance alone would give "
        f"about {percent(chance)}.{_temperature(judged)}"
    )


def _temperature(judged: Evaluation) -> str:
    fitted, temperature = judged.calibration, judged.conditions.temperature
    if fitted is not None:
        number = plural(fitted.num_images, "image")
        return (
            f" A temperature of {fitted.temperature:.3g}, fitted to {number} of {fitted.fitted_on}, "
            f"divides its answers; without it they would be off by {percent(fitted.error_before)}."
        )
    return f" A temperature of {temperature:.3g} divides its answers." if temperature else ""


def expected_by_chance(bins: list[CalibrationBin]) -> float:
    """The calibration error that a perfectly calibrated network would show, from scatter alone.

    The mean distance of a share of n trials from its p is about sqrt(2 p (1 - p) / (pi n)).

    Args:
        bins: of the calibration.
    """
    total = sum(b.count for b in bins)
    spread = sum(
        b.count * sqrt(2 * b.confidence * (1 - b.confidence) / (pi * b.count))
        for b in bins
        if b.count and 0 < b.confidence < 1
    )
    return spread / max(total, 1)


def _point(part: CalibrationBin) -> tuple[float, float, float, float, int]:
    low, high = wilson_interval(round(part.accuracy * part.count), part.count)
    return part.confidence, part.accuracy, low, high, part.count


def _accepted(judged: Evaluation, level: float) -> str:
    taken = judged.confidences >= level
    count, hits = int(taken.sum()), int(judged.hits[taken].sum())
    share = percent(count / max(len(judged), 1))
    right = percent(hits / count) if count else "-"
    interval = f' title="{percent_interval(hits, count)}"' if count else ""
    said = percent(level, 0) + " sure" if level else "any answer"
    return (
        f'<tr><th scope="row">{said}</th><td class="number">{share}</td>'
        f'<td class="number"{interval}>{right}</td></tr>'
    )
