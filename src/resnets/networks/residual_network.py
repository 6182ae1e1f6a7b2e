"""A network: stem -> stages of units -> final -> pool -> classifier, or the features on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from resnets.errors import InputShapeError


@dataclass(frozen=True)
class FeatureInfo:
    """One output of a network without its classifier.

    Attributes:
        name: of the module that makes it, such as 'stages.3'.
        channels: C.
        stride: pixels of the image per pixel of the map.
    """

    name: str
    channels: int
    stride: int


class Stage(nn.Module):
    """A run of units at one resolution.

    Args:
        units: in order.
        transition: before the first unit (VGG's max pool); identity if None.

    Shape:
        (N, C, H, W) -> (N, C', H', W') as the units decide.
    """

    def __init__(self, units: Sequence[nn.Module], *, transition: nn.Module | None = None) -> None:
        super().__init__()
        self.transition = nn.Identity() if transition is None else transition
        self.units = nn.Sequential(*units)

    def forward(self, x: Tensor) -> Tensor:
        """Run the units."""
        output: Tensor = self.units(self.transition(x))
        return output


class ResidualNetwork(nn.Module):
    """A stack of units that turns images into scores, or into one vector or map of features.

    Args:
        stem: from the image to the first unit; identity if None.
        stages: in order.
        final: after the last unit; identity if None.
        pool: from the last map to the classifier's input; identity if None.
        classifier: from pooled features to scores; identity if None.
        feature_info: of the stem, of each stage, and of `final` if there is one.
        in_channels: of the images.

    Attributes:
        num_features: channels of the last map.

    Shape:
        (N, in_channels, H, W) -> (N, num_classes), H and W at least the network's stride; without a
        classifier (N, num_features), without pooling (N, num_features, H', W').
    """

    def __init__(
        self,
        *,
        stages: Sequence[nn.Module],
        feature_info: Sequence[FeatureInfo],
        in_channels: int,
        stem: nn.Module | None = None,
        final: nn.Module | None = None,
        pool: nn.Module | None = None,
        classifier: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.stem = nn.Identity() if stem is None else stem
        self.stages = nn.Sequential(*stages)
        self.final = nn.Identity() if final is None else final
        self.pool = nn.Identity() if pool is None else pool
        self.classifier = nn.Identity() if classifier is None else classifier
        self.feature_info = tuple(feature_info)
        self.in_channels = in_channels

    @property
    def num_features(self) -> int:
        """Channels of the last map."""
        return self.feature_info[-1].channels

    def forward(self, images: Tensor) -> Tensor:
        """Classify images, or describe them by features.

        Raises:
            InputShapeError: if the images have the wrong number of axes or channels, are too small or
                hold integers.
        """
        check_images(images, self.in_channels, self.feature_info[-1].stride)
        x = self.final(self.stages(self.stem(images)))
        output: Tensor = self.classifier(self.pool(x))
        return output


class FeatureNetwork(nn.Module):
    """The same stack, giving every map on the way instead of scores (`features_only=True`).

    Args:
        stem: from the image to the first unit; None if there is nothing.
        stages: in order.
        final: after the last unit; None if there is nothing.
        feature_info: of the stem, of each stage, and of `final` if there is one.
        in_channels: of the images.

    Shape:
        (N, in_channels, H, W) -> {name: (N, channels, H / stride, W / stride)} as in `feature_info`.
    """

    def __init__(
        self,
        *,
        stages: Sequence[nn.Module],
        feature_info: Sequence[FeatureInfo],
        in_channels: int,
        stem: nn.Module | None = None,
        final: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if stem is not None:
            self.stem = stem
        self.stages = nn.Sequential(*stages)
        if final is not None:
            self.final = final
        self.feature_info = tuple(feature_info)
        self.in_channels = in_channels

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the maps.

        Raises:
            InputShapeError: as for `ResidualNetwork`.
        """
        check_images(images, self.in_channels, self.feature_info[-1].stride)
        features: dict[str, Tensor] = {}
        x = images
        for info in self.feature_info:
            x = self.get_submodule(info.name)(x)
            features[info.name] = x
        return features


@fx.wrap
def check_images(images: Tensor, in_channels: int, smallest: int) -> None:
    """Refuse what the first convolution would refuse in words that help nobody.

    Compilers and exporters skip it: they know the shapes, or must not fix them.

    Args:
        images: what the user passed.
        in_channels: what the stem takes.
        smallest: least height and width, in pixels.

    Raises:
        InputShapeError: if `images` is not a floating-point batch of such images.
    """
    if torch.compiler.is_compiling():
        return
    shape = tuple(images.shape)
    expected = f"expected images (N, {in_channels}, H, W) with H, W >= {smallest}; got {shape}."
    if images.ndim != 4:
        hint = " Add a batch axis: images[None]" if images.ndim == 3 else ""
        raise InputShapeError(expected + hint)
    if shape[1] != in_channels:
        hint = (
            " Put the channels first: images.permute(0, 3, 1, 2)"
            if shape[3] == in_channels
            else f" Build the network for them: in_channels={shape[1]}"
        )
        raise InputShapeError(expected + hint)
    if min(shape[2:]) < smallest:
        raise InputShapeError(expected + " Enlarge them, or give create_model their image_size")
    if not images.is_floating_point():
        raise InputShapeError(
            f"expected normalized floating-point images; got {images.dtype}. For bytes: "
            "images.float() / 255, then subtract the mean and divide by the standard deviation"
        )
