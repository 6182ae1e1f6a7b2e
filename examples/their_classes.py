"""Our weights in torchvision's and timm's own classes: for code that knows those.

    python examples/their_classes.py [MODEL]

MODEL is a model file of a ResNet-18 with the classic stem; without it, weights are random. `pip install
torchvision timm` brings both libraries.
"""

from __future__ import annotations

import sys

import timm
import torch
import torchvision
from torch import nn

import resnets


def in_their_classes(network: nn.Module, num_classes: int) -> dict[str, nn.Module]:
    """Put the weights of a ResNet-18 into the classes of other libraries.

    Args:
        network: 'resnet18,stem=imagenet' of `create_model`.
        num_classes: that it knows.
    """
    theirs: dict[str, nn.Module] = {
        "torchvision": torchvision.models.resnet18(num_classes=num_classes),
        "timm": timm.create_model("resnet18", num_classes=num_classes),
    }
    for library, twin in theirs.items():
        twin.load_state_dict(resnets.to_layout(network, library), strict=True)
        twin.eval()
    return theirs


def main() -> None:
    """Compare the answers of all three."""
    if len(sys.argv) > 1:
        model = resnets.load(sys.argv[1])
        network, num_classes = model.network, len(model.class_names)
    else:
        network, num_classes = resnets.create_model("resnet18", num_classes=5).eval(), 5
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours = network(images)
        for library, twin in in_their_classes(network, num_classes).items():
            difference = (twin(images) - ours).abs().max()
            print(f"{library}: largest difference {difference:.1e}")


if __name__ == "__main__":
    main()
