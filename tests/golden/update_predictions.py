"""Write the stored predictions again: python tests/golden/update_predictions.py

Networks with seeded random weights on the photos of examples/. A change means that images are decoded
or prepared otherwise, that an architecture computes something else, or that torch draws its random
numbers otherwise; find out which before storing new figures.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from resnets import Classifier, Preprocessing, create_model

GOLDEN = Path(__file__).parent / "predictions.json"
PHOTOS = Path(__file__).parents[2] / "examples"
NETWORKS: dict[str, tuple[str, dict[str, Any], Preprocessing]] = {
    "resnet20 at 32": ("resnet20", {"num_classes": 10}, Preprocessing(image_size=32)),
    "resnet18 at 64": (
        "resnet18",
        {"num_classes": 10, "image_size": 64},
        Preprocessing(image_size=64, resize_size=72, interpolation="bicubic"),
    ),
}


def classifier(name: str) -> Classifier:
    """A network whose weights are the same every time, and whose scores are of moderate size."""
    architecture, options, preprocessing = NETWORKS[name]
    torch.manual_seed(0)
    network = create_model(architecture, **options)
    network.train()
    with torch.no_grad():  # running means and variances that fit the weights, or scores explode
        generator = torch.Generator().manual_seed(1)
        for _ in range(20):
            size = preprocessing.image_size
            network(torch.randn(16, 3, size, size, generator=generator))
    names = [f"class {i}" for i in range(10)]
    return Classifier.from_network(network, class_names=names, preprocessing=preprocessing)


def predictions(name: str) -> dict[str, dict[str, float]]:
    """The five most probable classes of each photo."""
    answers = classifier(name).predict(sorted(PHOTOS.glob("*.jpg")), top=5)
    return {
        Path(answer.image).name: {c.label: round(c.probability, 6) for c in answer.classes}
        for answer in answers
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    stored = {name: predictions(name) for name in NETWORKS}
    GOLDEN.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
