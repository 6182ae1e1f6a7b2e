"""Evaluation preprocessing without torch: resize by the fit policy, crop, normalise.

The steps and their rounding are torchvision's (`Resize`, `CenterCrop`, `ToTensor`, `Normalize`), but
only the window that is kept is ever resized, and the last two are one multiplication and one addition.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resnets.data.decoding import DecodedImage, ImageSource, Pixels, decode
from resnets.data.preprocessing_policy import Preprocessing

Crops: TypeAlias = Literal[1, 5]

RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def prepare(source: ImageSource, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Turn an image into what a network takes.

    Args:
        source: path, bytes, Pillow image or uint8 pixels.
        preprocessing: of the network.

    Returns:
        Array (C, image_size, image_size), contiguous.

    Raises:
        ImageError: if the image cannot be used.
    """
    return normalize(fit(decode_for(source, preprocessing), preprocessing), preprocessing)


def decode_for(source: ImageSource, preprocessing: Preprocessing) -> DecodedImage:
    """Decode an image for a network; arguments and errors as for `prepare`."""
    return decode(source, preprocessing.decoding, for_size=preprocessing.shorter_side)


def views(
    decoded: DecodedImage, preprocessing: Preprocessing, *, crops: Crops = 1, flip: bool = False
) -> NDArray[np.float32]:
    """Make the views of an image that test-time augmentation averages over.

    Args:
        decoded: the image.
        preprocessing: of the network; several crops need its fit to be 'crop'.
        crops: 1 for the middle; 5 for the middle and the four corners.
        flip: add the mirror image of each: 5 crops become the papers' 10
            (Krizhevsky et al. 2012, sec. 4.1).

    Returns:
        Array (views, C, image_size, image_size); the middle comes first.
    """
    places = ["middle", "top left", "top right", "bottom left", "bottom right"][:crops]
    made = [normalize(fit(decoded, preprocessing, place=p), preprocessing) for p in places]
    if flip:
        made = [side for view in made for side in (view, view[..., ::-1])]
    return np.stack(made)


def fit(decoded: DecodedImage, preprocessing: Preprocessing, *, place: str = "middle") -> Pixels:
    """Resize an image and cut out what the network sees.

    Args:
        decoded: the whole image.
        preprocessing: of the network.
        place: of the cut: 'middle', 'top left', 'top right', 'bottom left' or 'bottom right'.

    Returns:
        Pixels (image_size, image_size, 3), uint8, RGB.
    """
    size, image = preprocessing.image_size, decoded.image
    resampling = RESAMPLING[preprocessing.interpolation]
    width, height = preprocessing.resized(*decoded.size)
    if preprocessing.fit == "pad":
        canvas = Image.new("RGB", (size, size), preprocessing.decoding.background)
        small = Image.fromarray(np.asarray(image.resize((width, height), resampling))[..., :3])
        canvas.paste(small, ((size - width) // 2, (size - height) // 2))
        return np.asarray(canvas)
    left, top = cut_corner((width, height), size, place)
    across, down = image.width / width, image.height / height
    box = (left * across, top * down, (left + size) * across, (top + size) * down)
    return np.asarray(image.resize((size, size), resampling, box=box))[..., :3]


def cut_corner(whole: tuple[int, int], size: int, place: str) -> tuple[int, int]:
    """Find the left top corner of a square cut, in pixels.

    Args:
        whole: width and height of the image.
        size: side of the cut.
        place: as in `fit`.
    """
    spare = whole[0] - size, whole[1] - size
    left = {"left": 0, "right": spare[0]}.get(place.rpartition(" ")[2], round(spare[0] / 2))
    top = {"top": 0, "bottom": spare[1]}.get(place.partition(" ")[0], round(spare[1] / 2))
    return left, top


def normalize(pixels: Pixels, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Give pixels the channels, the order and the scale that a network takes.

    Args:
        pixels: (H, W, 3), uint8, RGB.
        preprocessing: of the network.

    Returns:
        Array (C, H, W), contiguous.
    """
    if preprocessing.channels == "L":
        pixels = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))[..., None]
    elif preprocessing.channels == "BGR":
        pixels = pixels[..., ::-1]
    scale, shift = affine(preprocessing)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    normalized = planes * scale[:, None, None]
    normalized += shift[:, None, None]
    return normalized


def affine(preprocessing: Preprocessing) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What to multiply levels of 0 to 255 by, and then to add, per channel."""
    mean, std = np.array(preprocessing.mean), np.array(preprocessing.std)
    return (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)
