"""What stands between the last map and the scores."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resnets.units.layers import ReLU, named_layers


class GlobalAverage(nn.Module):
    """Mean over the image.

    Shape:
        (N, C, H, W) -> (N, C)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Average."""
        return torch.mean(x, dim=(2, 3))


class GlobalMaximum(nn.Module):
    """Maximum over the image.

    Shape:
        (N, C, H, W) -> (N, C)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Take the maximum."""
        return torch.amax(x, dim=(2, 3))


def hidden_layer_classifier(
    channels: int, grid: int, *, hidden_features: int, dropout: float, num_classes: int
) -> tuple[nn.Module, nn.Module]:
    """Make VGG's pool and classifier: three linear layers on a grid of pixels.

    Simonyan & Zisserman 2014, arXiv:1409.1556, table 1.

    Args:
        channels: of the last map.
        grid: height and width that the last map is averaged to, in pixels.
        hidden_features: width of the two hidden layers.
        dropout: after each of them.
        num_classes: outputs.

    Shape:
        (N, channels, H, W) -> (N, num_classes)
    """
    layers: dict[str, nn.Module] = {
        "flatten": nn.Flatten(1),
        "linear1": nn.Linear(channels * grid * grid, hidden_features),
        "act1": ReLU(),
        "dropout1": nn.Dropout(dropout),
        "linear2": nn.Linear(hidden_features, hidden_features),
        "act2": ReLU(),
        "dropout2": nn.Dropout(dropout),
        "linear3": nn.Linear(hidden_features, num_classes),
    }
    return nn.AdaptiveAvgPool2d(grid), named_layers(layers)


def grid_classifier(channels: int, grid: int, num_classes: int) -> tuple[nn.Module, nn.Module]:
    """Make a pool and one linear layer on a grid of pixels; a grid of 1 is a global average.

    Args:
        channels: of the last map.
        grid: height and width that the last map is averaged to, in pixels.
        num_classes: outputs.

    Shape:
        (N, channels, H, W) -> (N, num_classes)
    """
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(grid), nn.Flatten(1)) if grid > 1 else GlobalAverage()
    return pool, nn.Linear(channels * grid * grid, num_classes)
