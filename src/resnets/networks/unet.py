"""The U: an encoder's maps, and a decoder of residual units that goes back up to the image's size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from resnets.networks.initialization import initialize
from resnets.networks.residual_network import FeatureInfo
from resnets.units.branches import convolution_branch
from resnets.units.forms import original_unit, plain_unit
from resnets.units.unit_shape import UnitShape


def maps_by_stride(encoder: Any) -> tuple[FeatureInfo, ...]:
    """The last map of each stride, from the finest to the coarsest.

    Args:
        encoder: a `FeatureNetwork`.
    """
    return tuple({info.stride: info for info in encoder.feature_info}.values())


class ResidualUNet(nn.Module):
    """Encoder, decoder and one score per class and pixel.

    Args:
        encoder: gives maps by name.
        maps: which of them are used, from the finest to the coarsest.
        decoder_channels: of each step up.
        num_classes: scores per pixel.
        residual: with shortcuts in the decoder's units.

    Shape:
        (N, C, H, W) -> (N, num_classes, H, W)
    """

    def __init__(
        self,
        encoder: nn.Module,
        maps: Sequence[FeatureInfo],
        decoder_channels: Sequence[int],
        *,
        num_classes: int,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.maps = tuple(info.name for info in reversed(maps))
        channels = maps[-1].channels
        units: list[nn.Module] = []
        for info, out_channels in zip(reversed(maps[:-1]), decoder_channels, strict=True):
            shape = UnitShape(
                in_channels=channels + info.channels, width=out_channels, out_channels=out_channels
            )
            branch = convolution_branch(shape, kernel_sizes=(3, 3))
            units.append(original_unit(branch, shape, "B") if residual else plain_unit(branch))
            channels = out_channels
        self.decoder = nn.ModuleList(units)
        self.classifier = nn.Conv2d(channels, num_classes, 1)
        initialize(self.decoder)

    def forward(self, images: Tensor) -> Tensor:
        """Score every pixel."""
        features: dict[str, Tensor] = self.encoder(images)
        x = features[self.maps[0]]
        for name, unit in zip(self.maps[1:], self.decoder, strict=True):
            finer = features[name]
            x = functional.interpolate(x, size=finer.shape[2:], mode="nearest")
            x = unit(torch.cat([x, finer], dim=1))
        scores: Tensor = self.classifier(x)
        return functional.interpolate(
            scores, size=images.shape[2:], mode="bilinear", align_corners=False
        )
