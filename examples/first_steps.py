"""First steps: list, describe, draw and change networks, and classify a photo with random weights."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

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


def classify(name: str, photo: Path) -> None:
    """Say what a network without training sees."""
    torch.manual_seed(0)
    labels = resnets.label_set("imagenet")
    model = resnets.Classifier.from_network(
        resnets.create_model(name),
        class_names=labels.names,
        class_ids=labels.ids,
        preprocessing=resnets.Preprocessing(image_size=224, resize_size=256),
    )
    answer = model.predict(photo, top=3)[0]
    guesses = ", ".join(f"{guess.label} ({guess.probability:.2%})" for guess in answer.classes)
    print(f"{name} with random weights says of {photo.name}: {guesses}. A guess, of course.")


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
    for name in ("resnet18", "resnext50_32x4d", "seresnet50"):
        classify(name, PHOTO)
    print(f"The drawings are {networks} and {units}; open them in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1] if len(sys.argv) > 1 else "demo")))
