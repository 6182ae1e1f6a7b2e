"""Saying nothing where the model is too unsure: a threshold on the probability of its best answer.

With probabilities p after the temperature, a model abstains from an image if max p < t. The threshold t
is the highest that keeps a given share of the right answers on images that were kept aside: of n of them
it refuses at most the (1 - share) n that the model is least sure of. Right answers are surer than wrong
ones and than images of something else, mostly: Hendrycks and Gimpel 2017, arXiv:1610.02136. Only mostly:
a network can be sure of an image that shows nothing it knows.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from resnets.evaluation.metrics import Hits, Numbers, wilson_interval
from resnets.weights.model_info import Metric, ModelInfo


def choose_threshold(confidences: Numbers, hits: Hits, keep_right: float) -> float:
    """Find the highest threshold that keeps a share of the right answers; 0 if there is no right one.

    Args:
        confidences: highest probability of each image.
        hits: which images were recognised.
        keep_right: the share, above 0 and at most 1.

    Example:
        >>> confidences = np.array([0.2, 0.9, 0.6, 0.7, 0.8])
        >>> choose_threshold(confidences, np.array([False, True, True, True, True]), 0.75)
        0.7
    """
    right = np.sort(confidences[hits])
    kept = ceil(keep_right * len(right) - 1e-9)  # 0.9 of 10 is 9, whatever the last bit says
    return float(right[-kept]) if kept else 0.0


def abstention_metrics(hits: Hits, abstained: Hits, where: str) -> tuple[Metric, ...]:
    """How much is answered, how much of that is right, and what the refusals hit.

    Args:
        hits: which images were recognised.
        abstained: from which images the model abstained.
        where: name of the images.
    """
    answered = ~abstained
    shares = {
        "answered": answered,
        "answered_top1": hits[answered],
        "right_kept": answered[hits],
        "wrong_refused": abstained[~hits],
    }
    return tuple(_share(name, cases, where) for name, cases in shares.items() if len(cases))


def with_threshold(info: ModelInfo, threshold: float | None, measured: tuple[Metric, ...]) -> ModelInfo:
    """A description with another threshold, and with what was measured of it.

    Args:
        info: of the model.
        threshold: None for a model that always answers.
        measured: that `abstention_metrics` gave; others of these names are left out.
    """
    names = {"answered", "answered_top1", "right_kept", "wrong_refused"}
    kept = tuple(metric for metric in info.metrics if metric.name not in names)
    return info.model_copy(update={"abstain_below": threshold, "metrics": kept + measured})


def _share(name: str, cases: Hits, where: str) -> Metric:
    low, high = wilson_interval(int(cases.sum()), len(cases))
    return Metric(
        name=name, value=float(cases.mean()), low=low, high=high, data=where, num_images=len(cases)
    )
