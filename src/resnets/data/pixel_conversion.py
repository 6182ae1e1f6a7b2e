"""Every mode of pixels as 8-bit RGB: nothing is clipped, and no hidden colour shows."""

from __future__ import annotations

import numpy as np
from PIL import Image

from resnets.data.decode_policy import DecodePolicy
from resnets.errors import ImageError

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation of the EXIF standard (CIPA DC-008, tag 0x0112)."""


def orientation_of(image: Image.Image) -> int:
    """Read the orientation tag, 1 to 8; 1 where there is none, or none that makes sense."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:  # damaged metadata do not make an image useless
        return 1
    return orientation if orientation in _TURNS else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn an image as its orientation tag says."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def turned_back(image: Image.Image, orientation: int) -> Image.Image:
    """Undo `upright`; only the quarter turns are not their own inverse."""
    return upright(image, {6: 8, 8: 6}.get(orientation, orientation))


def to_rgb(image: Image.Image, policy: DecodePolicy) -> Image.Image:
    """Convert to 8-bit RGB.

    Args:
        image: of any mode.
        policy: background of transparent pixels, and range of floating-point ones.

    Raises:
        ImageError: if the values have no known range.
    """
    if image.mode in ("RGB", "RGBX"):
        return image if not image.has_transparency_data else _on_background(image, policy)
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        rgb = _from_levels(values, 0.0, 65535.0)
        if isinstance(hidden := image.info.get("transparency"), int):
            rgb.paste(policy.background, mask=Image.fromarray(values == hidden))
        return rgb
    if image.mode in ("I", "F"):
        if policy.float_range is None:
            raise ImageError(
                "needs a range",
                "has 32-bit values; say which of them are black and white: float_range=(0, 1), or "
                "--float-range 0,1",
            )
        return _from_levels(np.asarray(image), *policy.float_range)
    try:
        return _on_background(image, policy) if image.has_transparency_data else image.convert("RGB")
    except ValueError:
        raise ImageError(
            "unsupported format", f"has {image.mode} pixels, which are not converted to RGB"
        ) from None


def _on_background(image: Image.Image, policy: DecodePolicy) -> Image.Image:
    coloured = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, policy.background)
    canvas.paste(coloured, mask=coloured)
    return canvas


def _from_levels(values: np.ndarray, black: float, white: float) -> Image.Image:
    """Map [black, white] to [0, 255], a few rows at a time to save memory."""
    grey = np.empty(values.shape, np.uint8)
    for rows in range(0, len(values), 256):
        part = values[rows : rows + 256].astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            part = np.nan_to_num((part - black) * (255 / (white - black)), nan=0.0)
        grey[rows : rows + 256] = np.clip(part + 0.5, 0, 255)
    return Image.fromarray(grey).convert("RGB")
