"""What a comparison of networks found: what each costs and can do, and which differences are real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resnets.analysis.latency import Speed
from resnets.data.decoding import ImageSource
from resnets.evaluation.evaluation import Evaluation
from resnets.evaluation.pairing import PairedComparison

ALPHA = 0.05
"""Probability below which a difference counts as real, over all pairs together."""


@dataclass(frozen=True)
class ReportedAccuracy:
    """An accuracy that somebody else states.

    Attributes:
        name: of the weights.
        top1: share of images whose first guess is right.
        top5: share whose first five guesses hold the right one; None if not stated.
        image_size: of the images, in pixels.
        data: that it was measured on.
        source: who states it.
        protocol: how it was measured; '' if that is not known.
        more_data: that the weights had learned from besides ImageNet-1k; '' for none.
    """

    name: str
    top1: float
    top5: float | None
    image_size: int
    data: str
    source: str
    protocol: str = ""
    more_data: str = ""


@dataclass(frozen=True, eq=False)
class ComparedModel:
    """One of the networks.

    Attributes:
        name: as it was given.
        architecture: our name.
        image_size: height and width of its images, in pixels.
        parameters: trainable ones.
        multiply_adds: of convolutions and linear layers, for one image.
        reported: accuracies that others state: of published weights, of all that are published for an
            architecture, or those in a model file.
        evaluation: on the data; None without data.
        speed: on this machine; None if it was not measured.
        on_front: no other network is at least as good for at most its cost; None where one is unknown.
    """

    name: str
    architecture: str
    image_size: int
    parameters: int
    multiply_adds: int
    reported: tuple[ReportedAccuracy, ...] = ()
    evaluation: Evaluation | None = None
    speed: Speed | None = None
    on_front: bool | None = None

    @property
    def label(self) -> str:
        """The name as charts show it."""
        return self.name.removesuffix(".safetensors")

    @property
    def top1(self) -> float | None:
        """As measured here, or else the first that is reported; a share."""
        if self.evaluation is not None:
            return self.evaluation.top1
        return self.reported[0].top1 if self.reported else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        found: dict[str, Any] = {
            "name": self.name,
            "architecture": self.architecture,
            "image_size": self.image_size,
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "reported": [vars(each) for each in self.reported],
            "metrics": None,
            "temperature": None,
            "speed": self.speed.to_dict() if self.speed else None,
            "on_front": self.on_front,
        }
        if self.evaluation is not None:
            found["metrics"] = {
                metric.name: {
                    key: value
                    for key in ("value", "low", "high")
                    if (value := getattr(metric, key)) is not None
                }
                for metric in self.evaluation.metrics
            }
            found["temperature"] = self.evaluation.conditions.temperature
        return found


@dataclass(frozen=True)
class ComparedPair:
    """How two networks differ on the same images.

    Attributes:
        first: name of a network.
        second: name of another.
        result: McNemar's test.
        p_value: of the test, corrected for the number of pairs (Holm 1979, jstor.org/stable/4615733).
        level: below which the uncorrected p-value must be: 0.05 over the number of pairs whose p-values
            are at least as large.
        agreement: share of images with the same answer.
    """

    first: str
    second: str
    result: PairedComparison
    p_value: float
    level: float
    agreement: float

    @property
    def is_real(self) -> bool:
        """The difference is too large for chance."""
        return self.p_value < ALPHA

    @property
    def interval(self) -> tuple[float, float]:
        """Of the difference in top-1, second minus first, as wide as the correction asks."""
        return self.result.interval(confidence=1 - self.level)

    @property
    def words(self) -> str:
        """What it means, in a sentence."""
        apart, found = self.result.difference, self.result
        if apart == 0:
            return (
                f"{self.first} and {self.second} recognise equally many of the "
                f"{found.num_images:,} images: no difference is seen"
            )
        better, worse = (self.second, self.first) if apart > 0 else (self.first, self.second)
        low, high = self.interval if apart > 0 else (-self.interval[1], -self.interval[0])
        verdict = "this difference is real" if self.is_real else "this may be chance"
        chance = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
        return (
            f"{better} recognises {100 * abs(apart):.2f} points more than {worse} "
            f"({100 * low:.2f} to {100 * high:.2f}): {verdict} ({chance})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        low, high = self.interval
        return {
            "first": self.first,
            "second": self.second,
            "difference": self.result.difference,
            "low": low,
            "high": high,
            "only_first": self.result.only_first,
            "only_second": self.result.only_second,
            "p_value": self.result.p_value,
            "p_value_corrected": self.p_value,
            "is_real": self.is_real,
            "agreement": self.agreement,
            "words": self.words,
        }


@dataclass(frozen=True)
class DifferingImage:
    """An image that the networks do not answer alike.

    Attributes:
        image: its name in the data set.
        label: the right class.
        answers: of each network: its class, and how sure it is.
    """

    image: str
    label: str
    answers: tuple[tuple[str, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        answers = [{"predicted": name, "probability": sure} for name, sure in self.answers]
        return {"image": self.image, "label": self.label, "answers": answers}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Networks compared.

    Attributes:
        models: as they were given.
        pairs: of each two, if there are data.
        differing: images that they do not answer alike; first those that one recognises and another
            confidently does not.
        data: name of the data set; '' without data.
        split: of it.
        num_images: in that.
        machine: that times and memory were measured on; empty if none were.
        notes: what should be known about these figures, in sentences.
        pictures: where to find some of `differing`.
    """

    models: tuple[ComparedModel, ...]
    pairs: tuple[ComparedPair, ...] = ()
    differing: tuple[DifferingImage, ...] = ()
    data: str = ""
    split: str = ""
    num_images: int = 0
    machine: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    pictures: Mapping[str, ImageSource] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them; without data, the reference as well."""
        from resnets.analysis.reference import reference_points

        found: dict[str, Any] = {
            "models": [model.to_dict() for model in self.models],
            "pairs": [pair.to_dict() for pair in self.pairs],
            "data": self.data,
            "split": self.split,
            "num_images": self.num_images,
            "num_differing": len(self.differing),
            "differing": [image.to_dict() for image in self.differing[:100]],
            "machine": dict(self.machine),
            "notes": list(self.notes),
        }
        if not self.data:
            found["reference"] = [point.to_dict() for point in reference_points()]
        return found

    def to_csv(self) -> str:
        """A row for each network; without data, one for each point of the reference as well."""
        from resnets.analysis.comparison_table import csv_text

        return csv_text(self)

    def to_svg(self) -> str:
        """The chart: accuracy against time or multiply-adds, as an SVG file."""
        from resnets.analysis.bubble_chart import draw_bubbles
        from resnets.analysis.comparison_chart import comparison_chart

        return draw_bubbles(comparison_chart(self))

    def save(self, folder: str | Path) -> Path:
        """Write `chart.svg`, `comparison.html`, `.csv` and `.json`, and, with data, `differences.csv`.

        With the extra `plots`, `chart.png`, too.

        Args:
            folder: made if it is not there; files of those names are replaced.

        Returns:
            The folder.
        """
        from resnets.analysis.comparison_page import save_comparison

        return save_comparison(self, folder)


def holm(p_values: Sequence[float]) -> list[tuple[float, float]]:
    """Correct p-values for their number, so that all are wrong together as seldom as one alone.

    As in Holm 1979, A simple sequentially rejective multiple test procedure.

    Args:
        p_values: of tests that need not be independent.

    Returns:
        For each: the corrected p-value, and the level that the uncorrected one is held against.

    Example:
        >>> [corrected for corrected, _ in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    made, least = [(0.0, 0.0)] * len(p_values), 0.0
    for rank, i in enumerate(order):
        left = len(p_values) - rank
        least = max(least, min(1.0, left * p_values[i]))
        made[i] = least, ALPHA / left
    return made
