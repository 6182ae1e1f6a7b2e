"""Recurrent layers in a stack, with identity shortcuts from layer to layer."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from resnets.errors import InputShapeError
from resnets.units.merges import Add, ResidualOnly


class ResidualRecurrentLayer(nn.Module):
    """x + RNN(norm(x)), a pre-activation unit whose branch runs in time.

    Layer norm takes the place of batch norm: its statistics do not mix time steps or images.

    Args:
        size: of the hidden state, equal to the input's.
        cell: kind of recurrent layer.
        residual: False leaves the shortcut out.

    Shape:
        (N, T, size) -> (N, T, size)
    """

    def __init__(self, size: int, *, cell: Literal["gru", "lstm", "rnn"], residual: bool) -> None:
        super().__init__()
        kinds = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}
        self.norm = nn.LayerNorm(size)
        self.recurrent = kinds[cell](size, size, batch_first=True)
        self.merge = Add() if residual else ResidualOnly()

    def forward(self, x: Tensor) -> Tensor:
        """Run over time."""
        residual, _ = self.recurrent(self.norm(x))
        output: Tensor = self.merge(x, residual)
        return output


class ResidualRNN(nn.Module):
    """Rows in, scores out: a linear layer, recurrent layers, the last time step, a linear layer.

    Args:
        num_classes: outputs.
        row_size: numbers in one row.
        hidden_size: of every layer.
        num_layers: on top of each other.
        cell: kind of recurrent layer.
        residual: with identity shortcuts.

    Shape:
        (N, C, H, W) with C * W = row_size -> (N, num_classes)
    """

    def __init__(
        self,
        *,
        num_classes: int,
        row_size: int,
        hidden_size: int,
        num_layers: int,
        cell: Literal["gru", "lstm", "rnn"],
        residual: bool,
    ) -> None:
        super().__init__()
        self.row_size = row_size
        self.stem = nn.Linear(row_size, hidden_size)
        self.layers = nn.Sequential(
            *[
                ResidualRecurrentLayer(hidden_size, cell=cell, residual=residual)
                for _ in range(num_layers)
            ]
        )
        self.norm = nn.LayerNorm(hidden_size)
        self.classifier = nn.Linear(hidden_size, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images row by row.

        Raises:
            InputShapeError: if the rows do not have `row_size` numbers.
        """
        if images.ndim != 4 or images.shape[1] * images.shape[3] != self.row_size:
            raise InputShapeError(
                f"expected images (N, C, H, W) with C * W = {self.row_size}; got {tuple(images.shape)}"
            )
        rows = images.permute(0, 2, 1, 3).flatten(2)  # (N, H, C * W)
        x = self.layers(self.stem(rows))
        scores: Tensor = self.classifier(self.norm(x[:, -1]))
        return scores
