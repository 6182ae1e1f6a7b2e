"""One number that makes a network as sure as it is right: the temperature that divides its answers.

Guo et al. 2017, arXiv:1706.04599, sec. 4.2: it is fitted to the cross-entropy of labelled images, and
changes no answer, only how sure the network is of it. What is reported as calibrated never comes from
images that the temperature was fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch

from resnets.errors import WeightsError
from resnets.evaluation.metrics import Classes, Hits, Scores, log_softmax
from resnets.files import write_bytes
from resnets.weights.info_format import format_info
from resnets.weights.model_file import digest
from resnets.weights.model_info import ModelInfo
from resnets.weights.safetensors_file import read_header, read_tensors

COLDEST, HOTTEST = 0.05, 20.0
"""Temperatures beyond these say that the images cannot tell, as those of a network without a mistake."""

_CHUNK = 4096


@dataclass(frozen=True)
class Calibration:
    """What a temperature was fitted to, and what it does to other images.

    Attributes:
        temperature: as the model now has it.
        fitted_on: split that it was fitted to.
        num_images: in that.
        cross_fitted: there were no other images to report on: one half of the images was calibrated by
            the temperature of the other half, and the model's is fitted to both.
        error_before: expected calibration error of the reported images, with temperature 1.
        error: with the temperature.
        loss_before: cross-entropy of the reported images, with temperature 1.
        loss: with the temperature.
        keep_right: share of the right answers that the model was to keep when it abstains; None if no
            threshold was asked for.
        abstain_below: the threshold, as the model now has it.
    """

    temperature: float
    fitted_on: str
    num_images: int
    cross_fitted: bool
    error_before: float
    error: float
    loss_before: float
    loss: float
    keep_right: float | None = None
    abstain_below: float | None = None


def fit_temperature(logits: Scores, labels: Classes) -> float:
    """Find the temperature with the lowest cross-entropy, between `COLDEST` and `HOTTEST`.

    The loss is convex in 1 / temperature, so that Newton's steps, halved where they leave the bracket,
    find the only minimum.

    Args:
        logits: of all classes.
        labels: the right classes; at least one.
    """
    low, high = 1 / HOTTEST, 1 / COLDEST
    inverse = 1.0
    for _ in range(100):
        slope, curvature = _slopes(logits, labels, inverse)
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        following = inverse - slope / curvature if curvature > 0 else -1.0
        if not low < following < high:
            following = (low + high) / 2
        if abs(following - inverse) <= 1e-9 * inverse:
            break
        inverse = following
    return 1 / following


def _slopes(logits: Scores, labels: Classes, inverse: float) -> tuple[float, float]:
    """First and second derivative of the mean loss by the inverse temperature."""
    slope = curvature = 0.0
    for start in range(0, len(labels), _CHUNK):
        scores = logits[start : start + _CHUNK].astype(np.float64)
        own = scores[np.arange(len(scores)), labels[start : start + _CHUNK]]
        probabilities = np.exp(log_softmax(scores * inverse))
        mean = (probabilities * scores).sum(1)
        slope += float((mean - own).sum())
        curvature += float((probabilities * (scores - mean[:, None]) ** 2).sum())
    return slope / len(labels), curvature / len(labels)


def halves(labels: Classes) -> Hits:
    """Divide images in two, each class as evenly as possible: every other image of a class, in order.

    Args:
        labels: the right classes.

    Shape:
        (N,) -> (N,)
    """
    second = np.zeros(len(labels), np.bool_)
    second[np.argsort(labels, kind="stable")[1::2]] = True
    return second


def store_info(path: Path, info: ModelInfo) -> None:
    """Write a model's description into its file, in one step; its tensors stay as they are, bit by bit.

    Args:
        path: of the model file.
        info: all of the description.

    Raises:
        WeightsError: if the file was damaged since it was loaded.
    """
    header = read_header(path)
    tensors = read_tensors(path, header)
    if digest(header.metadata["resnets"], tensors) != header.metadata["sha256"]:
        raise WeightsError(f"{str(path)!r} has changed since it was loaded: nothing was written")
    words = format_info(info)
    metadata = {"format": "pt", "resnets": words, "sha256": digest(words, tensors)}
    write_bytes(path, safetensors.torch.save(tensors, metadata))
