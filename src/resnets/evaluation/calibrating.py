"""`calibrate`: temperature and threshold fitted to some images, kept in the model, tried on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from resnets.data.dataset import Dataset
from resnets.data.packed import PackedDataset
from resnets.errors import ConfigError, printable
from resnets.evaluation.abstention import abstention_metrics, choose_threshold, with_threshold
from resnets.evaluation.calibration import (
    COLDEST,
    HOTTEST,
    Calibration,
    fit_temperature,
    halves,
    store_info,
)
from resnets.evaluation.evaluating import Reading, open_model, score_images
from resnets.evaluation.evaluation import Conditions, Evaluation
from resnets.evaluation.labelled_images import LabelledImages, choose_images, open_data
from resnets.evaluation.metrics import Hits
from resnets.evaluation.scoring import OnBatch
from resnets.weights.classifier import Classifier
from resnets.weights.exported_file import SUFFIX as EXPORTED_SUFFIX
from resnets.weights.loading import model_path
from resnets.weights.model_info import Metric
from resnets.weights.shipped import find_shipped

_LOST = (
    "the model abstained below a threshold that does not fit the new probabilities, and now always "
    "answers; choose another with keep_right (--abstain)"
)


def calibrate(
    model: Classifier | str | Path,
    data: str | Path | Dataset,
    *,
    split: str | None = None,
    keep_right: float | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    on_batch: OnBatch | None = None,
) -> Evaluation:
    """Fit a model's temperature, keep it in the model, and measure what it does to other images.

    Where the data has val and test, the temperature is fitted to val and the figures are those of test.
    Else each half of the images is calibrated by the temperature of the other half, and the model's own
    is fitted to both. Images that are too few, or all recognised, cannot tell how sure the model should
    be: then the model stays as it was, `calibration` is None and a note says so. A threshold for
    abstaining is chosen from the same images; without `keep_right` the model loses one that it had, as
    it would not fit the new probabilities.

    Args:
        model: path of a model file or run folder, which gets the temperature in one step; or what
            `resnets.load` gave, whose `info` gets it.
        data: path or name of a data set, path of a packed one (`.pack`), or an opened one.
        split: to report on, 'val', 'test' or 'all'. [test if there are val and test]
        keep_right: also choose the threshold below which the model abstains, the highest that keeps this
            share of its right answers, such as 0.9.
        batch_size: images that the network sees at a time.
        workers: processes that read. [one for each core, at most 8]
        on_batch: called with the number of batches done and of all.

    Raises:
        ConfigError: if an argument makes no sense.
        DataError: if the data or an image cannot be used, or its classes are not the model's.
        WeightsError: if the model cannot be loaded, or its answers are no numbers.
    """
    path = None if isinstance(model, Classifier) else _own_file(model)
    if keep_right is not None and not 0 < keep_right <= 1:
        raise _refusal(f"keep_right is a share, above 0 and at most 1, got {keep_right:g}")
    classifier, name = open_model(model)
    fitted, reported = _fitted_and_reported(open_data(data, classifier.info), classifier, split)
    how = Conditions(crops=1, flip=False, restricted=False, matched_by="names")
    reading = Reading(batch_size=batch_size, workers=workers, on_batch=on_batch)
    before = score_images(classifier, reported, how, reading, name=name)
    other = before if fitted is None else score_images(classifier, fitted, how, reading, name=name)
    fit = _fit(other, keep_right)
    used = _cross_fitted(before, keep_right) if fitted is None else [fit] * len(before)
    if not all(map(_tells, (*used, fit))):
        doubt = (
            f"{len(other):,} images of {printable(other.data)} {other.split} cannot tell how sure the "
            f"model should be, it recognises {other.hits.sum():,} of them: the model was left as it is"
        )
        return replace(before, notes=(*before.notes, doubt))
    found = _calibrated(before, used, fit)
    calibration = Calibration(
        temperature=fit.temperature,
        fitted_on=other.split,
        num_images=len(other),
        cross_fitted=fitted is None,
        error_before=before.calibration_error,
        error=found.calibration_error,
        loss_before=before.loss,
        loss=found.loss,
        keep_right=keep_right,
        abstain_below=fit.threshold,
    )
    lost = classifier.info.abstain_below is not None and fit.threshold is None
    found = replace(found, calibration=calibration, notes=(*found.notes, *[_LOST] * lost))
    _keep(classifier, path, found)
    return found


def _own_file(model: str | Path) -> Path:
    """The file that gets what is fitted; those of the package belong to all its users."""
    path = model_path(model)
    if find_shipped(model) is not None and path != Path(model):
        raise _refusal(
            f"{model} is in the package, and stays as it is: calibrate a copy, made by resnets convert "
            f"{model} FILE.safetensors"
        )
    if path.suffix == EXPORTED_SUFFIX:
        raise _refusal(f"{model} is an exported file, and stays as it is: calibrate its model file")
    if not path.exists() and ":" in str(model):
        raise _refusal(f"{model} is no file that could keep a temperature: give a model file")
    return path


def _keep(classifier: Classifier, path: Path | None, found: Evaluation) -> None:
    """Write into the model, and its file, what was fitted."""
    info = classifier.info.model_copy(update={"temperature": found.conditions.temperature})
    measured: tuple[Metric, ...] = ()
    if found.abstained is not None:
        measured = abstention_metrics(found.hits, found.abstained, f"{found.data} {found.split}")
    info = with_threshold(info, found.conditions.abstain_below, measured)
    if path is not None:
        store_info(path, info)
    classifier.info = info


@dataclass(frozen=True)
class _Fit:
    """What some images say: the temperature, and the threshold if one was asked for."""

    temperature: float
    threshold: float | None = None


def _fit(scores: Evaluation, keep_right: float | None, part: Hits | None = None) -> _Fit:
    chosen = slice(None) if part is None else part
    logits, labels = scores.logits[chosen], scores.labels[chosen]
    temperature = fit_temperature(logits, labels)
    if keep_right is None:
        return _Fit(temperature)
    scaled = replace(scores, logits=(logits / temperature).astype(np.float32), labels=labels)
    return _Fit(temperature, choose_threshold(scaled.confidences, scaled.hits, keep_right) or None)


def _calibrated(before: Evaluation, used: Sequence[_Fit], fit: _Fit) -> Evaluation:
    """The scores with the temperature, and the answers with the threshold, that each image has."""
    temperatures = np.array([each.temperature for each in used])
    after = replace(
        before,
        logits=(before.logits / temperatures[:, None]).astype(np.float32),
        conditions=replace(before.conditions, temperature=fit.temperature, abstain_below=fit.threshold),
    )
    if fit.threshold is None:
        return after
    thresholds = np.array([each.threshold or 0.0 for each in used])
    return replace(after, abstained=after.confidences < thresholds)


def _tells(fit: _Fit) -> bool:
    """Whether a minimum was found, and not the end of what is allowed."""
    return 1.001 * COLDEST < fit.temperature < 0.999 * HOTTEST


def _fitted_and_reported(
    data: Dataset | PackedDataset, classifier: Classifier, split: str | None
) -> tuple[LabelledImages | None, LabelledImages]:
    """The images to fit to, none for cross-fitting, and those to report on."""
    info = classifier.info
    has = {name for name, part in data.splits.items() if (part.labels >= 0).any()}
    if split in (None, "test") and {"val", "test"} <= has:
        return choose_images(data, info, "val"), choose_images(data, info, "test")
    reported = choose_images(data, info, split)
    is_given = isinstance(data, PackedDataset) or data.split_origin == "given"
    if reported.split == "train" or (reported.split == "all" and is_given):
        raise _refusal("a temperature cannot be fitted to the training images, which the model knows")
    return None, reported


def _refusal(sentence: str) -> ConfigError:
    return ConfigError("the options", [sentence])


def _cross_fitted(before: Evaluation, keep_right: float | None) -> list[_Fit]:
    """What fits each image: that of the other half."""
    second = halves(before.labels)
    if not second.any():
        return [_Fit(COLDEST)]
    fits = [_fit(before, keep_right, half) for half in (second, ~second)]
    return [fits[in_second] for in_second in second.astype(int)]
