"""What keras.preprocessing.image has for a photo: load it, and make it an array."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resnets.data.decoding import decode
from resnets.data.preprocessing import RESAMPLING


def load_img(
    path: str | Path,
    color_mode: Literal["rgb", "grayscale"] = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "nearest",
) -> Image.Image:
    """Load a photo by our decode policy: upright, transparent on white, every format checked.

    Args:
        path: of the file.
        color_mode: of the result.
        target_size: (height, width); the photo is stretched to it.
        interpolation: of the resize; Keras' default is 'nearest'.

    Raises:
        ImageError: if the file cannot be used.
    """
    image = decode(path).image.convert("RGB")
    if target_size is not None:
        image = image.resize(target_size[::-1], RESAMPLING[interpolation])
    return image.convert("L") if color_mode == "grayscale" else image


def img_to_array(img: Image.Image, dtype: str = "float32") -> NDArray[np.generic]:
    """Make an array (H, W, C) of values from 0 to 255.

    Args:
        img: that `load_img` gave.
        dtype: of the array.
    """
    values = np.asarray(img).astype(dtype)
    return values if values.ndim == 3 else values[..., None]
