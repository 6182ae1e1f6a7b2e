"""`calibrate`: a temperature fitted to some images, kept in the model, and tried on others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from resnets.data.dataset import Dataset
from resnets.data.packed import PackedDataset
from resnets.errors import ConfigError, printable
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
from resnets.evaluation.metrics import Numbers
from resnets.evaluation.scoring import OnBatch
from resnets.weights.classifier import Classifier
from resnets.weights.loading import model_path


def calibrate(
    model: Classifier | str | Path,
    data: str | Path | Dataset,
    *,
    split: str | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    on_batch: OnBatch | None = None,
) -> Evaluation:
    """Fit a model's temperature, keep it in the model, and measure what it does to other images.

    Where the data has val and test, the temperature is fitted to val and the figures are those of test.
    Else each half of the images is calibrated by the temperature of the other half, and the model's own
    is fitted to both. Images that are too few, or all recognised, cannot tell how sure the model should
    be: then the model stays as it was, `calibration` is None and a note says so.

    Args:
        model: path of a model file or run folder, which gets the temperature in one step; or what
            `resnets.load` gave, whose `info` gets it.
        data: path or name of a data set, path of a packed one (`.pack`), or an opened one.
        split: to report on, 'val', 'test' or 'all'. [test if there are val and test]
        batch_size: images that the network sees at a time.
        workers: processes that read. [one for each core, at most 8]
        on_batch: called with the number of batches done and of all.

    Raises:
        ConfigError: if an argument makes no sense.
        DataError: if the data or an image cannot be used, or its classes are not the model's.
        WeightsError: if the model cannot be loaded, or its answers are no numbers.
    """
    path = None if isinstance(model, Classifier) else model_path(model)
    if path is not None and not path.exists() and ":" in str(model):
        raise _refusal(f"{model} is no file that could keep a temperature: give a model file")
    classifier, name = open_model(model)
    fitted, reported = _fitted_and_reported(open_data(data, classifier.info), classifier, split)
    how = Conditions(crops=1, flip=False, restricted=False, matched_by="names")
    reading = Reading(batch_size=batch_size, workers=workers, on_batch=on_batch)
    before = score_images(classifier, reported, how, reading, name=name)
    other = before if fitted is None else score_images(classifier, fitted, how, reading, name=name)
    temperature = fit_temperature(other.logits, other.labels)
    used = _cross_fitted(before) if fitted is None else np.full(len(before), temperature)
    if not _tells(np.append(used, temperature)):
        doubt = (
            f"{len(other):,} images of {printable(other.data)} {other.split} cannot tell how sure the "
            f"model should be, it recognises {other.hits.sum():,} of them: the model was left as it is"
        )
        return replace(before, notes=(*before.notes, doubt))
    after = replace(before, logits=(before.logits / used[:, None]).astype(np.float32))
    info = classifier.info.model_copy(update={"temperature": temperature})
    if path is not None:
        store_info(path, info)
    classifier.info = info
    calibration = Calibration(
        temperature=temperature,
        fitted_on=other.split,
        num_images=len(other),
        cross_fitted=fitted is None,
        error_before=before.calibration_error,
        error=after.calibration_error,
        loss_before=before.loss,
        loss=after.loss,
    )
    conditions = replace(before.conditions, temperature=temperature)
    return replace(after, conditions=conditions, calibration=calibration)


def _tells(temperatures: Numbers) -> bool:
    """Whether a minimum was found, and not the end of what is allowed."""
    return bool((temperatures > 1.001 * COLDEST).all() and (temperatures < 0.999 * HOTTEST).all())


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


def _cross_fitted(before: Evaluation) -> Numbers:
    """The temperature for each image: that of the other half."""
    second = halves(before.labels)
    temperatures = np.full(len(before), COLDEST)
    if second.any():
        for half in (second, ~second):
            temperatures[half] = fit_temperature(before.logits[~half], before.labels[~half])
    return temperatures
