"""Two models on the same images: is one better, or was it chance?"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from resnets.evaluation.metrics import Hits


@dataclass(frozen=True)
class PairedComparison:
    """How two models differ on the same images.

    Attributes:
        num_images: that both saw.
        only_first: images that only the first model recognised.
        only_second: images that only the second did.
        p_value: probability of a difference at least this large if the two were equally good; McNemar's
            test, exact.
    """

    num_images: int
    only_first: int
    only_second: int
    p_value: float

    @property
    def difference(self) -> float:
        """Top-1 of the second model minus that of the first, -1 to 1."""
        return (self.only_second - self.only_first) / self.num_images

    @property
    def standard_error(self) -> float:
        """Of the difference; far smaller than that of two unpaired measurements."""
        apart = self.only_first + self.only_second
        return (
            sqrt(apart - (self.only_second - self.only_first) ** 2 / self.num_images) / self.num_images
        )

    def interval(self, *, confidence: float = 0.95) -> tuple[float, float]:
        """Interval for the difference in the population, with half an image added to each of four cells.

        As in Agresti and Min 2005, doi:10.1002/sim.1781.

        Args:
            confidence: 0 to 1.
        """
        total = self.num_images + 2
        first, second = self.only_first + 0.5, self.only_second + 0.5
        middle = (second - first) / total
        spread = sqrt((first + second) / total - middle**2) / sqrt(total)
        z = NormalDist().inv_cdf(0.5 + confidence / 2)
        return max(-1.0, middle - z * spread), min(1.0, middle + z * spread)

    def words(self, first: str, second: str) -> str:
        """Say it in a sentence.

        Args:
            first: name of the first model.
            second: name of the second.
        """
        if self.only_first == self.only_second:
            return f"{first} and {second} recognise equally many of the {self.num_images:,} images"
        better, worse = (second, first) if self.difference > 0 else (first, second)
        least, most = sorted((self.only_first, self.only_second))
        chance = "less than 0.1" if self.p_value < 0.001 else f"{100 * self.p_value:.1f}"
        verdict = f"{better} is better" if self.p_value < 0.05 else "the two cannot be told apart"
        return (
            f"{better} alone recognises {most:,} images, {worse} alone {least:,}; chance gives a "
            f"difference as large in {chance} % of comparisons: {verdict}"
        )


def mcnemar(first: Hits, second: Hits) -> PairedComparison:
    """Compare two models on the same images.

    Only images count that one of the two recognised and the other did not. If the models were equally
    good, each of them would be a toss of a coin, so that the p-value is exact and two-sided
    (McNemar 1947, doi:10.1007/BF02295996; for classifiers Dietterich 1998,
    doi:10.1162/089976698300017197).

    Args:
        first: which images the first model recognised; at least one image.
        second: likewise the second, in the same order.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    apart = only_first + only_second
    tail = ways = 1  # whole numbers: 10,000 tosses are no problem, and nothing is rounded
    for tosses in range(min(only_first, only_second)):
        ways = ways * (apart - tosses) // (tosses + 1)
        tail += ways
    return PairedComparison(len(first), only_first, only_second, min(1.0, 2 * tail / 2**apart))
