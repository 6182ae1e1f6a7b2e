"""How the bytes of an image become pixels: the policy that every model file carries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from resnets.config import Settings, Switch, as_list

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
            178,956,970. Of a WebP, 0.7 times as many.
        scaled: JPEGs of a million pixels or more are decoded at 1/2, 1/4 or 1/8 of their size, which is
            faster and moves the result by less than a grey level in the mean.
    """

    exif: Literal["apply", "ignore"] = "apply"
    background: Annotated[tuple[Byte, Byte, Byte], BeforeValidator(as_list)] = (255, 255, 255)
    float_range: tuple[float, float] | None = None
    max_pixels: Annotated[int, Field(strict=True, ge=64, le=178_956_970)] = 50_000_000
    scaled: Switch = False

    @model_validator(mode="after")
    def _range_goes_up(self) -> DecodePolicy:
        if self.float_range is not None and not self.float_range[0] < self.float_range[1]:
            raise ValueError(f"float_range must go up, such as (0, 1), got {self.float_range}")
        return self
