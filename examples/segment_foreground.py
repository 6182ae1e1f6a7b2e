"""A residual U-Net finds clothes that lie on a photo, beside the same net without shortcuts.

Pieces of Fashion-MNIST, tinted and at random places, are laid on crops of a photo; the pixels of the
piece are the foreground. Training and test pieces differ, and so do the halves of the photo.

    python examples/segment_foreground.py [FOLDER with Fashion-MNIST's four *-ubyte.gz files]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from row_by_row import FOLDER, read
from torch import Tensor, nn
from torch.nn import functional

import resnets

HERE = Path(__file__).parent
SIZE, PIECE = 64, 28


def photo_halves() -> tuple[Tensor, Tensor]:
    """Read the left and the right half of the example photo.

    Shape:
        two of (3, H, W), values 0 to 1
    """
    with Image.open(HERE / "coffee.jpg") as photo:
        pixels = torch.from_numpy(np.asarray(photo.convert("RGB")) / 255).float().permute(2, 0, 1)
    middle = pixels.shape[2] // 2
    return pixels[:, :, :middle], pixels[:, :, middle:]


def lay_on_photo(pieces: Tensor, photo: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Lay each piece on a crop of the photo.

    Args:
        pieces: (N, 1, 28, 28), values 0 to 1.
        photo: (3, H, W), values 0 to 1.
        generator: of places and tints.

    Shape:
        images (N, 3, 64, 64); masks (N, 64, 64), 1 where the piece lies
    """
    images, masks = [], []
    for piece in pieces:
        top = int(torch.randint(photo.shape[1] - SIZE, (1,), generator=generator))
        left = int(torch.randint(photo.shape[2] - SIZE, (1,), generator=generator))
        image = photo[:, top : top + SIZE, left : left + SIZE].clone()
        y, x = torch.randint(SIZE - PIECE, (2,), generator=generator).tolist()
        mask = torch.zeros(SIZE, SIZE, dtype=torch.long)
        shape = piece[0] > 0.1
        mask[y : y + PIECE, x : x + PIECE] = shape.long()
        tint = 0.3 + 0.7 * torch.rand(3, 1, 1, generator=generator)
        patch = image[:, y : y + PIECE, x : x + PIECE]
        image[:, y : y + PIECE, x : x + PIECE] = torch.where(shape, piece * tint, patch)
        images.append((image - 0.45) / 0.25)
        masks.append(mask)
    return torch.stack(images), torch.stack(masks)


def train(network: nn.Module, images: Tensor, masks: Tensor, *, epochs: int) -> None:
    """Train with SGD and a cosine schedule."""
    steps = epochs * (len(images) // 16)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    network.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(images)).split(16)[: len(images) // 16]:
            optimizer.zero_grad()
            functional.cross_entropy(network(images[chosen]), masks[chosen]).backward()
            optimizer.step()
            schedule.step()


@torch.inference_mode()
def mean_iou(network: nn.Module, images: Tensor, masks: Tensor) -> float:
    """Intersection over union of foreground and background, averaged."""
    network.eval()
    guess = torch.cat([network(part).argmax(dim=1) for part in images.split(50)])
    ratios = [
        ((guess == kind) & (masks == kind)).sum() / ((guess == kind) | (masks == kind)).sum()
        for kind in (0, 1)
    ]
    return float(sum(ratios) / 2)


def main() -> None:
    """Train both networks and print what they reach."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--images", type=int, default=300, help="to train on")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--depth", type=int, default=32, help="of the encoder: 6n+2")
    given = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    left, right = photo_halves()
    train_pieces = read(given.folder, "train")[0][: given.images] * 0.353 + 0.286
    test_pieces = read(given.folder, "t10k")[0][:200] * 0.353 + 0.286
    images, masks = lay_on_photo(train_pieces, left, generator)
    test_images, test_masks = lay_on_photo(test_pieces, right, generator)
    for encoder, residual in ((f"resnet{given.depth}", True), (f"plain{given.depth}", False)):
        torch.manual_seed(0)
        network = resnets.resunet(encoder, num_classes=2, residual=residual)
        start = time.perf_counter()
        train(network, images, masks, epochs=given.epochs)
        reached = mean_iou(network, test_images, test_masks)
        print(
            f"U-Net on {encoder}, {'with' if residual else 'without'} shortcuts: mean IoU {reached:.3f} "
            f"on {len(test_images)} test images, {time.perf_counter() - start:.0f} s of training"
        )


if __name__ == "__main__":
    main()
