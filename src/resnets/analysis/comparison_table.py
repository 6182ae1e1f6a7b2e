"""The figures of a comparison as a table: for people, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Literal

from resnets.analysis.comparison import ComparedModel, Comparison, ReportedAccuracy
from resnets.analysis.reference import ReferencePoint, reference_points
from resnets.errors import printable
from resnets.quantities import count, memory
from resnets.reporting.words import percent

Column = tuple[str, Literal["left", "right"]]

_FIELDS = (
    "name", "architecture", "image_size", "parameters", "multiply_adds",
    "top1", "top1_low", "top1_high", "top5", "calibration_error", "temperature", "loss",
    "latency_ms", "latency_low_ms", "latency_high_ms", "batch_size", "num_batches", "memory_bytes",
    "on_front", "data", "source", "protocol", "weights", "year", "recipe",
)  # fmt: skip


def comparison_table(comparison: Comparison) -> tuple[list[Column], list[list[str]]]:
    """Make the table of the networks: headings with their sides, and texts.

    Args:
        comparison: see there.
    """
    models = comparison.models
    columns: list[Column] = [("model", "left")]
    cells = [[printable(model.name)] for model in models]
    if comparison.data:
        has_top5 = any(_metric(model, "top5") is not None for model in models)
        columns += [("top-1", "right"), ("95 % interval", "right")]
        columns += [("top-5", "right")] if has_top5 else []
        columns += [("calibration error", "right"), ("temperature", "right")]
        for row, model in zip(cells, models, strict=True):
            row.extend(_accuracy_cells(model, has_top5=has_top5))
    else:
        columns += [("published top-1", "right"), ("on", "left")]
        for row, model in zip(cells, models, strict=True):
            row.extend([_reported_words(model.reported), _reported_data(model.reported)])
    if any(model.speed for model in models):
        columns += [("time", "right"), ("middle half", "right"), ("memory", "right")]
        for row, model in zip(cells, models, strict=True):
            row.extend(_speed_cells(model))
    columns += [("parameters", "right"), ("multiply-adds", "right"), ("input", "right")]
    for row, model in zip(cells, models, strict=True):
        row.extend([count(model.parameters), count(model.multiply_adds), str(model.image_size)])
    if len(models) > 1 and all(model.on_front is not None for model in models):
        columns.append(("front", "left"))
        for row, model in zip(cells, models, strict=True):
            row.append("yes" if model.on_front else "")
    return columns, cells


def _accuracy_cells(model: ComparedModel, *, has_top5: bool) -> list[str]:
    found = model.evaluation
    assert found is not None
    top1 = found.metric("top1")
    assert top1.low is not None
    assert top1.high is not None
    cells = [percent(top1.value, 2), f"{100 * top1.low:.2f} to {100 * top1.high:.2f} %"]
    if has_top5:
        top5 = _metric(model, "top5")
        cells.append("-" if top5 is None else percent(top5, 2))
    temperature = found.conditions.temperature
    return [*cells, percent(found.calibration_error, 2), f"{temperature:.3g}" if temperature else "-"]


def _speed_cells(model: ComparedModel) -> list[str]:
    speed = model.speed
    if speed is None:
        return ["-", "-", "-"]
    return [
        f"{speed.latency_ms:.3g} ms",
        f"{speed.latency_low_ms:.3g} to {speed.latency_high_ms:.3g}",
        "-" if speed.memory_bytes is None else memory(speed.memory_bytes),
    ]


def _reported_words(reported: Sequence[ReportedAccuracy]) -> str:
    """The accuracy, or from where to where those of several weights reach."""
    shares = sorted(each.top1 for each in reported)
    if not shares:
        return "-"
    if len(shares) == 1:
        return percent(shares[0], 2)
    return f"{100 * shares[0]:.2f} to {100 * shares[-1]:.2f} %"


def _reported_data(reported: Sequence[ReportedAccuracy]) -> str:
    """What the accuracies were measured on, and what some of the weights had learned from besides."""
    if not reported:
        return ""
    more = dict.fromkeys(each.more_data for each in reported if each.more_data)
    some = "" if all(each.more_data for each in reported) else "some "
    words = f", {some}pretrained on {' or '.join(more)}" if more else ""
    return reported[0].data + words


def _metric(model: ComparedModel, name: str) -> float | None:
    if model.evaluation is None:
        return None
    return next((m.value for m in model.evaluation.metrics if m.name == name), None)


def csv_text(comparison: Comparison) -> str:
    """Write a row for each network; without data, one for each point of the reference as well.

    Args:
        comparison: see there.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    for model in comparison.models:
        writer.writerow(_csv_row(comparison, model))
    if not comparison.data:
        for point in reference_points():
            writer.writerow(
                {
                    "name": point.name,
                    "architecture": point.architecture,
                    "image_size": point.image_size,
                    "parameters": point.parameters,
                    "multiply_adds": point.multiply_adds,
                    "top1": f"{point.top1 / 100:.6g}",
                    "top5": f"{point.top5 / 100:.6g}",
                    "data": "ImageNet val",
                    "source": point.source,
                    "protocol": point.protocol,
                    "weights": point.weights,
                    **_paper(point),
                }
            )
    return text.getvalue()


def _paper(point: ReferencePoint) -> dict[str, str | int]:
    return {"year": point.year, "recipe": point.recipe}


def _csv_row(comparison: Comparison, model: ComparedModel) -> dict[str, str | int]:
    row: dict[str, str | int] = {
        "name": printable(model.name),
        "architecture": model.architecture,
        "image_size": model.image_size,
        "parameters": model.parameters,
        "multiply_adds": model.multiply_adds,
    }
    if model.on_front is not None:
        row["on_front"] = int(model.on_front)
    if model.speed is not None:
        for name, value in vars(model.speed).items():
            row[name] = "" if value is None else _number(value)
    if model.reported:
        row["weights"] = printable(model.reported[0].name)
        known = (point for point in reference_points() if point.weights == model.reported[0].name)
        row |= next(map(_paper, known), {})
    if model.evaluation is None:
        if model.reported:
            best = model.reported[0]
            row["protocol"] = best.protocol
            row |= {"top1": _number(best.top1), "data": printable(best.data)}
            row |= {"top5": "" if best.top5 is None else _number(best.top5)}
            row["source"] = f"{printable(best.name)}: {best.source}"
        return row
    top1, temperature = model.evaluation.metric("top1"), model.evaluation.conditions.temperature
    row |= {name: _number(value) for name in ("top5",) if (value := _metric(model, name)) is not None}
    row |= {
        "top1": _number(top1.value),
        "top1_low": _number(top1.low or 0.0),
        "top1_high": _number(top1.high or 0.0),
        "calibration_error": _number(model.evaluation.calibration_error),
        "loss": _number(model.evaluation.loss),
        "temperature": "" if temperature is None else _number(temperature),
        "data": printable(f"{comparison.data} {comparison.split}"),
        "source": "measured here",
        "protocol": "one view of each image"
        + "; only the classes of the data as answers" * model.evaluation.conditions.restricted,
    }
    return row


def _number(value: float) -> str | int:
    return value if isinstance(value, int) else f"{value:.6g}"
