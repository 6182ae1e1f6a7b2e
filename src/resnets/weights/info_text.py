"""The description in a model file, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import printable
from resnets.weights.model_info import Metric, ModelInfo


def info_lines(info: ModelInfo) -> list[str]:
    """Say what a model file says about its network, one fact per line."""
    licence = info.licence
    facts = {
        "classes": _classes(info),
        "images": preprocessing_words(info.preprocessing),
        "metrics": "; ".join(map(_metric, info.metrics)),
        "trained on": f"{info.data.name}, {info.data.num_images:,} images" if info.data else "",
        "calibrated": f"by a temperature of {info.temperature:.3g}" if info.temperature else "",
        "abstains": f"if less than {info.abstain_below:.1%} sure" if info.abstain_below else "",
        "recipe": ", ".join(_said(info.recipe)),
        "licence": f"{licence.weights}; data: {licence.data or 'not stated'}"
        if licence
        else "not stated",
        "origin": info.origin,
        "written by": ", ".join(f"{name} {version}" for name, version in info.versions.items()),
    }
    return [f"{name:<11}{printable(words)}" for name, words in facts.items() if words]


def _said(recipe: Mapping[str, JsonValue], path: str = "") -> Iterator[str]:
    """Settings by dotted keys, without how images look, which is told, and how the run was saved."""
    for key, value in recipe.items():
        if isinstance(value, dict):
            if not (path or key in ("preprocessing", "checkpoints")):
                yield from _said(value, f"{key}.")
        elif value not in (None, False, [], ""):
            yield f"{path}{key}={value}"


def preprocessing_words(preprocessing: Preprocessing) -> str:
    """Say what is done to an image before the network sees it."""
    size, p = preprocessing.image_size, preprocessing
    how = {
        "crop": f"shorter side to {p.shorter_side}, {p.interpolation}, middle {size}×{size} cut out",
        "pad": f"longer side to {size}, {p.interpolation}, padded to {size}×{size}",
        "stretch": f"stretched to {size}×{size}, {p.interpolation}",
    }[p.fit]
    mean, std = (", ".join(f"{value:.4g}" for value in values) for values in (p.mean, p.std))
    exif = "turned upright" if p.decoding.exif == "apply" else "not turned"
    return f"{how}; {p.channels}, mean {mean}, std {std}; {exif} by EXIF"


def _classes(info: ModelInfo) -> str:
    names = info.class_names
    if not names:
        return "none: no classifier"
    shown = ", ".join(name if len(name) <= 40 else f"{name[:37]}..." for name in names[:6])
    return f"{len(names)}: {shown}" + (", ..." if len(names) > 6 else "")


def _metric(metric: Metric) -> str:
    words = f"{metric.name} {metric.value:.4g}"
    if metric.low is not None and metric.high is not None:
        words += f" ({metric.low:.4g} to {metric.high:.4g})"
    return words + (f" on {metric.data}" if metric.data else "")
