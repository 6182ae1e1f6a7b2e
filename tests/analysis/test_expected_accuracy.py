from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from resnets.analysis.expected_accuracy import Learning, expected_accuracy, known_results
from resnets.training.data_facts import DataFacts


def facts(images: int, classes: int, known_as: str = "") -> DataFacts:
    return DataFacts(
        name="data",
        known_as=known_as,
        class_names=tuple(map(str, range(classes))),
        class_counts=(images // classes,) * classes,
        num_val=0,
        num_sampled=500,
        median_side=32,
        low_side=32,
        same_size=True,
        grey_share=0.0,
    )


# What trainings gave: benchmarks/plain_loop.py (means of three seeds), the CIFAR paper, and trainings of
# 30 to 60 seconds on parts of CIFAR-10. Weakness of the network, epochs, top-1 of test images.
TRAININGS: dict[str, tuple[tuple[int, int, str], tuple[float, int], float]] = {
    "resnet20-cifar10": ((50_000, 10, "cifar10"), (1.8, 10), 0.8323),
    "resnet8-fashion": ((60_000, 10, "fashion_mnist"), (2.6, 10), 0.9163),
    "resnet20-cifar10-paper": ((50_000, 10, "cifar10"), (1.8, 164), 0.9125),
    "wide-cifar10-part": ((1_600, 10, "cifar10"), (1.35, 6), 0.4428),
    "resnet18-cifar10-part": ((1_600, 10, "cifar10"), (1.4, 2), 0.3560),
    "resnet20-cifar10-part": ((1_477, 10, "cifar10"), (1.8, 10), 0.4300),
}


@pytest.mark.parametrize("name", TRAININGS)
@pytest.mark.parametrize("known", [True, False])
def test_ranges_hold_what_trainings_gave(name: str, known: bool) -> None:
    (images, classes, known_as), (weakness, epochs), top1 = TRAININGS[name]
    found = expected_accuracy(
        facts(images, classes, known_as if known else ""), Learning(weakness, epochs)
    )
    assert found.low <= top1 <= found.high


@pytest.mark.parametrize("row", known_results(), ids=lambda row: f"{row.data}-{row.images_per_class}")
def test_ranges_hold_the_published_results_they_come_from(row: Any) -> None:
    data = facts(row.images_per_class * row.num_classes, row.num_classes, row.known_as)
    found = expected_accuracy(data, Learning(1.0, 200))
    assert found.low <= row.top1 / 100 <= found.high


def test_what_is_not_known_is_wide() -> None:
    known, unknown = (
        expected_accuracy(facts(5_000, 10, name), Learning(1.0, 50)) for name in ("cifar10", "")
    )
    assert unknown.high - unknown.low > 1.5 * (known.high - known.low)
    assert known.basis == "a published result of CIFAR-10, adjusted to images, network and epochs"
    assert unknown.basis == (
        "published results of CIFAR-10, CIFAR-100, SVHN, Fashion-MNIST, MNIST, Tiny-ImageNet (alike in size), "
        "adjusted to images, network and epochs; how difficult these images are is not known"
    )


def test_nothing_alike() -> None:
    found = expected_accuracy(facts(8, 4), Learning(1.0, 50))
    assert "(none of them alike in size)" in found.basis
    assert found.low >= 0.25


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((facts(50_000, 10), Learning(1.0, 50)), (facts(5_000, 10), Learning(1.0, 50))),
        ((facts(5_000, 10), Learning(1.0, 50)), (facts(5_000, 10), Learning(1.0, 5))),
        ((facts(5_000, 10), Learning(1.0, 50)), (facts(5_000, 10), Learning(1.8, 50))),
        ((facts(5_000, 10), Learning(1.0, 50, 0.5)), (facts(5_000, 10), Learning(1.0, 50))),
    ],
    ids=["images", "epochs", "network", "weights"],
)
def test_what_helps(better: tuple[DataFacts, Learning], worse: tuple[DataFacts, Learning]) -> None:
    assert expected_accuracy(*better).odds < expected_accuracy(*worse).odds


@pytest.mark.parametrize(
    ("counts", "least"), [((24, 480), 480 / 504), ((252, 252), 0.5), ((100, 9900), 0.99)]
)
def test_the_largest_class_is_the_least(counts: tuple[int, int], least: float) -> None:
    unequal = replace(facts(sum(counts), 2), class_counts=counts)
    found = expected_accuracy(unequal, Learning(5.0, 0.1))
    assert found.low == pytest.approx(least)
    assert found.low <= found.high < 1
    words = (
        f"; not below {100 * least:.1f} %, the share of the largest class: always answering it gives that on "
        "images that are divided among the classes as these are"
    )
    assert found.basis.endswith(words) == (least > 0.5)
    assert expected_accuracy(unequal, Learning(1.0, 100)).high > least


def test_a_largest_class_that_hardly_counts_changes_little() -> None:
    learning = Learning(1.0, 50)
    equal, nearly = facts(5_000, 10), facts(5_000, 10)
    nearly = replace(nearly, class_counts=(550, 450, *nearly.class_counts[2:]))
    before, after = (expected_accuracy(each, learning) for each in (equal, nearly))
    assert after.high == pytest.approx(before.high, abs=0.001)
    assert (after.low, after.basis) == (before.low, before.basis)


def test_guessing_is_the_least() -> None:
    found = expected_accuracy(facts(100, 2), Learning(5.0, 0.1))
    assert found.low == 0.5
