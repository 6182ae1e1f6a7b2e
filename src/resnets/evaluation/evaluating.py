"""`evaluate`: a model and labelled images in, figures out."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from resnets.data.dataset import Dataset, Split
from resnets.data.loading import Loader, LoadingOptions
from resnets.data.packed import PackedSplit
from resnets.data.preprocessing_policy import Preprocessing
from resnets.downloads.transfer import Progress
from resnets.errors import ConfigError, ImageError, UnsupportedError, WeightsError, printable
from resnets.evaluation.class_matching import ClassMatch, match_classes
from resnets.evaluation.crops import FiveCrops
from resnets.evaluation.evaluation import Conditions, Evaluation
from resnets.evaluation.labelled_images import (
    LabelledImages,
    choose_images,
    open_data,
    refuse_unusable,
)
from resnets.evaluation.scoring import OnBatch, Scores, score_split
from resnets.weights.classifier import Classifier
from resnets.weights.loading import load


def evaluate(  # noqa: PLR0913 - one argument for each option of the command
    model: Classifier | str | Path,
    data: str | Path | Dataset,
    *,
    split: str | None = None,
    crops: int = 1,
    flip: bool = False,
    restrict: bool = False,
    batch_size: int = 64,
    workers: int | None = None,
    on_batch: OnBatch | None = None,
) -> Evaluation:
    """Measure how well a model recognises labelled images.

    The images are seen as `predict` sees them. The network computes in float32 where it is; a model that
    is loaded here goes to the GPU, if there is one. Classes are matched by WordNet id or by name.

    Args:
        model: path of a model file or run folder, published weights, or what `resnets.load` gave.
        data: path or name of a data set, path of a packed one (`.pack`), or an opened one.
        split: 'train', 'val', 'test' or 'all'. [val if there is one, else test; all images where the
            data has no splits and the model was not trained on it]
        crops: 5 averages over the middle and the four corners, 10 over their mirror images as well.
        flip: average over each view and its mirror image.
        restrict: only the classes of the data can be answered; else all of the model's.
        batch_size: images that the network sees at a time.
        workers: processes that read. [one for each core, at most 8]
        on_batch: called with the number of batches done and of all.

    Raises:
        ConfigError: if an argument makes no sense.
        DataError: if the data or an image cannot be used, or its classes are not the model's.
        WeightsError: if the model cannot be loaded, or its answers are no numbers.

    Example:
        >>> from resnets import Preprocessing, create_model
        >>> network = create_model("resnet20", num_classes=2)
        >>> images = np.zeros((6, 32, 32, 3), np.uint8)
        >>> data = Dataset(
        ...     name="pets",
        ...     kind="arrays",
        ...     root=Path(),
        ...     class_names=("cat", "dog"),
        ...     splits={"test": Split("test", images, np.array([0, 0, 0, 1, 1, 1]))},
        ... )
        >>> preprocessing = Preprocessing(image_size=32)
        >>> model = Classifier.from_network(
        ...     network, class_names=["cat", "dog"], preprocessing=preprocessing
        ... )
        >>> evaluate(model, data, split="test").top1
        0.5
    """
    classifier, name = open_model(model)
    conditions = Conditions(
        crops=crops,
        flip=flip or crops == 10,
        restricted=restrict,
        matched_by="names",
        temperature=classifier.info.temperature,
        abstain_below=None if restrict else classifier.info.abstain_below,
    )
    reading = Reading(batch_size=batch_size, workers=workers, on_batch=on_batch)
    images = choose_images(open_data(data, classifier.info), classifier.info, split)
    return score_images(classifier, images, conditions, reading, name=name)


@dataclass(frozen=True)
class Reading:
    """How images are read.

    Attributes:
        batch_size: images that the network sees at a time.
        workers: processes that read. [one for each core, at most 8]
        on_batch: called with the number of batches done and of all.
    """

    batch_size: int = 64
    workers: int | None = None
    on_batch: OnBatch | None = None


def open_model(
    model: Classifier | str | Path, *, on_progress: Callable[[Progress], None] | None = None
) -> tuple[Classifier, str]:
    """Load a model, onto the GPU if there is one; a loaded one stays where it is.

    Args:
        model: path of a model file or run folder, published weights, or what `resnets.load` gave.
        on_progress: called often while published weights arrive.

    Returns:
        The model, and what to call it.
    """
    if isinstance(model, Classifier):
        return model, model.info.architecture
    classifier = load(model, on_progress=on_progress)
    if torch.cuda.is_available():
        classifier.network.cuda()
    return classifier, os.fspath(model)


def score_images(
    classifier: Classifier,
    images: LabelledImages,
    conditions: Conditions,
    reading: Reading,
    *,
    name: str,
) -> Evaluation:
    """Evaluate a model on chosen images.

    Args:
        classifier: the model.
        images: to evaluate it on.
        conditions: how; the way in which classes are matched is found here.
        reading: how images are read.
        name: of the model.

    Raises:
        WeightsError: if the network's answers are no numbers.
    """
    _check(classifier, conditions, reading)
    info, present = classifier.info, images.present
    match = match_model(classifier, images)
    scores, names = _scores(classifier, images, conditions, reading)
    logits = scores.logits
    if not np.isfinite(logits).all():
        first = names[int(np.flatnonzero(~np.isfinite(logits).all(1))[0])]
        raise WeightsError(
            f"{printable(name)} gives no finite scores for {printable(first)}: its weights do not fit "
            "such values"
        )
    columns, notes = match.columns, list(images.notes)
    class_names = info.class_names
    if conditions.restricted:
        kept = columns[columns >= 0]
        logits, class_names = logits[:, kept], tuple(class_names[i] for i in kept)
        columns = np.where(columns >= 0, np.cumsum(columns >= 0) - 1, -1)
    elif len(present) < len(class_names):
        notes.append(
            f"{len(class_names) - len(present)} of the model's {len(class_names)} classes have no "
            "images here, and can be answered all the same; --restrict leaves them out"
        )
    found = Evaluation(
        model=name,
        architecture=info.architecture,
        data=images.data,
        split=images.split,
        images=tuple(names),
        class_names=class_names,
        indices=scores.indices,
        labels=columns[scores.labels],
        logits=logits,
        conditions=replace(conditions, matched_by=match.by),
        notes=tuple(notes),
    )
    if conditions.abstain_below is None:
        return found
    return replace(found, abstained=found.confidences < conditions.abstain_below)


def match_model(classifier: Classifier, images: LabelledImages) -> ClassMatch:
    """Find the classes of images among those of a model.

    Args:
        classifier: the model.
        images: to evaluate it on.

    Raises:
        UnsupportedError: if it has no classifier.
        DataError: if it lacks classes that have images.
    """
    if not classifier.class_names:
        raise UnsupportedError(f"this {classifier.info.architecture} has no classifier to evaluate")
    return match_classes(images.class_names, images.class_ids, classifier.info, present=images.present)


def _check(classifier: Classifier, conditions: Conditions, reading: Reading) -> None:
    problems = []
    if conditions.crops not in (1, 5, 10):
        problems.append(f"crops must be 1, 5 or 10, got {conditions.crops}")
    elif conditions.crops > 1 and classifier.preprocessing.fit != "crop":
        problems.append(
            f"crops={conditions.crops} needs a model that crops, this one has "
            f"{classifier.preprocessing.fit!r}"
        )
    if reading.batch_size < 1:
        problems.append(f"batch_size must be at least 1, got {reading.batch_size}")
    if reading.workers is not None and reading.workers < 0:
        problems.append(f"workers must be at least 0, got {reading.workers}")
    if problems:
        raise ConfigError("the arguments of evaluate", problems)


def _scores(
    classifier: Classifier, images: LabelledImages, conditions: Conditions, reading: Reading
) -> tuple[Scores, list[str]]:
    """Scores and names of all images that have a label; indices go through all parts."""
    scored: list[Scores] = []
    names: list[str] = []
    start = 0
    try:
        for part in images.parts:
            with closing(_loader(part, classifier.preprocessing, conditions, reading)) as loader:
                scores = score_split(
                    classifier.network,
                    loader,
                    classifier.preprocessing,
                    flip=conditions.flip,
                    temperature=conditions.temperature,
                    on_batch=reading.on_batch,
                )
            known = scores.labels >= 0
            indices = scores.indices[known]
            names.extend(images.image_names(part, indices))
            scored.append(Scores(scores.logits[known], scores.labels[known], indices + start))
            start += len(part)
    except ImageError:
        refuse_unusable(images, classifier.preprocessing, workers=reading.workers)
    columns = ([getattr(part, name) for part in scored] for name in ("logits", "labels", "indices"))
    return Scores(*map(np.concatenate, columns)), names


def _loader(
    part: Split | PackedSplit, preprocessing: Preprocessing, conditions: Conditions, reading: Reading
) -> Loader | FiveCrops:
    size, workers = reading.batch_size, reading.workers
    if conditions.crops > 1:
        return FiveCrops(part, preprocessing, batch_size=size, workers=workers)
    return Loader(part, preprocessing, LoadingOptions(batch_size=size, workers=workers))
