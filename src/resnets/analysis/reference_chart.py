"""The reference chart: ImageNet accuracy over multiply-adds, for the residual family and its rivals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from resnets.analysis.bubble_plan import Bubble, BubbleChart
from resnets.analysis.reference import GROUPS, ReferencePoint, reference_points
from resnets.quantities import count

T = TypeVar("T")
_COLOURS = {group: colour for colour, group in enumerate(GROUPS)}


def reference_chart(
    points: Sequence[ReferencePoint] = (),
    *,
    chosen: Sequence[str] = (),
    added: Sequence[Bubble] = (),
) -> BubbleChart:
    """Plan the chart.

    Args:
        points: to draw; none for those of the reference.
        chosen: names of weights whose points are drawn in bold.
        added: bubbles besides those of the points.
    """
    points = points or reference_points()
    bubbles = [*(_bubble(point, points, chosen) for point in points), *added]
    places = {(p.name, p.recipe): i for i, p in enumerate(points)}
    then = [i for i, p in enumerate(points) if p.recipe == "then"]
    front = pareto_front(then, cost=lambda i: points[i].multiply_adds, gain=lambda i: points[i].top1)
    return BubbleChart(
        title="ImageNet accuracy against cost: residual networks and their rivals",
        lead="One centre crop of the 50,000 validation images, as published; the area of a bubble is "
        "the number of parameters",
        x_title="multiply-adds for one image, in billions (G)",
        y_title="top-1 accuracy, %",
        bubbles=bubbles,
        x_unit=1e9,
        log_error=True,
        legend={_COLOURS[group]: words for group, words in GROUPS.items()},
        hollow_words="same network, recipe of 2021",
        links=[
            (places[p.name, "then"], i)
            for i, p in enumerate(points)
            if p.recipe == "now" and (p.name, "then") in places
        ],
        front=front,
    )


def pareto_front(
    items: Sequence[T], *, cost: Callable[[T], float], gain: Callable[[T], float]
) -> list[T]:
    """Select those that no other one equals or beats in cost and gain while beating it in one.

    Args:
        items: to select from.
        cost: of an item; less is better.
        gain: of an item; more is better.

    Example:
        >>> pareto_front([(1, 70), (2, 76), (3, 75)], cost=lambda p: p[0], gain=lambda p: p[1])
        [(1, 70), (2, 76)]
    """
    return [
        item
        for item in items
        if not any(
            cost(other) <= cost(item)
            and gain(other) >= gain(item)
            and (cost(other), gain(other)) != (cost(item), gain(item))
            for other in items
        )
    ]


def _bubble(point: ReferencePoint, points: Sequence[ReferencePoint], chosen: Sequence[str]) -> Bubble:
    again = point.recipe == "now" and any((p.name, p.recipe) == (point.name, "then") for p in points)
    return Bubble(
        x=point.multiply_adds,
        y=point.top1,
        parameters=point.parameters,
        label="" if again else point.name,
        words=point_words(point),
        colour=_COLOURS[point.group],
        hollow=point.recipe == "now",
        is_chosen=point.weights in chosen,
    )


def point_words(point: ReferencePoint) -> str:
    """Say all about a point.

    Args:
        point: of the reference.
    """
    again = " by a recipe of 2021" if point.recipe == "now" else ""
    return (
        f"{point.name} ({point.year}){again}: top-1 {point.top1:.2f} %, "
        f"{count(point.multiply_adds)} multiply-adds at {point.image_size} pixels, "
        f"{count(point.parameters)} parameters. {point.source}; {point.protocol}"
    )
