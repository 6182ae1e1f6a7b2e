"""The chart of a comparison: what was measured on data, or the chosen networks among the reference."""

from __future__ import annotations

from resnets.analysis.bubble_plan import Bubble, BubbleChart
from resnets.analysis.comparison import ComparedModel, Comparison
from resnets.analysis.reference import reference_points
from resnets.analysis.reference_chart import reference_chart
from resnets.quantities import count
from resnets.reporting.words import percent, shortened

_LONGEST = 34  # letters of a label
_COLOURS = 8


def comparison_chart(comparison: Comparison) -> BubbleChart:
    """Plan the chart.

    Args:
        comparison: with data, its own measurements are drawn; else the reference.
    """
    return _measured(comparison) if comparison.data else _among_reference(comparison)


def undrawn(comparison: Comparison) -> list[str]:
    """Name the networks that a chart without data cannot hold: nobody states their ImageNet accuracy.

    Args:
        comparison: see there.
    """
    if comparison.data:
        return []
    known = {point.architecture for point in reference_points()}
    return [m.name for m in comparison.models if m.architecture not in known and not _is_known(m)]


def _is_known(model: ComparedModel) -> bool:
    """Whether a reported accuracy belongs to the cost in the row."""
    best = model.reported[0] if model.reported else None
    return best is not None and best.data == "ImageNet val" and best.image_size == model.image_size


def _among_reference(comparison: Comparison) -> BubbleChart:
    points = reference_points()
    drawn = {point.weights for point in points}
    chosen: set[str] = set()
    added = []
    for model in comparison.models:
        own = {point.weights for point in points if point.architecture == model.architecture}
        if _is_known(model) and model.reported[0].name in drawn:
            # An architecture stands for all of its weights, weights only for themselves.
            chosen |= {model.name} if model.name in drawn else own
        elif _is_known(model):
            added.append(_published_bubble(model))
    return reference_chart(points, chosen=sorted(chosen), added=added)


def _published_bubble(model: ComparedModel) -> Bubble:
    best = model.reported[0]
    return Bubble(
        x=model.multiply_adds,
        y=100 * best.top1,
        parameters=model.parameters,
        label=shortened(model.label, _LONGEST),
        words=f"{best.name}: top-1 {percent(best.top1, 2)}, {count(model.multiply_adds)} multiply-adds, "
        f"{count(model.parameters)} parameters. {best.source}",
        colour=0,
        is_chosen=True,
    )


def _measured(comparison: Comparison) -> BubbleChart:
    models = comparison.models
    timed = all(model.speed for model in models)
    machine = comparison.machine.get("device_name") or comparison.machine.get("device", "")
    images = f"{comparison.num_images:,} images; bars: 95 % intervals"
    batch = models[0].speed.batch_size if models[0].speed else 1
    what = "image" if batch == 1 else f"batch of {batch} images"
    return BubbleChart(
        title=f"{shortened(comparison.data)} {comparison.split}: accuracy against "
        f"{'time' if timed else 'cost'}",
        lead=f"{images} and the middle half of the times, on {machine}" if timed else images,
        x_title=f"time of the network for one {what}, ms"
        if timed
        else "multiply-adds for one image, in millions (M)",
        y_title="top-1 accuracy, %",
        bubbles=[_measured_bubble(model, i, timed=timed) for i, model in enumerate(models)],
        x_unit=1.0 if timed else 1e6,
        front=[i for i, model in enumerate(models) if model.on_front],
        width=900,
        height=600,
    )


def _measured_bubble(model: ComparedModel, place: int, *, timed: bool) -> Bubble:
    assert model.evaluation is not None
    top1 = model.evaluation.metric("top1")
    assert top1.low is not None
    assert top1.high is not None
    speed = model.speed if timed else None
    cost = f"{speed.latency_ms:.3g} ms" if speed else f"{count(model.multiply_adds)} multiply-adds"
    return Bubble(
        x=speed.latency_ms if speed else model.multiply_adds,
        y=100 * top1.value,
        parameters=model.parameters,
        label=shortened(model.label, _LONGEST),
        words=f"{model.name}: top-1 {percent(top1.value, 2)} ({percent(top1.low, 2)} to "
        f"{percent(top1.high, 2)}), {cost}, {count(model.parameters)} parameters",
        colour=place % _COLOURS,
        y_interval=(100 * top1.low, 100 * top1.high),
        x_interval=(speed.latency_low_ms, speed.latency_high_ms) if speed else None,
    )
