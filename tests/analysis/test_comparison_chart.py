"""The reference chart: its figures are those of their sources, and it can be read."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations

import pytest

from resnets import compare
from resnets.analysis.bubble_chart import draw_bubbles
from resnets.analysis.bubble_plan import Bubble, BubbleChart, plan_chart
from resnets.analysis.comparison import ComparedModel, Comparison, ReportedAccuracy
from resnets.analysis.comparison_chart import comparison_chart, undrawn
from resnets.analysis.comparison_page import comparison_page
from resnets.analysis.comparison_table import comparison_table
from resnets.analysis.label_placing import Box, Disc, place_labels
from resnets.analysis.reference import GROUPS, more_data, reference_points
from resnets.analysis.reference_chart import pareto_front, point_words
from resnets.reporting.markup import name
from resnets.weights.catalog import find_weights, published_weights

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("name", "top1", "giga", "mega", "size"),
    [  # torchvision 0.28.0, metadata of its weights
        ("AlexNet", 56.522, 0.714, 61.10, 224),
        ("VGG-16", 71.592, 15.470, 138.36, 224),
        ("GoogLeNet", 69.778, 1.498, 6.62, 224),
        ("MobileNetV2", 71.878, 0.301, 3.50, 224),
        ("ResNet-152", 78.312, 11.514, 60.19, 224),
        ("DenseNet-121", 74.434, 2.834, 7.98, 224),
        ("ViT-B/16", 81.072, 17.564, 86.57, 224),
        # timm, results-imagenet.csv, August 2026
        ("Inception-v4", 80.144, 12.28, 42.68, 299),
        ("NASNet-A-Large", 82.638, 23.89, 88.75, 331),
        ("EfficientNet-B4", 82.658, 3.13, 19.34, 320),
        ("ConvNeXt-T", 82.066, 4.47, 28.59, 224),
    ],
)
def test_points_are_as_published(name: str, top1: float, giga: float, mega: float, size: int) -> None:
    point = next(p for p in reference_points() if (p.name, p.recipe) == (name, "then"))
    assert (point.top1, point.image_size) == (top1, size)
    assert point.multiply_adds / 1e9 == pytest.approx(giga, abs=0.0006)
    assert point.parameters / 1e6 == pytest.approx(mega, abs=0.006)


def test_every_point_has_its_source_and_protocol() -> None:
    points = reference_points()
    assert {point.group for point in points} == set(GROUPS)
    for point in points:
        assert point.protocol.startswith("one centre crop of image_size, ")
        assert point.protocol.endswith("trained on ImageNet-1k only")
        assert point.source
        assert 2012 <= point.year <= 2022
        assert 0 < point.top1 < point.top5 <= 100
        if point.weights:
            terms = find_weights(point.weights).data_terms
            assert terms.startswith("ImageNet: ")
            assert ";" not in terms
    assert len({(point.name, point.recipe) for point in points}) == len(points)
    assert point_words(points[0]) == (
        "VGG-11 (2014): top-1 69.02 %, 7.61 G multiply-adds at 224 pixels, 133 M parameters. torchvision "
        "0.28.0; https://github.com/pytorch/vision/tree/main/references/classification#alexnet-and-vgg; "
        "one centre crop of image_size, bilinear; trained on ImageNet-1k only"
    )


def test_pareto_front() -> None:
    points = [(2, 70), (1, 70), (3, 80), (4, 80), (5, 79), (3, 80)]
    found = pareto_front(points, cost=lambda p: p[0], gain=lambda p: p[1])
    assert found == [(1, 70), (3, 80), (3, 80)]


def test_labels_stand_apart() -> None:
    """Twelve bubbles in a heap, with labels that no two may share a place."""
    discs = [Disc(300 + 12 * (i % 4), 300 + 10 * (i // 4), 9, 80, 15) for i in range(12)]
    boxes = place_labels(discs, area=Box(0, 0, 600, 600), taken=[Box(330, 200, 200, 90)])
    for one, two in combinations(boxes, 2):
        assert one.overlap(two) == 0
    for box in boxes:
        assert box.overlap(Box(0, 0, 600, 600)) == pytest.approx(80 * 15)
        assert box.overlap(Box(330, 200, 200, 90)) == 0


def test_a_label_alone_stands_close_to_its_bubble() -> None:
    (box,) = place_labels([Disc(100, 100, 10, 50, 14)], area=Box(0, 0, 400, 400))
    x, y = box.nearest(100, 100)
    assert (x, y) == (115, 100)  # straight to the right, five pixels away


def drawn(chart: BubbleChart) -> ET.Element:
    return ET.fromstring(draw_bubbles(chart))


def test_the_reference_chart_holds_every_point() -> None:
    found = compare(["resnet50:torchvision_v2", "resnet34:timm_bt_in1k", "wrn-16-2"])
    chart = comparison_chart(found)
    root = drawn(chart)
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    for point in reference_points():
        assert point.name in texts
    assert "resnet34:timm_bt_in1k" in texts
    assert "multiply-adds for one image, in billions (G), logarithmic" in texts
    assert "top-1 accuracy, % (error logarithmic)" in texts
    circles = [c for c in root.iter(f"{SVG}circle") if c.find(f"{SVG}title") is not None]
    assert len(circles) == len(reference_points()) + 1
    chosen = [c for c in circles if "chosen" in c.get("class", "")]
    assert sorted((c.findtext(f"{SVG}title") or "")[:32] for c in chosen) == [
        "ResNet-50 (2015) by a recipe of ",
        "resnet34:timm_bt_in1k: top-1 75.",
    ]
    assert undrawn(found) == ["wrn-16-2"]


def test_weights_that_learned_from_more_than_imagenet_are_marked() -> None:
    names = ["resnext101_32x32d:timm_fb_wsl_ig1b_ft_in1k", "resnet50:torchvision_v2", "resnet18"]
    found = compare(names)
    assert [row[2] for row in comparison_table(found)[1]] == [
        "ImageNet val, pretrained on public Instagram images",
        "ImageNet val",
        "ImageNet val, some pretrained on YFCC100M or public Instagram images",
    ]
    chart = comparison_chart(found)
    assert chart.bubbles[-1].words.endswith("; pretrained on public Instagram images")
    page = comparison_page(found, chart)
    assert (
        "Not from ImageNet-1k alone, as the others are, but pretrained: "
        f"{name(names[0])} on public Instagram images."
    ) in page
    assert "A: one centre crop of image_size, as the weights" in page
    assert "ResNet-50, recipe of 2021" in page


def test_what_weights_learned_from_is_named() -> None:
    found = {more_data(row) for row in published_weights() if row.reported}
    assert found == {"", "YFCC100M", "public Instagram images"}


def stated(name: str, top1: float, data: str, multiply_adds: int) -> ComparedModel:
    """A model file whose card states an accuracy."""
    reported = ReportedAccuracy(name, top1, None, 32, data, "the model file")
    return ComparedModel(name, "resnet20", 32, 272_474, multiply_adds, reported=(reported,))


def test_without_imagenet_the_files_are_taken_at_their_word() -> None:
    models = (
        stated("resnet20:cifar10", 0.91, "cifar10 test", 40_551_040),
        stated("plain20:cifar10", 0.9, "cifar10 test", 40_551_040),
        stated("resnet20:fashion_mnist", 0.94, "fashion_mnist test", 31_000_000),
        ComparedModel("mine", "resnet20", 32, 272_474, 40_551_040),
    )
    found = Comparison(models)
    chart = comparison_chart(found)
    assert [(b.label, b.y, b.colour) for b in chart.bubbles] == [
        ("resnet20:cifar10", 91.0, 0),
        ("plain20:cifar10", 90.0, 0),
        ("resnet20:fashion_mnist", 94.0, 6),
    ]
    assert chart.legend == {0: "cifar10 test", 6: "fashion_mnist test"}
    assert chart.lead.startswith("Only networks of one colour saw the same images; ")
    assert not chart.front
    assert undrawn(found) == ["mine"]
    page = comparison_page(found, chart)
    assert "Not drawn, as nobody states their accuracy: <bdi>mine</bdi>." in page
    assert "Bianco" not in page


def test_files_with_the_same_data_have_a_front() -> None:
    chart = comparison_chart(
        Comparison(
            (
                stated("small", 0.9, "cifar10 test", 10_000_000),
                stated("worse", 0.8, "cifar10 test", 20_000_000),
                stated("large", 0.95, "cifar10 test", 40_000_000),
            )
        )
    )
    assert (chart.front, chart.legend) == ([0, 2], {})
    assert chart.lead == "On cifar10 test; the area of a bubble is the number of parameters"


def test_an_architecture_stands_for_all_its_weights() -> None:
    chart = comparison_chart(compare(["resnet50"]))
    assert [bubble.y for bubble in chart.bubbles if bubble.is_chosen] == [76.13, 80.858]


def test_areas_and_places() -> None:
    """A bubble of four times the parameters is twice as wide; the better one stands higher."""
    bubbles = [
        Bubble(10.0, 70.0, 40_000_000, "big & <b>", "one", 0, y_interval=(68.0, 72.0)),
        Bubble(20.0, 80.0, 10_000_000, "small", "two", 1, x_interval=(19.0, 22.0)),
    ]
    chart = BubbleChart("t", "l", "time, ms", "top-1 accuracy, %", bubbles, front=[0, 1])
    one, two = [c for c in drawn(chart).iter(f"{SVG}circle") if c.find(f"{SVG}title") is not None]
    assert float(one.attrib["r"]) == pytest.approx(2 * float(two.attrib["r"]))
    assert float(one.attrib["cx"]) < float(two.attrib["cx"])
    assert float(one.attrib["cy"]) > float(two.attrib["cy"])
    texts = ["".join(text.itertext()) for text in drawn(chart).iter(f"{SVG}text")]
    assert {"big & <b>", "time, ms", "none better and cheaper"} <= set(texts)


def test_an_axis_that_reaches_far_is_logarithmic() -> None:
    def words(most: float) -> list[str]:
        bubbles = [Bubble(x, 50.0 + x / most, 10, str(x), "", 0) for x in (1.0, most)]
        root = drawn(BubbleChart("t", "l", "time, ms", "y", bubbles))
        return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]

    assert "time, ms" in words(3.0)
    assert {"time, ms, logarithmic", "2", "5", "10"} <= set(words(10.0))


def test_the_legend_covers_no_interval() -> None:
    bubbles = [
        Bubble(0.8, 83.4, 10, "fast", "", 0, y_interval=(82.7, 84.2), x_interval=(0.78, 0.87)),
        Bubble(2.3, 83.4, 10, "slow", "", 1, y_interval=(82.7, 84.2), x_interval=(2.28, 2.4)),
    ]
    plan = plan_chart(BubbleChart("", "", "", "", bubbles))
    legend = plan.legend
    for bubble, disc in zip(bubbles, plan.discs, strict=True):
        assert bubble.y_interval
        ends = [plan.y(value) for value in bubble.y_interval]
        beside = not legend.left <= disc.x <= legend.left + legend.width
        assert beside or max(ends) < legend.top or min(ends) > legend.top + legend.height


def test_a_perfect_network_is_not_above_100() -> None:
    bubbles = [Bubble(1.0, 100.0, 10, "a", "", 0), Bubble(1.5, 60.0, 10, "b", "", 0)]
    root = drawn(BubbleChart("t", "l", "x", "y", bubbles))
    assert "105" not in ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
