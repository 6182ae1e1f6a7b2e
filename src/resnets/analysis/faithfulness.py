"""Whether a map tells the truth: with what it calls important gone, does the class go?

The deletion curve of Petsiuk et al. 2018 (RISE, arXiv:1806.07421, sec. 4.2), against random maps of the
same resolution: a pixel-wise random order would destroy the image by its noise, whatever it deletes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from resnets.analysis.enlarging import Map, enlarge

Probabilities = Callable[[Tensor], Tensor]
"""From preprocessed images (N, C, H, W) to probabilities (N, classes)."""


@dataclass(frozen=True)
class Deletion:
    """How probable a class stays while an image is deleted, most important pixels first.

    Attributes:
        curve: probability of the class, from the whole image to nothing but blur, in equal steps.
        random_curves: the same for random maps.
    """

    curve: tuple[float, ...]
    random_curves: tuple[tuple[float, ...], ...]

    @property
    def area(self) -> float:
        """Under the curve, 0 to 1; the lower, the better the map."""
        return _area(self.curve)

    @property
    def random_area(self) -> float:
        """Under the curves of random maps, in the mean."""
        return float(np.mean([_area(curve) for curve in self.random_curves]))

    @property
    def beats_random(self) -> bool:
        """Whether the class disappears sooner than by chance."""
        return self.area < self.random_area

    def to_dict(self) -> dict[str, object]:
        """Plain values, as `--json` prints them."""
        return {
            "area": round(self.area, 6),
            "random_area": round(self.random_area, 6),
            "beats_random": self.beats_random,
        }


def measure_deletion(
    probabilities: Probabilities,
    view: Tensor,
    target: int,
    raw: Map,
    *,
    resolution: tuple[int, int] | None = None,
    steps: int = 10,
    num_random: int = 4,
    seed: int = 0,
) -> Deletion:
    """Delete an image in the order of a map, and in random orders.

    Args:
        probabilities: of the classifier.
        view: preprocessed image.
        target: the class.
        raw: the map, (h, w); the higher a value, the sooner its place is deleted.
        resolution: height and width of the random maps, where the map is smoother than its size; the
            map's own if None.
        steps: from the whole image to none of it.
        num_random: random maps to compare with.
        seed: of these.

    Shape:
        view (C, H, W)
    """
    generator = np.random.default_rng(seed)
    orders = [raw, *(generator.random(resolution or raw.shape, np.float32) for _ in range(num_random))]
    side, blurred = view.shape[-1], _blurred(view)
    curves = [
        _curve(probabilities, view, blurred, target, enlarge(order, side), steps) for order in orders
    ]
    return Deletion(curves[0], tuple(curves[1:]))


def _curve(
    probabilities: Probabilities, view: Tensor, blurred: Tensor, target: int, order: Map, steps: int
) -> tuple[float, ...]:
    ranks = torch.from_numpy(order).flatten().argsort(descending=True, stable=True).argsort()
    deleted = ranks.view(view.shape[1:]) < torch.linspace(0, ranks.numel(), steps + 1)[:, None, None]
    images = torch.where(deleted[:, None], blurred, view)
    return tuple(probabilities(images)[:, target].tolist())


def _blurred(view: Tensor) -> Tensor:
    """An image with nothing left to recognise, but no edges of its own: means of large squares."""
    small = functional.adaptive_avg_pool2d(view[None], 2)
    return functional.interpolate(small, size=view.shape[1:], mode="bilinear", align_corners=False)[0]


def _area(curve: tuple[float, ...]) -> float:
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))
