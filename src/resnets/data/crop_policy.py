"""How boxes of photos are drawn, and what lies around small images, as settings that load no torch."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from resnets.config import Settings, as_list

Padding: TypeAlias = Literal["mean", "black", "reflect"]
"""What lies around the images. Three different things are called 'pad 4 and crop':

'mean': zeros after normalising, as in fb.resnet.torch and the CIFAR nets made from it; here the mean
    colour rounded to a grey level, which is zero within 0.01 standard deviations.
'black': zeros before normalising, as in torchvision's `RandomCrop` before `ToTensor`.
'reflect': the image mirrored at its edge, without repeating the edge, as in wide-residual-networks.
"""


def _ascending(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"must be the smaller number and the larger one, got {pair}")
    return pair


Positive = Annotated[float, Field(strict=True, gt=0.0)]
Share = Annotated[float, Field(strict=True, gt=0.0, le=1.0)]
Shares = Annotated[tuple[Share, Share], AfterValidator(_ascending), BeforeValidator(as_list)]
Ratios = Annotated[tuple[Positive, Positive], AfterValidator(_ascending), BeforeValidator(as_list)]


class RandomResizedCrop(Settings):
    """How boxes are drawn.

    Attributes:
        scale: least and greatest area of a box, as a share of the image's.
        ratio: least and greatest width divided by height.
    """

    scale: Shares = (0.08, 1.0)
    ratio: Ratios = (3 / 4, 4 / 3)
