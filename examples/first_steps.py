"""First steps: list, describe, draw and change networks, and classify a photo with random weights."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import resnets
from resnets.cli import main

PHOTO = Path(__file__).with_name("cat.jpg")
UNITS = (
    "plain34",
    "resnet34",
    "resnetv2_50",
    "resnext50_32x4d,form=a",
    "resnext50_32x4d,form=b",
    "resnext50_32x4d",
)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, the usual preprocessing


def read_photo(path: Path, *, size: int = 224) -> Tensor:
    """Read a photo as one normalized image.

    Args:
        path: of the file.
        size: height and width, in pixels.

    Shape:
        (1, 3, size, size)
    """
    with Image.open(path) as photo:
        side = min(photo.size)
        left, top = (photo.width - side) // 2, (photo.height - side) // 2
        crop = photo.convert("RGB").resize((size, size), box=(left, top, left + side, top + side))
    pixels = torch.from_numpy(np.asarray(crop) / 255).float()  # (H, W, 3)
    return ((pixels - torch.tensor(MEAN)) / torch.tensor(STD)).permute(2, 0, 1)[None]


def classify(name: str, photo: Tensor) -> None:
    """Say what a network without training sees."""
    torch.manual_seed(0)
    network = resnets.create_model(name).eval()
    with torch.inference_mode():
        top = network(photo).softmax(dim=1).topk(3)
    guesses = ", ".join(
        f"class {index} ({probability:.2%})"
        for probability, index in zip(top.values[0], top.indices[0], strict=True)
    )
    print(f"{name} with random weights says of {PHOTO.name}: {guesses}. A guess, of course.")


def run(folder: Path) -> int:
    """Show the main things in order; drawings go to a folder.

    Args:
        folder: is made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    networks, units = folder / "networks.svg", folder / "units.svg"
    commands = [
        ["list", "resnet*", "--sort", "cost"],
        ["describe", "resnet50"],
        ["describe", "vgg19", "plain34", "resnet34,shortcut=A", "--draw", str(networks)],
        ["describe", *UNITS, "--draw-unit", str(units)],
    ]
    for command in commands:
        print("$ resnets", *command)
        if code := main(command):
            return code
    photo = read_photo(PHOTO)
    for name in ("resnet18", "resnext50_32x4d", "seresnet50"):
        classify(name, photo)
    print(f"The drawings are {networks} and {units}; open them in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1] if len(sys.argv) > 1 else "demo")))
