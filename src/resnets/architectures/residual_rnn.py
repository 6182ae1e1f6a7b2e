"""Residual recurrent network: stacked recurrent layers, each adding its input to its output.

The idea of the identity shortcut in depth, where each layer also runs in time: Prakash et al. 2016,
arXiv:1610.03098 (stacked residual LSTM), and Kim et al. 2017, arXiv:1701.03360. It reads an image row by
row and classifies it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from resnets import networks
from resnets.config import Count, Settings, Switch, validate

if TYPE_CHECKING:
    from torch import nn


class ResidualRNNOptions(Settings):
    """What a residual recurrent network takes.

    Attributes:
        num_classes: outputs.
        row_size: numbers in one row: the image's width times its channels.
        hidden_size: of every layer.
        num_layers: recurrent layers on top of each other.
        cell: 'gru', 'lstm' or 'rnn' (tanh).
        residual: False leaves the shortcuts out, for comparison.
    """

    num_classes: Count = 10
    row_size: Count = 28
    hidden_size: Count = 64
    num_layers: Count = 8
    cell: Literal["gru", "lstm", "rnn"] = "gru"
    residual: Switch = True


def residual_rnn(**options: object) -> nn.Module:
    """Make a residual recurrent network.

    Args:
        **options: fields of `ResidualRNNOptions`.

    Returns:
        A network from images (N, C, H, W), with C * W = row_size, to scores (N, num_classes).

    Raises:
        ConfigError: with every option that does not fit.

    Example:
        >>> import torch
        >>> residual_rnn(num_layers=3)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """
    checked = validate(ResidualRNNOptions, options, source="the options of residual_rnn")
    return networks.ResidualRNN(
        num_classes=checked.num_classes,
        row_size=checked.row_size,
        hidden_size=checked.hidden_size,
        num_layers=checked.num_layers,
        cell=checked.cell,
        residual=checked.residual,
    )
