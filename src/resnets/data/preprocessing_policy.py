"""What is done to an image before a network sees it: settings, which every model file carries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from resnets.config import Count, Settings, as_list
from resnets.data.decode_policy import DecodePolicy

PerChannel = Annotated[tuple[float, ...], BeforeValidator(as_list), Field(min_length=1, max_length=3)]
Side = Annotated[Count, Field(le=8192)]


class Preprocessing(Settings):
    """What is done to an image before a network sees it; part of every model file.

    Attributes:
        image_size: height and width of what the network sees, in pixels.
        fit: 'crop' resizes the shorter side to `resize_size` and cuts the middle out; 'pad' shows the
            whole image with bars of the background's colour; 'stretch' ignores its proportions.
        resize_size: with 'crop', length of the shorter side before the cut, in pixels, at least
            `image_size`. [image_size]
        interpolation: of the resize, always with antialiasing but for 'nearest'.
        channels: what the network's first layer takes, in order; 'L' is luma (ITU-R 601-2).
        mean: subtracted from each channel, on a scale of 0 to 1.
        std: then divided by.
        decoding: how the file becomes pixels.
    """

    image_size: Side = 224
    fit: Literal["crop", "pad", "stretch"] = "crop"
    resize_size: Side | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    channels: Literal["RGB", "BGR", "L"] = "RGB"
    mean: PerChannel = (0.485, 0.456, 0.406)
    std: PerChannel = (0.229, 0.224, 0.225)
    decoding: DecodePolicy = DecodePolicy()

    @model_validator(mode="after")
    def _parts_agree(self) -> Preprocessing:
        if not len(self.mean) == len(self.std) == self.num_channels:
            raise ValueError(
                f"mean and std need {self.num_channels} numbers each for channels {self.channels!r}, "
                f"got {len(self.mean)} and {len(self.std)}"
            )
        if min(self.std) <= 0:
            raise ValueError(f"std must be above 0, got {self.std}")
        if self.resize_size is not None and self.fit != "crop":
            raise ValueError(f"resize_size has no effect with fit={self.fit!r}")
        if self.resize_size is not None and self.resize_size < self.image_size:
            raise ValueError(
                f"resize_size must be at least image_size {self.image_size}, got {self.resize_size}"
            )
        return self

    @property
    def num_channels(self) -> int:
        """What the network's first layer takes: 3, or 1 for luma."""
        return 1 if self.channels == "L" else 3

    @property
    def shorter_side(self) -> int:
        """Of the image after the resize, in pixels; at most, where the image is padded."""
        return self.resize_size or self.image_size

    def resized(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the whole image after the resize.

        Args:
            width: before, in pixels.
            height: likewise.
        """
        size = self.image_size
        if self.fit == "stretch":
            return size, size
        if self.fit == "pad":
            longer = max(width, height)
            return max(1, round(size * width / longer)), max(1, round(size * height / longer))
        short = self.shorter_side
        return (short, short * height // width) if width <= height else (short * width // height, short)
