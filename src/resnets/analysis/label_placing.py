"""Labels of bubbles, where they cover neither bubbles nor each other.

Each label may stand at a number of places around its bubble; the cheapest one is taken, and labels that
were placed early are moved again once the others stand. Nothing is random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, sin

_ROUNDS = 6
_GAPS = (5.0, 13.0, 24.0, 38.0, 54.0)  # pixels between bubble and label
_DIRECTIONS = 16
_STRAIGHT = 0.3  # of a direction's cosine: it counts as straight above, below or beside
_ON_LABEL, _ON_BUBBLE, _ON_MIDDLE, _ASTRAY, _OUTSIDE = 40.0, 1.0, 400.0, 60.0, 1e4
# What it costs to cover a square pixel of a label, of a bubble, or its middle; to be closer to another
# bubble than to one's own; and a square pixel outside of the chart.


@dataclass(frozen=True)
class Box:
    """A rectangle; lengths in pixels, y downwards.

    Attributes:
        left: of it.
        top: of it.
        width: of it.
        height: of it.
    """

    left: float
    top: float
    width: float
    height: float

    def overlap(self, other: Box) -> float:
        """Square pixels that both cover."""
        across = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        down = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        return max(0.0, across) * max(0.0, down)

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """The point of the rectangle that is closest to another."""
        return (
            min(max(x, self.left), self.left + self.width),
            min(max(y, self.top), self.top + self.height),
        )


@dataclass(frozen=True)
class Disc:
    """A bubble with a label.

    Attributes:
        x: of its middle.
        y: of its middle.
        radius: in pixels.
        width: of its label; 0 for none.
        height: of its label.
    """

    x: float
    y: float
    radius: float
    width: float
    height: float


def place_labels(discs: Sequence[Disc], *, area: Box, taken: Sequence[Box] = ()) -> list[Box]:
    """Find a place for each label.

    Args:
        discs: bubbles with the sizes of their labels.
        area: that labels should not leave.
        taken: places that are not free.

    Returns:
        A rectangle for each label, in order.
    """
    priced = [_choices(disc) for disc in discs]
    choices = [[box for box, _ in pairs] for pairs in priced]
    fixed = [
        [price + _cost_alone(box, disc, discs, area, taken) for box, price in pairs]
        for disc, pairs in zip(discs, priced, strict=True)
    ]
    placed = [
        boxes[min(range(len(boxes)), key=costs.__getitem__)]
        for boxes, costs in zip(choices, fixed, strict=True)
    ]
    for _ in range(_ROUNDS):
        before = list(placed)
        for i, boxes in enumerate(choices):
            others = [box for j, box in enumerate(placed) if j != i and _may_meet(box, discs[i])]
            totals = [
                alone + _ON_LABEL * sum(map(box.overlap, others))
                for box, alone in zip(boxes, fixed[i], strict=True)
            ]
            placed[i] = boxes[min(range(len(boxes)), key=totals.__getitem__)]
        if placed == before:
            break
    return placed


def _may_meet(box: Box, disc: Disc) -> bool:
    """Whether any label of the disc could reach a rectangle."""
    reach = disc.radius + _GAPS[-1]
    x, y = box.nearest(disc.x, disc.y)
    across, down = abs(x - disc.x), abs(y - disc.y)
    return box.width > 0 and across < reach + disc.width + 4 and down < reach + disc.height + 4


def _choices(disc: Disc) -> list[tuple[Box, float]]:
    """Places around a bubble, with what each costs: close ones straight beside it are the best."""
    choices = []
    for gap in _GAPS:
        for turn in range(_DIRECTIONS):
            angle = 2 * pi * turn / _DIRECTIONS
            right, up = cos(angle), sin(angle)
            # The corner or the middle of the side that faces the bubble stands at the gap.
            shift_x, shift_y = _side(right), _side(-up)
            left = disc.x + (disc.radius + gap) * right - disc.width * (1 - shift_x) / 2
            top = disc.y - (disc.radius + gap) * up - disc.height * (1 - shift_y) / 2
            price = 2.0 * gap + 0.3 * abs(top + disc.height / 2 - disc.y)
            choices.append((Box(left, top, disc.width, disc.height), price))
    return choices


def _side(direction: float) -> int:
    return 0 if abs(direction) < _STRAIGHT else 1 if direction > 0 else -1


def _cost_alone(box: Box, own: Disc, discs: Sequence[Disc], area: Box, taken: Sequence[Box]) -> float:
    """What a place costs whatever the other labels do."""
    if not box.width:
        return 0.0
    outside = box.width * box.height - box.overlap(area)
    cost = _OUTSIDE * outside + _ON_LABEL * sum(map(box.overlap, taken))
    away = _distance(box, own)
    for disc in discs:
        if not _may_meet(box, disc):
            continue
        side = 1.7 * disc.radius  # of a square that is about the disc
        cost += _ON_BUBBLE * box.overlap(Box(disc.x - side / 2, disc.y - side / 2, side, side))
        distance = _distance(box, disc)
        if disc is not own and distance < away:
            cost += _ON_MIDDLE if distance < 2 - disc.radius else _ASTRAY
    return cost


def _distance(box: Box, disc: Disc) -> float:
    """Pixels between a rectangle and the edge of a disc; negative inside of it."""
    x, y = box.nearest(disc.x, disc.y)
    return hypot(x - disc.x, y - disc.y) - disc.radius
