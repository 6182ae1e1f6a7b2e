"""The options that networks have in common; plain data, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from resnets.config import Count, Counts, Rate, Settings, Switch, as_list
from resnets.networks.stem_choice import StemKind, choose_stem, stem_stride

StemPool = Literal["padded", "ceil", "zeros"]
Pooling = Literal["avg", "max", "none"]
Fan = Literal["fan_out", "fan_in"]


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError(f"must be odd, got {size}")
    return size


def _power_of_two(stride: int) -> int:
    if stride not in (1, 2, 4, 8, 16, 32):
        raise ValueError(f"must be 1, 2, 4, 8, 16 or 32, got {stride}")
    return stride


KernelSize = Annotated[Count, AfterValidator(_odd)]
KernelSizes = Annotated[tuple[KernelSize, ...], BeforeValidator(as_list)]
NormEpsilon = Annotated[float, Field(strict=True, gt=0.0, lt=1.0)]
"""What norms add to the variance. Networks say so where they do not take torch's 1e-5."""

OutputStride = Annotated[Count, AfterValidator(_power_of_two)]


def check_stages(depths: Sequence[int], widths: Sequence[int]) -> None:
    """Refuse depths and widths that do not describe the same stages.

    Raises:
        ValueError: as validators do.
    """
    if not depths or len(depths) != len(widths):
        raise ValueError(
            f"depths and widths must have one entry per stage, got {len(depths)} and {len(widths)}"
        )


class NetworkOptions(Settings):
    """What every architecture takes.

    Attributes:
        num_classes: outputs of the classifier.
        in_channels: of the images: 3 for RGB, 1 for grey.
        include_top: end in a classifier; otherwise the network returns features.
        pooling: of the features when there is no classifier: 'avg' or 'max' over the image, or
            'none' for the last feature map.
        features_only: return the output of the stem and of every stage, by name.
        image_size: height and width of the images, in pixels; lets an ImageNet network choose a stem
            (or VGG a classifier) that fits small images. None for the paper's.
    """

    num_classes: Count = 1000
    in_channels: Count = 3
    include_top: Switch = True
    pooling: Pooling = "avg"
    features_only: Switch = False
    image_size: Count | None = None

    @model_validator(mode="after")
    def _one_kind_of_output(self) -> NetworkOptions:
        if self.pooling != "avg" and (self.include_top or self.features_only):
            raise ValueError("pooling needs include_top=False, and features_only=False")
        return self


class StackOptions(NetworkOptions):
    """What a stack of residual units takes besides.

    Attributes:
        depths: units per stage.
        widths: channels per stage; of the branch, before `expansion`.
        kernel_sizes: of the convolutions of the branch F, in pixels: (3, 3) is the basic unit,
            (1, 3, 1) the bottleneck; any number of them.
        expansion: output channels of a unit / width of its branch.
        stride_on: the convolution that strides: 'first' (the paper's v1) or the first 'spatial' one
            (v1.5).
        stem: 'imagenet' (7x7/2, max pool /2), 'deep' (three 3x3, the first /2, max pool /2), 'small'
            (3x3/2) or 'cifar' (3x3). None: 'imagenet', or what fits `image_size`.
        stem_pool: how the stem's 3x3/2 max pool treats the border: 'padded' by one pixel that never
            wins (fb.resnet.torch and its children); 'ceil': not padded, the last window cut (Caffe, and
            the networks released for it); 'zeros': padded by zeros, which win over negative values
            (Keras and BiT, where no ReLU stands before the pool).
        output_stride: coarsest stride allowed; stages that would go beyond dilate instead.
    """

    depths: Counts
    widths: Counts
    kernel_sizes: KernelSizes
    expansion: Count = 1
    stride_on: Literal["first", "spatial"] = "spatial"
    stem: StemKind | None = None
    stem_pool: StemPool = "padded"
    output_stride: OutputStride = 32

    @model_validator(mode="after")
    def _stages_agree(self) -> StackOptions:
        if not self.depths or not self.kernel_sizes:
            raise ValueError("depths and kernel_sizes need at least one entry each")
        check_stages(self.depths, self.widths)
        return self

    @property
    def full_stride(self) -> int:
        """Stride of the last map if no stage dilates."""
        stem = stem_stride(choose_stem(self.stem, self.image_size))
        return int(stem * 2 ** (len(self.depths) - 1))

    @model_validator(mode="after")
    def _resolutions_agree(self) -> StackOptions:
        kind = choose_stem(self.stem, self.image_size)
        if self.output_stride < stem_stride(kind):
            raise ValueError(
                f"output_stride must be at least {stem_stride(kind)}, the stride of the {kind} stem; "
                f"got {self.output_stride}"
            )
        stride = min(self.full_stride, self.output_stride)
        if self.image_size is not None and self.image_size < stride:
            raise ValueError(
                f"image_size must be at least {stride}, the stride of the last map; "
                f"got {self.image_size}"
            )
        return self


class ResidualStackOptions(StackOptions):
    """What a stack of units with shortcuts takes besides.

    Attributes:
        shortcut: 'A' (zero channels on both sides), 'A-end' (behind), 'A-pool' (behind, after average
            pooling), 'B' (1x1 projection where the shape changes), 'B-pool' (the same after average
            pooling: ResNet-D) or 'C' (1x1 projection everywhere).
        drop_path_rate: drop probability of the last unit; it grows linearly with depth from 0.
        init: of convolutions: variance 2 / (k^2 C), with C the channels that they make ('fan_out') or
            those that they read ('fan_in').
    """

    shortcut: Literal["A", "A-end", "A-pool", "B", "B-pool", "C"] = "B"
    drop_path_rate: Rate = 0.0
    init: Fan = "fan_out"

    @model_validator(mode="after")
    def _zero_channels_can_be_added(self) -> ResidualStackOptions:
        shrinks = any(after < before for before, after in pairwise(self.widths))
        if shrinks and self.shortcut.startswith("A"):
            raise ValueError(
                f"shortcut {self.shortcut!r} adds zero channels, so widths must not fall, got "
                f"{self.widths}; 'B' can"
            )
        return self

    @model_validator(mode="after")
    def _averages_do_not_dilate(self) -> ResidualStackOptions:
        if self.shortcut.endswith("-pool") and self.output_stride < self.full_stride:
            raise ValueError(
                f"shortcut {self.shortcut!r} averages the pixels that it steps over and cannot dilate, "
                f"so output_stride must be at least {self.full_stride}, got {self.output_stride}"
            )
        return self
