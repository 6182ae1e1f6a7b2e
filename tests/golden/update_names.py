"""Write the golden lists of parameter and buffer names again: python tests/golden/update_names.py

Names and shapes are public API: saved weights are found by them. A change needs an entry in
CHANGELOG.md and a rule that renames the tensors of older files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

import resnets

GOLDEN = Path(__file__).parent
LISTED: dict[str, tuple[str, dict[str, object]]] = {
    "densenet-bc-22-6": ("densenet-bc-22-6", {}),
    "densenet121": ("densenet121", {}),
    "highway-10-16": ("highway-10-16", {}),
    "plain20": ("plain20", {}),
    "resnet18_deep_stem": ("resnet18", {"stem": "deep"}),
    "resnet50": ("resnet50", {}),
    "resnetv2_50": ("resnetv2_50", {}),
    "resnetv2_50_keras": ("resnetv2_50_keras", {}),
    "resnetv2_50_timm": ("resnetv2_50_timm", {}),
    "resnext29_2x64d_form_a": ("resnext29_2x64d", {"form": "a"}),
    "resnext29_2x64d_form_b": ("resnext29_2x64d", {"form": "b"}),
    "resnext50_32x4d": ("resnext50_32x4d", {}),
    "seresnet18": ("seresnet18", {}),
    "seresnet18_cm": ("seresnet18_cm", {}),
    "vgg11_bn": ("vgg11_bn", {}),
    "wrn-16-4": ("wrn-16-4", {}),
}


def listing(name: str, options: dict[str, object]) -> str:
    """Name every parameter and buffer with its shape, one a line, in the network's order."""
    with torch.device("meta"):
        network = resnets.create_model(name, **options)
    lines = [
        f"{key} {'x'.join(map(str, tensor.shape)) or 'scalar'}"
        for key, tensor in network.state_dict().items()
    ]
    return "\n".join(lines) + "\n"


def digest(name: str) -> str:
    """Hash the listing of an architecture."""
    return hashlib.sha256(listing(name, {}).encode()).hexdigest()


def update() -> None:
    """Write all golden lists."""
    for file, (name, options) in LISTED.items():
        (GOLDEN / "names" / f"{file}.txt").write_text(listing(name, options), encoding="utf-8")
    hashes = [f"{digest(name)}  {name}\n" for name in resnets.list_models()]
    (GOLDEN / "names.sha256").write_text("".join(hashes), encoding="utf-8")


if __name__ == "__main__":
    update()
