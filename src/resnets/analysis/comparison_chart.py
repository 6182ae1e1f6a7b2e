"""The chart of a comparison: as measured on data, among the reference, or as the models' files state."""

from __future__ import annotations

from dataclasses import replace

from resnets.analysis.bubble_plan import Bubble, BubbleChart
from resnets.analysis.comparison import ComparedModel, Comparison
from resnets.analysis.reference import reference_points
from resnets.analysis.reference_chart import pareto_front, reference_chart
from resnets.quantities import count
from resnets.reporting.words import percent, shortened

_LONGEST = 34  # letters of a label
_COLOURS = 8
_APART = (0, 6, 2, 4, 5, 3, 7, 1)  # colours, such that the first few differ most
_IMAGENET = "ImageNet val"  # as `contenders` names it


def comparison_chart(comparison: Comparison) -> BubbleChart:
    """Plan the chart.

    Args:
        comparison: with data, its own measurements are drawn; without, the networks among the reference,
            or, where none of them has an accuracy on ImageNet, what their files state.
    """
    if comparison.data:
        return _measured(comparison)
    return _among_reference(comparison) if shows_reference(comparison) else _stated(comparison)


def shows_reference(comparison: Comparison) -> bool:
    """Whether the chart holds the networks of the reference, with their accuracies on ImageNet.

    Args:
        comparison: see there.
    """
    models = comparison.models
    return not comparison.data and (
        any(_on_imagenet(model) for model in models) or not any(model.reported for model in models)
    )


def undrawn(comparison: Comparison) -> list[str]:
    """Name the networks that a chart without data cannot hold: nobody states their accuracy on its data.

    Args:
        comparison: see there.
    """
    if comparison.data:
        return []
    if not shows_reference(comparison):
        return [model.name for model in comparison.models if not model.reported]
    return [model.name for model in comparison.models if not _on_imagenet(model)]


def _on_imagenet(model: ComparedModel) -> bool:
    """Whether the reference chart can hold a network."""
    known = {point.architecture for point in reference_points()}
    return (model.architecture in known and not _has_other_data(model)) or _is_known(model)


def _has_other_data(model: ComparedModel) -> bool:
    """Whether the weights are for another task than the reference's."""
    return bool(model.reported) and model.reported[0].data != _IMAGENET


def _is_known(model: ComparedModel) -> bool:
    """Whether a reported accuracy belongs to the cost in the row."""
    best = model.reported[0] if model.reported else None
    return best is not None and best.data == _IMAGENET and best.image_size == model.image_size


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
        f"{count(model.parameters)} parameters. {best.source}{best.protocol and f'; {best.protocol}'}",
        colour=0,
        is_chosen=True,
    )


def _stated(comparison: Comparison) -> BubbleChart:
    """What the networks' files state, a colour for each data set."""
    models = [model for model in comparison.models if model.reported]
    sets = list(dict.fromkeys(model.reported[0].data for model in models))
    bubbles = [
        replace(
            _published_bubble(model),
            colour=_APART[sets.index(model.reported[0].data) % _COLOURS],
            is_chosen=False,
        )
        for model in models
    ]
    one_set = len(sets) == 1
    where = f"On {shortened(sets[0])}" if one_set else "Only networks of one colour saw the same images"
    front = pareto_front(range(len(models)), cost=lambda i: bubbles[i].x, gain=lambda i: bubbles[i].y)
    return BubbleChart(
        title="Accuracy against cost, as the networks' files state it",
        lead=f"{where}; the area of a bubble is the number of parameters",
        x_title="multiply-adds for one image, in millions (M)",
        y_title="top-1 accuracy, %",
        bubbles=bubbles,
        x_unit=1e6,
        legend={} if one_set else dict(zip(_APART, map(shortened, sets), strict=False)),
        front=front if one_set else (),
        width=900,
        height=600,
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
