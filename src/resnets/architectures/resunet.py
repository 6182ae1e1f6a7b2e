"""Residual U-Net: any member of the family as encoder, residual units on the way back up.

After Ronneberger et al. 2015, arXiv:1505.04597 (the U), and Zhang et al. 2017, arXiv:1711.10684 (with
residual units). Every map of the encoder is handed across to the decoder's step of its resolution. The
encoder is a `features_only` network: its weights and names are those of the classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from resnets import networks
from resnets.architectures.creation import create_model
from resnets.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn


def resunet(
    encoder: str,
    *,
    num_classes: int,
    decoder_channels: Sequence[int] | None = None,
    residual: bool = True,
    **options: Any,
) -> nn.Module:
    """Make a residual U-Net.

    Args:
        encoder: name of an architecture.
        num_classes: scores per pixel.
        decoder_channels: of the decoder's steps, from the coarsest map up; None for half the channels of
            the encoder's map of that resolution, at least 16.
        residual: False leaves the shortcuts out of the decoder's units, for comparison.
        **options: of the encoder, as for `create_model`.

    Returns:
        A network from (N, C, H, W) to scores (N, num_classes, H, W); any H and W at least the encoder's
        stride.

    Raises:
        UnknownNameError: if there is no such architecture.
        ConfigError: with every option that does not fit.

    Example:
        >>> import torch
        >>> network = resunet("resnet18", num_classes=2)
        >>> network(torch.zeros(1, 3, 70, 64)).shape
        torch.Size([1, 2, 70, 64])
    """
    if num_classes < 1:
        raise ConfigError("the U-Net", [f"num_classes must be at least 1, got {num_classes}"])
    features = create_model(encoder, features_only=True, **options)
    maps = networks.maps_by_stride(features)
    given = tuple(decoder_channels or (max(16, info.channels // 2) for info in reversed(maps[:-1])))
    if len(given) != len(maps) - 1 or min(given) < 1:
        raise ConfigError(
            "the U-Net",
            [f"decoder_channels must be {len(maps) - 1} numbers of at least 1, got {given}"],
        )
    return networks.ResidualUNet(features, maps, given, num_classes=num_classes, residual=residual)
