"""Draw the part of Fashion-MNIST that lies beside this file.

    python examples/data/draw_fashion_mnist.py [FOLDER]

FOLDER holds the four files of its authors; without it they are found on this machine, or in the cache
after `resnets data download fashion_mnist`. Of each class, 800 of the 6,000 training images and 200 of
the 1,000 test images are drawn by seed 0, and keep their order. The same arrays come out on every
machine; the same bytes do where zlib packs alike.
"""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import resnets
from resnets.data.dataset import Split
from resnets.files import write_bytes

FILE = Path(__file__).with_name("fashion_mnist_10k.npz")
SEED = 0
IMAGES_PER_CLASS = {"train": 800, "test": 200}


def draw(split: Split, count: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Choose images, equally many of each class.

    Args:
        split: to draw from.
        count: images of each class.
        generator: of chance.

    Returns:
        Their places in the split, in order.
    """
    classes = range(int(split.labels.max()) + 1)
    chosen = [
        generator.choice(np.flatnonzero(split.labels == label), count, replace=False)
        for label in classes
    ]
    return np.sort(np.concatenate(chosen))


def arrays(folder: str) -> dict[str, NDArray[np.generic]]:
    """Draw the images, as the arrays of the file.

    Args:
        folder: of the whole data set, or its name.
    """
    dataset = resnets.open_dataset(folder, val_share=0)
    generator = np.random.default_rng(SEED)
    made: dict[str, NDArray[np.generic]] = {}
    for name, count in IMAGES_PER_CLASS.items():
        split = dataset.splits[name]
        chosen = draw(split, count, generator)
        made[f"x_{name}"] = np.asarray(split.images)[chosen]
        made[f"y_{name}"] = split.labels[chosen].astype(np.uint8)
    return made | {"class_names": np.array(dataset.class_names)}


def digest(made: dict[str, NDArray[np.generic]]) -> str:
    """Compute the SHA-256 of all arrays, whatever they are packed with.

    Args:
        made: the arrays.
    """
    found = hashlib.sha256()
    for name, array in sorted(made.items()):
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode() + array.tobytes())
    return found.hexdigest()


def packed(made: dict[str, NDArray[np.generic]]) -> bytes:
    """Write the arrays as an .npz file that holds no time.

    Args:
        made: the arrays.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in made.items():
            entry = io.BytesIO()
            np.save(entry, array)
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, entry.getvalue(), compresslevel=9)
    return file.getvalue()


if __name__ == "__main__":
    drawn = arrays(sys.argv[1] if len(sys.argv) > 1 else "fashion_mnist")
    write_bytes(FILE, packed(drawn))
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes")
    print(f"SHA-256 of the arrays  {digest(drawn)}")
    print(f"SHA-256 of the file    {hashlib.sha256(FILE.read_bytes()).hexdigest()}")
