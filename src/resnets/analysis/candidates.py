"""Which networks are worth a look for a data set: with random weights, and with given ones."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from resnets.config import Count, Settings, as_list, validate
from resnets.data.preprocessing_policy import Preprocessing
from resnets.training.data_facts import DataFacts
from resnets.weights.cache import cache_list
from resnets.weights.catalog import PublishedWeights, find_weights
from resnets.weights.shipped import ShippedModel, shipped_models

Weights: TypeAlias = Literal["none", "here", "published"]
"""Whose weights a training may start from: random ones only; also those that are on this machine; also
published ones that would have to be downloaded."""

_LOW_SIZE = 64
# Pixels: photos are tried at this size, too, which takes a fraction of the time.
_COARSER = 0.6
# Exponent of the ratio of sizes, by which the odds of a mistake grow at the lower one; an estimate.
# Given weights that see 160 instead of 224 pixels lose by 0.35 (resnet18:timm_a3_in1k).
_REFERENCE_TOP1 = 75.99
# Of ResNet-50 on ImageNet (fb.resnet.torch), in percent: the weakness of published weights is by this.
_PUBLISHED = ("resnet18:torchvision_v1", "resnet50:torchvision_v1", "resnet50:torchvision_v2")
# That are offered for download, from small to strong.
_HEAD_STARTS = {1000: (2000, 0.4, 0.1), 200: (1000, 0.3, 0.4)}
# By the classes of the weights' data set, at least: images per class from which weights are no longer
# better than none, the exponent up to there, and the smallest factor of the odds. Estimates.
_SMALL_HEAD_START = (500, 0.2, 0.7)
_ENLARGED, _SHRUNK = 1.5, 4.0
# Weights suit images that are enlarged, or made smaller, at most so much for them.


class Architecture(Settings):
    """A row of `candidates.toml`.

    Attributes:
        model: as in `TrainingSettings.model`.
        sides: of the images that it is for, in pixels: least and most.
        weakness: as in `Learning`.
        slowness: times that a step takes longer than the network's work says.
        why: a few words about it.
        source: of the weakness.
    """

    model: str
    sides: Annotated[tuple[Count, Count], BeforeValidator(as_list)]
    weakness: Annotated[float, Field(gt=0)]
    slowness: Annotated[float, Field(ge=1)] = 1.0
    why: str
    source: str


@dataclass(frozen=True)
class Candidate:
    """A network that a training may start from.

    Attributes:
        model: as in `TrainingSettings.model`.
        image_size: that has to be said, in pixels; None where the rules choose it.
        weakness: as in `Learning`.
        head_start: likewise.
        why: a few words about it.
        kind: of its weights: 'random', 'shipped', 'downloaded' or 'published'.
        download_mib: that a training would download first; None for nothing, or where it is not known.
        slowness: times that a step takes longer than the network's work says.
    """

    model: str
    image_size: int | None
    weakness: float
    head_start: float
    why: str
    kind: Literal["random", "shipped", "downloaded", "published"] = "random"
    download_mib: float | None = None
    slowness: float = 1.0


def candidates(facts: DataFacts, shown: Preprocessing, weights: Weights) -> list[Candidate]:
    """Name the networks for a data set.

    Args:
        facts: of the data.
        shown: how a network without weights would see the images, by the rules of `train`.
        weights: see there.
    """
    size = shown.image_size
    made = [
        Candidate(row.model, None, row.weakness, 1.0, row.why, slowness=row.slowness)
        for row in architectures()
        if row.sides[0] <= size <= row.sides[1]
    ]
    if size > 1.5 * _LOW_SIZE:
        coarser = (size / _LOW_SIZE) ** _COARSER
        made += [
            Candidate(row.model, _LOW_SIZE, row.weakness * coarser, 1.0, f"at low resolution; {row.why}")
            for row in architectures()
            if row.sides[0] <= _LOW_SIZE <= row.sides[1]
        ]
    if weights != "none":
        made += _shipped(facts, shown)
        made += _published(facts, shown, may_download=weights == "published")
    return made


def known_classes(facts: DataFacts, shown: Preprocessing) -> list[str]:
    """Name the shipped models that know all classes of a data set already, from such images.

    Args:
        facts: of the data.
        shown: how a network without weights would see the images.
    """
    wanted = {name.casefold() for name in facts.class_names}
    return [
        model.name
        for model in _fitting_models(facts, shown)
        if wanted <= {name.casefold() for name in model.info.class_names}
    ]


def _fitting_models(facts: DataFacts, shown: Preprocessing) -> Iterator[ShippedModel]:
    """Models of the package for images like these; plain networks are only there to be compared."""
    for model in shipped_models():
        is_plain = model.info.architecture.startswith("plain")
        if not is_plain and _suits(model.info.preprocessing, facts, shown):
            yield model


def _shipped(facts: DataFacts, shown: Preprocessing) -> Iterator[Candidate]:
    known = known_classes(facts, shown)
    for model in _fitting_models(facts, shown):
        if model.name in known:
            continue  # it has learned these very classes: no start for a training, but the answer
        classes = len(model.info.class_names)
        yield Candidate(
            model=model.name,
            image_size=None,
            weakness=1.8,
            head_start=_head_start(facts, classes),
            why=f"knows {classes} other classes already, and comes with this package",
            kind="shipped",
        )


def _published(facts: DataFacts, shown: Preprocessing, *, may_download: bool) -> Iterator[Candidate]:
    here = [name for file in cache_list() if file.kind == "complete" for name in file.weights]
    for name in dict.fromkeys([*here, *_PUBLISHED]):
        row = find_weights(name)
        if (name not in here and not may_download) or not _suits(row.preprocessing, facts, shown):
            continue
        size = shown.image_size if shown.image_size < row.preprocessing.image_size else None
        yield Candidate(
            model=name,
            image_size=size,
            weakness=_published_weakness(row),
            head_start=_head_start(facts, row.num_classes or 1000),
            why=f"knows ImageNet's classes already ({row.licence})",
            kind="downloaded" if name in here else "published",
            download_mib=None if name in here else row.file.size_mib,
        )


def _published_weakness(row: PublishedWeights) -> float:
    if not row.reported:
        return 1.0
    odds = [(100 - top1) / top1 for top1 in (row.reported[0].top1, _REFERENCE_TOP1)]
    return odds[0] / odds[1]


def _suits(theirs: Preprocessing, facts: DataFacts, shown: Preprocessing) -> bool:
    """Whether images are of about the size and the colours that weights know."""
    size, side = theirs.image_size, max(1, facts.median_side)
    return theirs.num_channels == shown.num_channels and (
        size <= _ENLARGED * side and (side <= _SHRUNK * size or size >= _LOW_SIZE)
    )


def _head_start(facts: DataFacts, num_classes: int) -> float:
    """What weights take away of the odds of a mistake; the less, the more images there are."""
    each = facts.num_train / max(1, facts.num_classes)
    fitting = [row for least, row in _HEAD_STARTS.items() if num_classes >= least]
    enough, exponent, smallest = fitting[0] if fitting else _SMALL_HEAD_START
    return min(1.0, max(smallest, float((each / enough) ** exponent)))


def published_downloads() -> list[tuple[str, float | None]]:
    """Published weights that are offered for download, with their size in MiB."""
    return [(name, find_weights(name).file.size_mib) for name in _PUBLISHED]


@cache
def architectures() -> tuple[Architecture, ...]:
    """The rows of `candidates.toml`."""
    text = files("resnets.analysis").joinpath("candidates.toml").read_text("utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)["candidates"]
    return tuple(validate(Architecture, row, source=f"candidates.toml, {row['model']}") for row in rows)
