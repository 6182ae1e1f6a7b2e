"""What is kept of an image to find its copies again: a small grey picture, and its colours.

32x32 grey levels and two 8x8 planes of colour differences (YCbCr, as in JPEG), 1,152 bytes per image
of any size. They are kept as pixels and not as bits of a hash, so that two images can be laid on each
other later (`registration`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GREY_SIDE = 32
COLOUR_SIDE = 8
GREY_BYTES = GREY_SIDE**2
SIGNATURE_BYTES = GREY_BYTES + 2 * COLOUR_SIDE**2

Signatures: TypeAlias = NDArray[np.uint8]
"""(N, 1152)."""


def signature(image: Image.Image) -> Signatures:
    """Shrink an image to its signature.

    Args:
        image: of mode 'RGB' or 'RGBX'.

    Shape:
        (1152,)
    """
    # Bilinear weights also interpolate where a tiny image grows; a box would move its pixels.
    small = image.resize((GREY_SIDE, GREY_SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
    planes = np.asarray(small.convert("RGB").convert("YCbCr"))
    step = GREY_SIDE // COLOUR_SIDE
    colours = planes[..., 1:].reshape(COLOUR_SIDE, step, COLOUR_SIDE, step, 2).mean((1, 3))
    parts = [planes[..., 0].ravel(), np.rint(colours).astype(np.uint8).transpose(2, 0, 1).ravel()]
    return np.concatenate(parts)


def signatures(images: Iterable[Image.Image | NDArray[np.uint8]]) -> Signatures:
    """Shrink images to their signatures.

    Args:
        images: Pillow images of mode 'RGB', or pixels (H, W, 3) or (H, W), uint8.

    Shape:
        (N, 1152)
    """
    made = [signature(_as_image(image)) for image in images]
    return np.stack(made) if made else np.empty((0, SIGNATURE_BYTES), np.uint8)


def grey_levels(signatures: Signatures) -> NDArray[np.float32]:
    """The small grey pictures, 0 to 255.

    Shape:
        (N, 1152) -> (N, 32, 32)
    """
    return signatures[:, :GREY_BYTES].reshape(-1, GREY_SIDE, GREY_SIDE).astype(np.float32)


def colour_differences(signatures: Signatures) -> NDArray[np.float32]:
    """Blue and red differences; 0 is grey.

    Shape:
        (N, 1152) -> (N, 2, 8, 8)
    """
    planes = signatures[:, GREY_BYTES:].reshape(-1, 2, COLOUR_SIDE, COLOUR_SIDE)
    return planes.astype(np.float32) - 128


def mirrored(signatures: Signatures) -> Signatures:
    """The signatures of the mirror images.

    Shape:
        (N, 1152) -> (N, 1152)
    """
    count = len(signatures)
    grey = signatures[:, :GREY_BYTES].reshape(count, GREY_SIDE, GREY_SIDE)[:, :, ::-1]
    colour = signatures[:, GREY_BYTES:].reshape(count, 2, COLOUR_SIDE, COLOUR_SIDE)[..., ::-1]
    return np.concatenate(
        [grey.reshape(count, GREY_BYTES), colour.reshape(count, 2 * COLOUR_SIDE**2)], axis=1
    )


def _as_image(image: Image.Image | NDArray[np.uint8]) -> Image.Image:
    return image if isinstance(image, Image.Image) else Image.fromarray(image).convert("RGB")
