"""What a comparison is given, looked up: its cost and what is reported, before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from resnets.analysis.comparison import ComparedModel, ReportedAccuracy
from resnets.analysis.description import describe
from resnets.analysis.reference import more_data, published_protocol
from resnets.architectures.creation import create_model, resolve
from resnets.architectures.notation import parse_model
from resnets.data.preprocessing_policy import Preprocessing
from resnets.downloads.transfer import Progress
from resnets.errors import WeightsError
from resnets.evaluation.evaluating import open_model
from resnets.weights.catalog import PublishedWeights, find_weights, published_weights
from resnets.weights.classifier import Classifier
from resnets.weights.exported_file import SUFFIX as EXPORTED_SUFFIX
from resnets.weights.loading import model_path
from resnets.weights.model_header import SUFFIX, read_info
from resnets.weights.model_info import ModelInfo

_IMAGENET = "ImageNet val"


@dataclass(frozen=True)
class Contender:
    """A network to compare.

    Attributes:
        row: what is known without loading it.
        given: what the user gave.
        make: for an architecture, makes it with random weights; None for what has weights.
    """

    row: ComparedModel
    given: str | Path | Classifier
    make: Callable[[], Classifier] | None = None

    def load(
        self, *, random_weights: bool, on_progress: Callable[[Progress], None] | None = None
    ) -> Classifier:
        """Load the weights.

        Args:
            random_weights: let an architecture have such; enough to time it.
            on_progress: called often while published weights arrive.

        Raises:
            WeightsError: if there are none and random ones will not do.
        """
        if self.make is None:
            return open_model(self.given, on_progress=on_progress)[0]
        if random_weights:
            return self.make()
        raise WeightsError(
            f"{self.given} is an architecture, whose weights would be random; on data, give a model "
            f"file or published weights (resnets list '{self.row.architecture}' --weights)"
        )


def contender(given: str | Path | Classifier) -> Contender:
    """Look up a network.

    Args:
        given: an architecture, a model file, a run folder, an exported file, published weights or a
            loaded model.

    Raises:
        UnknownNameError: if there is no such network.
        WeightsError: if there is no such file, or one that is not for this.
    """
    if isinstance(given, Classifier):
        return Contender(_described(given.info.architecture, given.info), given)
    word = os.fspath(given)
    path = model_path(word)
    if path.exists() or path.suffix in (SUFFIX, EXPORTED_SUFFIX):
        return Contender(_described(word, read_info(path)), given)
    if ":" in word and "/" not in word:
        return Contender(_published_row(find_weights(word)), given)
    if "/" in word:
        raise WeightsError(f"cannot read {word!r}: No such file or directory")
    return _architecture(word)


def _described(name: str, info: ModelInfo) -> ComparedModel:
    """A row of what a model file says."""
    size = info.preprocessing.image_size
    costs = _costs(info.architecture, {**info.options, "image_size": size})
    metrics = {metric.name: metric for metric in info.metrics}
    top1, top5 = metrics.get("top1"), metrics.get("top5")
    reported: tuple[ReportedAccuracy, ...] = ()
    if top1 is not None:
        known = top5.value if top5 is not None else None
        reported = (ReportedAccuracy(name, top1.value, known, size, top1.data, "the model file"),)
    return ComparedModel(name, info.architecture, *costs, reported=reported)


def _published_row(weights: PublishedWeights) -> ComparedModel:
    size = weights.preprocessing.image_size
    costs = _costs(weights.architecture, {**weights.options, "image_size": size})
    return ComparedModel(weights.name, weights.architecture, *costs, reported=_reported(weights))


def _reported(weights: PublishedWeights) -> tuple[ReportedAccuracy, ...]:
    """The publisher's accuracy for the weights' own preprocessing."""
    return tuple(
        ReportedAccuracy(
            name=weights.name,
            top1=best.top1 / 100,
            top5=best.top5 / 100,
            image_size=best.image_size,
            data=_IMAGENET,
            source=weights.reported_by,
            protocol=published_protocol(weights),
            more_data=more_data(weights),
        )
        for best in weights.reported[:1]
    )


def _architecture(word: str) -> Contender:
    name, options = parse_model(word)
    architecture, settings = resolve(name, options)
    costs = _costs(name, options)
    reported: list[ReportedAccuracy] = []
    if not options:
        for weights in published_weights(architecture.name):
            reported += _reported(weights)
    row = ComparedModel(word, architecture.name, *costs, reported=tuple(reported))
    values = settings.model_dump()
    return Contender(row, word, lambda: _random(name, options, values, row.image_size))


def _random(name: str, options: dict[str, Any], settings: dict[str, Any], image_size: int) -> Classifier:
    """A network whose answers mean nothing, on the device that a loaded one would be on."""
    network = create_model(name, **options)
    grey = settings.get("in_channels", 3) == 1
    sight = Preprocessing(
        image_size=image_size, **({"channels": "L", "mean": (0.5,), "std": (0.5,)} if grey else {})
    )
    has_classifier = settings.get("include_top", True) and not settings.get("features_only", False)
    count = settings.get("num_classes", 1000) if has_classifier else 0
    made = Classifier.from_network(
        network, preprocessing=sight, class_names=[f"class {i}" for i in range(count)]
    )
    if torch.cuda.is_available():
        made.network.cuda()
    return made


def _costs(name: str, options: dict[str, Any]) -> tuple[int, int, int]:
    """Image size, parameters, multiply-adds: the registry's where nothing is changed, else counted."""
    row, _ = resolve(name, {})
    size = options.get("image_size", row.image_size)
    _, plain = resolve(name, {"image_size": size})
    _, asked = resolve(name, options)
    if row.parameters and row.multiply_adds and size == row.image_size and plain == asked:
        return size, row.parameters, row.multiply_adds
    cost = describe(name, **{**options, "image_size": size})
    return size, cost.parameters, cost.multiply_adds
