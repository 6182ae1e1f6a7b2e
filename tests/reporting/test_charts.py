"""Charts: round numbers at the axes, lines where there are values."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from resnets.reporting.charts import Line, line_chart, make_axis, reliability_chart
from resnets.reporting.curves import curve_charts, curves_file

from .trainings import rows

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.21, 0.93], (0.2, 0.4, 0.6, 0.8, 1.0)),
        ([0.0, 1e-4], (0.0, 2e-5, 4e-5, 6e-5, 8e-5, 1e-4)),
        ([3.0], (2.4, 2.6, 2.8, 3.0, 3.2, 3.4, 3.6)),
        ([0.0], (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        ([120, 870], (0, 200, 400, 600, 800, 1000)),
    ],
)
def test_ticks_are_round(values: list[float], ticks: tuple[float, ...]) -> None:
    axis = make_axis(values)
    assert axis.ticks == pytest.approx(ticks)
    assert axis.low <= min(values) <= max(values) <= axis.high


def test_ticks_are_written_alike() -> None:
    assert make_axis([0.9, 2.1]).tick_words(percent=False) == [
        "0.75",
        "1.00",
        "1.25",
        "1.50",
        "1.75",
        "2.00",
        "2.25",
    ]
    assert make_axis([0.3, 0.8]).tick_words(percent=True) == [
        "30 %",
        "40 %",
        "50 %",
        "60 %",
        "70 %",
        "80 %",
    ]


def lines_of(svg: str) -> list[str]:
    """The paths of the drawn lines; those of the legend are two points."""
    paths = [
        e.get("d", "") for e in ET.fromstring(svg).iter(f"{SVG}path") if "line" in e.get("class", "")
    ]
    return [path for path in paths if "L" in path]


def test_missing_values_break_a_line() -> None:
    line = Line("loss", "first", [1.0, 2.0, None, float("nan"), 3.0, 4.0, float("inf")])
    drawn = line_chart("Loss", range(1, 8), [line], words="said")
    assert [path.count("L") for path in lines_of(drawn)] == [1, 1]


def test_one_epoch_is_a_dot() -> None:
    charts = [ET.fromstring(chart) for chart in curve_charts(rows(1, val_loss=[0.5]))]
    assert [len(list(chart.iter(f"{SVG}circle"))) for chart in charts] == [2, 2, 1]


def test_the_higher_value_stands_higher() -> None:
    (path,) = lines_of(line_chart("t", [1, 2], [Line("a", "first", [0.0, 1.0])], words=""))
    start, end = (point.split() for point in path.removeprefix("M").split("L"))
    assert float(start[0]) < float(end[0])
    assert float(start[1]) > float(end[1])


def test_figures_are_told_to_pointer_and_reader() -> None:
    chart = ET.fromstring(curve_charts(rows(3, train_loss=[3.0, 2.0, 1.0]))[0])
    assert chart.get("role") == "img"
    assert (
        chart.get("aria-label") == "Loss over the epochs: training from 3 to 1; validation from 1 to 1"
    )
    titles = [e.text for e in chart.iter(f"{SVG}title")]
    assert titles[1] == "epoch 2: training 2, validation 1"


def test_long_runs_stay_small() -> None:
    assert len(curves_file(rows(3000))) < 400_000


def test_without_validation() -> None:
    charts = curve_charts(rows(8, val_loss=[None] * 8, val_top1=[None] * 8, train_top1=[None] * 8))
    assert len(charts) == 2
    assert "validation from" not in charts[0]


def test_the_file_stands_alone() -> None:
    drawn = ET.fromstring(curves_file(rows(4), kept=3))
    assert [e.text for e in drawn.iter(f"{SVG}text") if e.get("class") == "title"] == [
        "Loss",
        "Recognised",
        "Learning rate",
    ]
    assert "prefers-color-scheme: dark" in "".join(drawn.itertext())


def test_reliability() -> None:
    chart = ET.fromstring(
        reliability_chart("Right", [(0.55, 0.5, 0.2, 0.8, 4), (0.95, 1.0, 0.9, 1.0, 400)], words="")
    )
    small, large = (float(e.get("r", 0)) for e in chart.iter(f"{SVG}circle"))
    assert small < large
    assert next(chart.iter(f"{SVG}circle"))[0].text == "55.0 % sure on average, 50.0 % right (4 images)"
