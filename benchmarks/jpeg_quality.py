"""What do copies in JPEG of quality 75 cost a network of 32 pixels? Top-1 with and without.

The CIFAR-10 images that are at hand as files often are such copies (4:2:0, quality 75), and cards of
networks trained on them have to say what that costs. The originals being elsewhere, it is measured on
other images of that size: 50 classes of Tiny-ImageNet at half their side, which leaves little of their
own compression, as they are and as such copies. ResNet-20 is trained on 400 images a class with the
settings of `fast_cifar`, and tested on 100 others, as they are and as copies.

    python benchmarks/jpeg_quality.py TINY_IMAGENET
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from recommendation import CLASSES_OF_TINY, class_folders, recognised

from resnets import train
from resnets.recipes.fast import fast_cifar

SIDE = 32
TRAINED, TESTED = 400, 100  # images of a class
KINDS = ("whole", "copies")

Pixels = NDArray[np.uint8]


def half_size(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)


def copied(image: Image.Image) -> Image.Image:
    """As JPEG of quality 75, colours at half the resolution."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=75, subsampling="4:2:0")
    return Image.open(file)


def write_sets(root: Path, folder: Path) -> None:
    """Write the training and the test images of both kinds, in the same order."""
    classes = class_folders(root / "train")[:: 200 // CLASSES_OF_TINY]
    for part, chosen in (("train", slice(TRAINED)), ("test", slice(TRAINED, TRAINED + TESTED))):
        images: list[Image.Image] = []
        labels: list[int] = []
        for label, each in enumerate(classes):
            files = sorted((each / "images").iterdir())[chosen]
            images.extend(half_size(file) for file in files)
            labels.extend([label] * len(files))
        for kind, shown in (("whole", images), ("copies", map(copied, images))):
            pixels = np.stack([np.asarray(image) for image in shown])
            name = f"{kind}.npz" if part == "train" else f"{kind}-test.npz"
            np.savez(folder / name, x_train=pixels, y_train=np.array(labels))


def trained_on(kind: str, folder: Path, seed: int, epochs: int) -> dict[str, float]:
    """Train, and give the top-1 of both kinds of test images."""
    recipe = fast_cifar(model="resnet20", data=str(folder / f"{kind}.npz"))
    settings = recipe.model_copy(update={"seed": seed, "epochs": epochs, "workers": 0})
    output = folder / f"{kind}-{seed}"
    result = train(settings=settings, output=output, check=False, device="cpu")
    return {test: float(recognised(result.model, folder / f"{test}-test.npz").mean()) for test in KINDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="Tiny-ImageNet as published")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    given = parser.parse_args()
    shares: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as made:
        write_sets(given.data, Path(made))
        for seed in range(given.seeds):
            for kind in KINDS:
                for test, top1 in trained_on(kind, Path(made), seed, given.epochs).items():
                    shares.setdefault((kind, test), []).append(100 * top1)
                print(
                    json.dumps({f"{a} on {b}": values for (a, b), values in shares.items()}), flush=True
                )
    for (kind, test), values in shares.items():
        spread = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
        print(
            f"trained on {kind:<7} tested on {test:<7} {statistics.fmean(values):.2f} % +- {spread:.2f}"
        )


if __name__ == "__main__":
    main()
