"""Evaluation preprocessing without torch: resize by the fit policy, crop, normalise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from resnets.config import Count, Settings, Switch, as_list

Triple = Annotated[tuple[float, ...], BeforeValidator(as_list), Field(min_length=1, max_length=3)]
"""One number per channel."""

Byte = Annotated[int, Field(strict=True, ge=0, le=255)]


class DecodePolicy(Settings):
    """How the bytes of an image become pixels; part of every model file.

    Attributes:
        exif: 'apply' turns the image upright as its orientation tag says; 'ignore' repeats figures
            that were published without.
        background: RGB colour that transparent images are laid on, 0 to 255.
        float_range: values of floating-point and 32-bit images that become black and white; without
            it such images are refused.
        max_pixels: width times height of the largest image that is decoded; Pillow itself stops at
            178,956,970.
        scaled: large JPEGs are decoded at 1/2, 1/4 or 1/8 of their size, which is faster and moves
            the result by less than a grey level.
    """

    exif: Literal["apply", "ignore"] = "apply"
    background: tuple[Byte, Byte, Byte] = (255, 255, 255)
    float_range: tuple[float, float] | None = None
    max_pixels: Annotated[int, Field(strict=True, ge=64, le=178_956_970)] = 50_000_000
    scaled: Switch = False


class Preprocessing(Settings):
    """What is done to an image before a network sees it; part of every model file.

    Attributes:
        image_size: height and width of what the network sees, in pixels.
        fit: 'crop' resizes the shorter side to `resize_size` and cuts the middle out; 'pad' shows the
            whole image with bars of the background's colour; 'stretch' ignores its proportions.
        resize_size: length of the shorter side before the cut, in pixels, at least `image_size`.
            [image_size]
        interpolation: of the resize, always with antialiasing but for 'nearest'.
        channels: what the network's first layer takes, in order; 'L' is luma.
        mean: subtracted from each channel, on a scale of 0 to 1.
        std: then divided by.
        decoding: how the file becomes pixels.
    """

    image_size: Count = 224
    fit: Literal["crop", "pad", "stretch"] = "crop"
    resize_size: Count | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    channels: Literal["RGB", "BGR", "L"] = "RGB"
    mean: Triple = (0.485, 0.456, 0.406)
    std: Triple = (0.229, 0.224, 0.225)
    decoding: DecodePolicy = DecodePolicy()
