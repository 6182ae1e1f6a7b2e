"""What accuracy to expect of a training, as a range: from published results, brought nearer by rules.

The odds of a mistake, e / (1 - e), of a strong network after a long training fall with the images of a
class and grow with the number of classes; published results at both ends of a factor of 70 in images
give the exponents. Networks that are weaker, or have fewer epochs, multiply the odds. How difficult the
images are is not known before a training, so that the range spans all published data sets that are
alike in size; it is narrow only where the data set itself is a published one. It never lies below what
always answering the largest class gives.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import Field

from resnets.config import Count, Settings, Switch, validate
from resnets.reporting.words import percent
from resnets.training.data_facts import DataFacts

_FEWER_IMAGES = (0.37, 0.71)
# Exponents of images per class. CIFAR-10 with 5,000 and 100 of them: odds 0.053 and 0.87, exponent 0.71;
# SVHN with 7,325 and 100: 0.028 and 0.14, exponent 0.37 (the rows of known_results.toml).
_MORE_CLASSES = 0.35
# Exponent of the number of classes: CIFAR-100 has 1.7 times the odds of CIFAR-10 with as many images.
_ALIKE = math.log(25.0)
# Data sets count as alike in size up to this factor in images per class and in classes together.
_UNSURE = 1.6
# The odds may be this many times as high or as low as the rules say.
_MILDEST = 0.5
# Exponent that a network's weakness has at best, beside 1 at worst: ResNet-8 after ten epochs makes 1.9
# times the mistakes of the best networks on Fashion-MNIST, where 6.6 times would be expected.
_SHORT = 6.0
# Epochs of 50,000 images after which a strong network still has twice the odds of its last epoch.
_FULL_SET = 50_000
_SHORT_EXPONENT, _STRENGTH_EXPONENT = 0.2, 0.25
# Small sets need a little more epochs, and on them strong networks gain less on weak ones.
_LEAST_STRENGTH = 0.4


class KnownResult(Settings):
    """What a strong network reached.

    Attributes:
        data: name of the data set.
        known_as: its name in `DataFacts`, '' if it has none.
        num_classes: of it.
        images_per_class: of training.
        top1: of the test images, in percent.
        source: network and paper.
        verified: False if the number was recalled and could not be looked up.
    """

    data: str
    known_as: str = ""
    num_classes: Count
    images_per_class: Count
    top1: Annotated[float, Field(gt=0, lt=100)]
    source: str
    verified: Switch = True

    @property
    def odds(self) -> float:
        """Of a mistake."""
        return (100 - self.top1) / self.top1


@dataclass(frozen=True)
class ExpectedAccuracy:
    """What to expect.

    Attributes:
        low: top-1, 0 to 1.
        high: likewise.
        odds: of a mistake, in the middle of the range; by these networks are ranked.
        basis: where the range comes from, in a sentence.
    """

    low: float
    high: float
    odds: float
    basis: str


@dataclass(frozen=True)
class Learning:
    """What a network brings to a training.

    Attributes:
        weakness: its odds of a mistake over those of a strong network, both trained long on many images.
        epochs: of the training.
        head_start: factor of the odds that given weights take away; 1 without.
    """

    weakness: float
    epochs: float
    head_start: float = 1.0


def expected_accuracy(facts: DataFacts, learning: Learning) -> ExpectedAccuracy:
    """Say what a training will reach, as far as that can be known before.

    Args:
        facts: of the data.
        learning: of the network.

    Example:
        >>> from dataclasses import replace
        >>> cifar = DataFacts("c", "cifar10", ("x",) * 10, (5000,) * 10, 0, 500, 32, 32, True, 0.0)
        >>> long = expected_accuracy(cifar, Learning(weakness=1.0, epochs=200))
        >>> long.low < 0.9498 < long.high
        True
    """
    rows, basis = _basis(facts)
    factor = _factor(facts.num_train, learning)
    odds = [row.odds * _rescaled(row, facts, exponent) for row in rows for exponent in _FEWER_IMAGES]
    # Where mistakes are wrong labels, or the images are easy, weakness and haste cost less.
    mildest = factor**_MILDEST if factor > 1 else factor
    low, high = (1 / (1 + x) for x in (max(odds) * factor * _UNSURE, min(odds) * mildest / _UNSURE))
    middle = math.exp(sum(map(math.log, odds)) / len(odds)) * math.sqrt(factor * mildest)
    chance = 1 / max(2, facts.num_classes)
    largest = max(facts.class_counts) / max(1, facts.num_train)
    if largest > max(low, chance):
        basis += (
            f"; not below {percent(largest)}, the share of the largest class: always answering it gives "
            "that on images that are divided among the classes as these are"
        )
    floor = max(largest, chance)
    # What it knows beyond chance of equal classes, it knows at best of all beyond the largest one.
    best = floor + (1 - floor) * (max(high, chance) - chance) / (1 - chance)
    return ExpectedAccuracy(low=max(low, floor), high=best, odds=middle, basis=basis)


def _factor(num_train: int, learning: Learning) -> float:
    """How many times the odds of a strong network after a long training."""
    share = max(num_train, 1) / _FULL_SET
    exponent = min(1.0, max(_LEAST_STRENGTH, math.pow(share, _STRENGTH_EXPONENT)))
    epochs = _SHORT * learning.weakness * min(4.0, math.pow(share, -_SHORT_EXPONENT))
    if learning.head_start < 1:
        epochs *= learning.head_start
    strength = math.pow(learning.weakness, exponent)
    return strength * (1 + epochs / learning.epochs) * learning.head_start


def _basis(facts: DataFacts) -> tuple[Sequence[KnownResult], str]:
    own = [row for row in known_results() if row.known_as and row.known_as == facts.known_as]
    if own:
        own = sorted(own, key=lambda row: _distance(row, facts))[:1]
        return own, f"a published result of {own[0].data}, adjusted to images, network and epochs"
    near = [row for row in known_results() if _distance(row, facts) <= _ALIKE]
    rows = near or known_results()
    names = ", ".join(dict.fromkeys(row.data for row in rows))
    alike = "alike in size" if near else "none of them alike in size"
    return rows, (
        f"published results of {names} ({alike}), adjusted to images, network and epochs; how difficult "
        "these images are is not known"
    )


def _distance(row: KnownResult, facts: DataFacts) -> float:
    images = math.log(_per_class(facts) / row.images_per_class)
    classes = math.log(max(2, facts.num_classes) / row.num_classes)
    return abs(images) + abs(classes)


def _rescaled(row: KnownResult, facts: DataFacts, exponent: float) -> float:
    images = (row.images_per_class / _per_class(facts)) ** exponent
    return float(images * (max(2, facts.num_classes) / row.num_classes) ** _MORE_CLASSES)


def _per_class(facts: DataFacts) -> float:
    return max(1.0, facts.num_train / max(1, facts.num_classes))


@cache
def known_results() -> tuple[KnownResult, ...]:
    """The rows of `known_results.toml`."""
    text = files("resnets.analysis").joinpath("known_results.toml").read_text("utf-8")
    rows = tomllib.loads(text)["results"]
    return tuple(validate(KnownResult, row, source=f"known_results.toml, {row['data']}") for row in rows)
