"""What keras.applications calls imagenet_utils: preprocessing by mode, and readable predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from resnets.data.labels import label_set
from resnets.errors import ConfigError, DataError

Mode = Literal["caffe", "tf", "torch"]
CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Of ImageNet's B, G and R, on a scale of 0 to 255."""


def preprocess_input(x: ArrayLike, data_format: str | None = None, mode: Mode = "caffe") -> Any:
    """Scale images as the publisher's network was trained; the input is left as it is.

    Args:
        x: RGB images (..., H, W, 3), 0 to 255.
        data_format: 'channels_last' or None.
        mode: 'caffe' (BGR minus the mean), 'tf' (-1 to 1) or 'torch' (mean 0, deviation 1).

    Raises:
        ConfigError: if there is no such mode or format.
    """
    problems = []
    if data_format not in (None, "channels_last"):
        problems.append(f"data_format must be 'channels_last', got {data_format!r}")
    if mode not in ("caffe", "tf", "torch"):
        problems.append(f"mode must be 'caffe', 'tf' or 'torch', got {mode!r}")
    if problems:
        raise ConfigError("the arguments of preprocess_input", problems)
    values = np.array(x, np.float32)
    if mode == "caffe":
        return values[..., ::-1] - np.array(CAFFE_MEAN, np.float32)
    if mode == "tf":
        return values / np.float32(127.5) - np.float32(1)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return ((values / 255 - mean) / std).astype(np.float32)


def preprocessing(mode: Mode | None) -> Callable[..., Any]:
    """Make the `preprocess_input` of one network.

    Args:
        mode: as above; None for networks that normalise by themselves.
    """

    def preprocess(x: ArrayLike, data_format: str | None = None) -> Any:
        return np.array(x, np.float32) if mode is None else preprocess_input(x, data_format, mode)

    preprocess.__name__ = preprocess.__qualname__ = "preprocess_input"
    preprocess.__doc__ = f"Scale images as the publisher's network was trained: mode {mode!r}."
    return preprocess


def decode_predictions(preds: ArrayLike, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Name the most probable classes of ImageNet.

    Args:
        preds: (N, 1000).
        top: classes per image.

    Returns:
        For each image, (WordNet id, name with underscores, probability), best first.

    Raises:
        DataError: if there are not 1,000 classes.
    """
    scores: NDArray[Any] = np.asarray(preds)
    if scores.ndim != 2 or scores.shape[1] != 1000:
        raise DataError(f"decode_predictions expects scores of shape (N, 1000), got {scores.shape}")
    labels = label_set("imagenet")
    assert labels.ids is not None
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return [
        [(labels.ids[i], labels.names[i].replace(" ", "_"), float(row[i])) for i in indices]
        for row, indices in zip(scores, best, strict=True)
    ]
