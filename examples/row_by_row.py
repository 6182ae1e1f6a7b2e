"""A residual recurrent network reads pieces of clothing row by row, beside one without shortcuts.

    python examples/row_by_row.py [FOLDER with Fashion-MNIST's four *-ubyte.gz files]

Debian's package dataset-fashion-mnist puts them into the default folder.
"""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import resnets

FOLDER = Path("/usr/share/datasets/fashion-mnist")


def read(folder: Path, split: str) -> tuple[Tensor, Tensor]:
    """Read a split of Fashion-MNIST.

    Shape:
        images (N, 1, 28, 28), normalized; labels (N,)
    """
    with gzip.open(folder / f"{split}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(folder / f"{split}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    images = (torch.from_numpy(pixels.copy()).float() / 255 - 0.286) / 0.353  # of the training split
    return images, torch.from_numpy(labels.copy()).long()


def train(
    network: nn.Module, images: Tensor, labels: Tensor, *, epochs: int, batch: int, rate: float
) -> None:
    """Train with Adam and a cosine schedule."""
    steps = epochs * (len(images) // batch)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    network.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(images)).split(batch)[: len(images) // batch]:
            optimizer.zero_grad()
            functional.cross_entropy(network(images[chosen]), labels[chosen]).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()


@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of images that are classified right."""
    network.eval()
    right = [
        (network(part).argmax(dim=1) == truth).sum().item()
        for part, truth in zip(images.split(500), labels.split(500), strict=True)
    ]
    return float(sum(right) / len(images))


def main() -> None:
    """Train both networks and print what they reach."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--images", type=int, default=10_000, help="of the 60,000 to train on")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--layers", type=int, default=12)
    given = parser.parse_args()
    images, labels = read(given.folder, "train")
    test_images, test_labels = read(given.folder, "t10k")
    for residual in (True, False):
        torch.manual_seed(0)
        network = resnets.residual_rnn(num_layers=given.layers, residual=residual, cell="rnn")
        start = time.perf_counter()
        train(
            network,
            images[: given.images],
            labels[: given.images],
            epochs=given.epochs,
            batch=100,
            rate=1e-3,
        )
        reached = accuracy(network, test_images, test_labels)
        print(
            f"{given.layers} recurrent layers {'with' if residual else 'without'} shortcuts: "
            f"accuracy {reached:.1%} on {len(test_images):,} test images, "
            f"{time.perf_counter() - start:.0f} s of training"
        )


if __name__ == "__main__":
    main()
