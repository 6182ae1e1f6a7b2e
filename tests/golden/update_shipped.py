"""Write the stored outputs of the networks in the package again: python tests/golden/update_shipped.py

A change where the files are the same means that images are prepared otherwise, or that a network computes
something else; find out which before storing new figures.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from resnets import Classifier, load
from resnets.data.preprocessing import prepare
from resnets.weights.shipped import shipped_models

GOLDEN = Path(__file__).parent / "shipped_outputs.json"
NUM_IMAGES = 3
NUM_SCORES = 10  # of each image: of 200 classes the first ten tell enough


def images(size: int) -> list[Any]:
    """Seeded images of soft patches, in colour, of exactly the size that a network sees."""
    generator = np.random.default_rng(0)
    patches = generator.integers(0, 256, (NUM_IMAGES, 5, 5, 3), np.uint8)
    places = np.arange(size) * 5 // size
    return list(patches[:, places][:, :, places])


def outputs(model: Classifier) -> list[list[float]]:
    """The first scores of a network for each image."""
    size = model.preprocessing.image_size
    batch = np.stack([prepare(image, model.preprocessing) for image in images(size)])
    with torch.inference_mode():
        scores = model.network(torch.from_numpy(batch))
    return [[round(value, 4) for value in row] for row in scores[:, :NUM_SCORES].tolist()]


if __name__ == "__main__":
    torch.set_num_threads(1)
    stored = {model.name: outputs(load(model.name)) for model in shipped_models()}
    GOLDEN.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
