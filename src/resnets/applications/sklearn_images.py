"""What users of scikit-learn hand over as X and y, as images and numbers of classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from resnets.data.dataset import Labels
from resnets.data.decoding import Pixels
from resnets.errors import DataError

Images: TypeAlias = "Pixels | list[Path]"

_EXPECTED = (
    "an array (N, H, W), (N, H, W, 1) or (N, H, W, 3) of whole numbers 0 to 255 or of floating-point "
    "numbers 0 to 1, or a sequence of paths"
)


def as_images(X: Any) -> Images:  # noqa: N803 - scikit-learn's name
    """Check images.

    Args:
        X: pixels or paths.

    Returns:
        Pixels as uint8, (N, H, W) or (N, H, W, 3), or paths.

    Raises:
        DataError: if it is something else.
    """
    values = X if isinstance(X, np.ndarray) else _as_array(X)
    if values.ndim == 1 and len(values) and all(isinstance(x, str | os.PathLike) for x in values):
        return [Path(x) for x in values.tolist()]
    is_image = values.ndim == 3 or (values.ndim == 4 and values.shape[3] in {1, 3})
    if not is_image or values.dtype.kind not in "uif" or 0 in values.shape:
        advice = ""
        if values.ndim == 2:
            advice = ". Rows of a table become images with X.reshape(len(X), height, width)"
        raise DataError(f"X must be {_EXPECTED}; got {values.dtype} of shape {values.shape}{advice}")
    pixels = _as_pixels(values)
    return pixels[..., 0] if pixels.ndim == 4 and pixels.shape[3] == 1 else pixels


def as_labels(y: Any, *, num_images: int) -> tuple[NDArray[Any], Labels]:
    """Number the classes.

    Args:
        y: the class of each image.
        num_images: to be labelled.

    Returns:
        The classes in ascending order, and for each image the place of its own.

    Raises:
        DataError: if they are no classes of these images, or only one.
    """
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import column_or_1d

    if y is None:
        raise DataError(
            "ResNetClassifier requires y to be passed, but the target y is None: "
            "give the class of each image"
        )
    labels = column_or_1d(y, warn=True)
    check_classification_targets(labels)
    if len(labels) != num_images:
        raise DataError(f"X has {num_images} images and y {len(labels)} labels; each image needs one")
    classes, places = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"there is only one class, {classes[0]}; a classifier needs two")
    return classes, places.astype(np.int64)


def _as_array(values: Any) -> NDArray[Any]:
    is_list = isinstance(values, Sequence) and not isinstance(values, str | bytes)
    if is_list and any(isinstance(value, str | os.PathLike) for value in values):
        return np.array(values, object)
    try:
        return np.asarray(values)
    except ValueError:
        raise DataError(
            f"X must be {_EXPECTED}; got images of several sizes: resize them, or give their paths"
        ) from None


def _as_pixels(values: NDArray[Any]) -> Pixels:
    if values.dtype == np.uint8:
        return values
    is_float = values.dtype.kind == "f"
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= (1 if is_float else 255)):
        kind, right = ("floating-point", "0 to 1") if is_float else ("whole", "0 to 255")
        raise DataError(
            f"{kind} numbers in X must be {right}, without NaN or inf; got {low:g} to {high:g}"
            + (". Divide by 255, or by what white is" if is_float else "")
        )
    return (np.rint(values * 255.0) if is_float else values).astype(np.uint8)
