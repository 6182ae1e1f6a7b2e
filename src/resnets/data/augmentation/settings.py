"""What is done to training images, as settings; nothing is, unless it is asked for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resnets.config import Count, Settings
from resnets.data.crop_policy import Padding, RandomResizedCrop, Ratios, Shares

Probability = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]
Magnitude = Annotated[float, Field(strict=True, ge=0.0, le=30.0)]
Strength = Annotated[float, Field(strict=True, ge=0.0)]


class PadCrop(Settings):
    """Pad images on all sides and cut a window of the old size out, anywhere.

    Attributes:
        pad: on each side, in pixels.
        padding: 'mean' for zeros after normalising (fb.resnet.torch), 'black' for zeros before
            (torchvision), 'reflect' for the image mirrored at its edge (wide-residual-networks).
    """

    pad: Count = 4
    padding: Padding = "mean"


class ColourJitter(Settings):
    """Change colours in a random order, as fb.resnet.torch and torchvision do.

    Attributes:
        brightness: factors are uniform in 1 - brightness to 1 + brightness, not below 0.
        contrast: likewise.
        saturation: likewise.
        hue: turns of the colour wheel are uniform in -hue to hue; 0.5 is half a turn.
    """

    brightness: Strength = 0.0
    contrast: Strength = 0.0
    saturation: Strength = 0.0
    hue: Annotated[float, Field(strict=True, ge=0.0, le=0.5)] = 0.0

    @model_validator(mode="after")
    def _something_changes(self) -> ColourJitter:
        if not (self.brightness or self.contrast or self.saturation or self.hue):
            raise ValueError("needs brightness, contrast, saturation or hue above 0")
        return self


class PolicySettings(Settings):
    """What the learned and the random policies have in common.

    Attributes:
        fill: of what geometric operations leave empty: 'mean' (timm, AutoAugment) or 'black'
            (torchvision).
        interpolation: of geometric operations; torchvision has 'nearest', timm draws one of bilinear and
            bicubic.
    """

    fill: Literal["mean", "black"] = "mean"
    interpolation: Literal["nearest", "bilinear"] = "nearest"


class RandAugment(PolicySettings):
    """Operations drawn at random, all of one magnitude (Cubuk et al. 2019, arXiv:1909.13719).

    timm's rand-m7-mstd0.5-inc1, of 'ResNet strikes back', is operations='increasing', magnitude=7,
    magnitude_std=0.5, probability=0.5, interpolation='bilinear'.

    Attributes:
        num_operations: one after the other, N of the paper.
        magnitude: M of the paper, 0 to 30; 10 is the end of AutoAugment's ranges.
        magnitude_std: magnitudes are normal with this standard deviation, cut off at 0 and 10; with 0
            all are the same.
        probability: of each operation.
        operations: 'paper' for the paper's 14 in the ranges of its authors' code, where a greater
            magnitude makes some of them weaker; 'increasing' for timm's 15, where it does not.
    """

    num_operations: Count = 2
    magnitude: Magnitude = 9.0
    magnitude_std: Strength = 0.0
    probability: Probability = 1.0
    operations: Literal["paper", "increasing"] = "paper"


class TrivialAugment(PolicySettings):
    """One operation of one magnitude, both drawn (Müller and Hutter 2021, arXiv:2103.10158, 'wide').

    The ranges are torchvision's, of which its weights are the published result; the paper's code draws
    the factors of colours from 0.01 to 2.0 where these are from 0.01 to 1.99.
    """


class AutoAugment(PolicySettings):
    """One of 25 pairs of operations found for CIFAR-10 (Cubuk et al. 2018, arXiv:1805.09501, table 7).

    The ranges are those of the authors' code for images of 32 pixels.
    """


class Erasing(Settings):
    """Replace a rectangle (Zhong et al. 2017, arXiv:1708.04896), with torchvision's draws.

    Attributes:
        probability: that an image is changed.
        scale: least and greatest area of the rectangle, as a share of the image's.
        ratio: least and greatest height divided by width; logarithms are uniform.
        fill: 'mean' for zeros after normalising (torchvision), 'random' for a random level in each
            pixel and channel (the paper's RE-R).
    """

    probability: Probability = 0.5
    scale: Shares = (0.02, 0.33)
    ratio: Ratios = (0.3, 3.3)
    fill: Literal["mean", "random"] = "mean"


class Mixing(Settings):
    """Mix each image with the one before it in the batch, and their labels by the same shares.

    With mixup and cutmix both, each is as likely as the other.

    Attributes:
        mixup_alpha: of the beta distribution of the image's own share (Zhang et al. 2017,
            arXiv:1710.09412); 0 for no mixup.
        cutmix_alpha: likewise for cutmix (Yun et al. 2019, arXiv:1905.04899).
        probability: that anything is mixed.
        per: 'batch' draws for all images together, from the stream of the first, as the papers' code
            does; 'image' for each.
    """

    mixup_alpha: Strength = 0.0
    cutmix_alpha: Strength = 0.0
    probability: Probability = 1.0
    per: Literal["batch", "image"] = "batch"

    @model_validator(mode="after")
    def _something_is_mixed(self) -> Mixing:
        if not self.mixup_alpha and not self.cutmix_alpha:
            raise ValueError("needs mixup_alpha or cutmix_alpha above 0")
        return self


class Augmentation(Settings):
    """What is done to training images, in the order of these fields.

    Photos are cut by the loader while they are decoded (`LoadingOptions.crop`), so that their recipes
    start with `flip` here.

    Attributes:
        random_resized_crop: boxes of random area and shape, resized to the size of the images.
        pad_crop: windows of the padded images.
        flip: probability that an image is mirrored, left for right.
        rand_augment: one of three policies, of which there is at most one.
        trivial_augment: the second.
        auto_augment: the third.
        jitter: of colours.
        lighting: standard deviation of AlexNet's noise along the principal axes of colour; usually 0.1.
        erasing: of a rectangle.
        cutout: side of a square whose middle may lie anywhere and which becomes the mean colour, in
            pixels; 0 for none (DeVries and Taylor 2017, arXiv:1708.04552: 16 for CIFAR-10, 8 for
            CIFAR-100).
        mixing: of images and labels.
    """

    random_resized_crop: RandomResizedCrop | None = None
    pad_crop: PadCrop | None = None
    flip: Probability = 0.0
    rand_augment: RandAugment | None = None
    trivial_augment: TrivialAugment | None = None
    auto_augment: AutoAugment | None = None
    jitter: ColourJitter | None = None
    lighting: Strength = 0.0
    erasing: Erasing | None = None
    cutout: Annotated[int, Field(strict=True, ge=0)] = 0
    mixing: Mixing | None = None

    @model_validator(mode="after")
    def _choices_are_single(self) -> Augmentation:
        policies = ("rand_augment", "trivial_augment", "auto_augment")
        for names in (policies, ("random_resized_crop", "pad_crop")):
            if len(given := [name for name in names if getattr(self, name) is not None]) > 1:
                raise ValueError(f"{' and '.join(given)} exclude each other: choose one")
        return self

    @property
    def policy(self) -> RandAugment | TrivialAugment | AutoAugment | None:
        """The one that is given."""
        return self.rand_augment or self.trivial_augment or self.auto_augment
