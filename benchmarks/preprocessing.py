"""From the bytes of a photo to the tensor of 3x224x224 that a network sees, on one core.

All contenders resize the shorter side to 256, cut 224 out and normalise; they take turns in one
process, and the clock is the processor's, which other work does not move.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from resnets.data import decoding
from resnets.data.decode_policy import DecodePolicy
from resnets.data.preprocessing import prepare
from resnets.data.preprocessing_policy import Preprocessing
from resnets.data.torch_preprocessing import prepare_tensor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SETTINGS = Preprocessing(resize_size=256)
SCALED = Preprocessing(resize_size=256, decoding=DecodePolicy(scaled=True))
EXAMPLES = Path(__file__).parent.parent / "examples"
SIZES = {"500x375": (500, 375, 20), "12 megapixels": (4000, 3000, 5)}

Contender = Callable[[bytes], Any]


def import_peers() -> tuple[Any, Any]:
    """Import torchvision's transforms and timm's, even where torchvision's operators do not load."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in ("nms", "qnms"):
            form = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{name}", form)
    return importlib.import_module("torchvision.transforms"), importlib.import_module("timm.data")


def contenders() -> dict[str, Contender]:
    """All ways from bytes to a tensor; the first is what the others are compared with."""
    transforms, timm = import_peers()
    usual = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    timms = timm.create_transform(224, interpolation="bilinear", crop_pct=0.875, mean=MEAN, std=STD)

    def open_rgb(photo: bytes) -> Image.Image:
        return Image.open(io.BytesIO(photo)).convert("RGB")

    def without_simplejpeg(photo: bytes) -> NDArray[np.float32]:
        installed = vars(decoding)["simplejpeg"]
        vars(decoding)["simplejpeg"] = None
        try:
            return prepare(photo, SETTINGS)
        finally:
            vars(decoding)["simplejpeg"] = installed

    return {
        "Pillow + torchvision": lambda photo: usual(open_rgb(photo)),
        "Pillow + timm": lambda photo: timms(open_rgb(photo)),
        "resnets, no torch": lambda photo: prepare(photo, SETTINGS),
        "resnets, no torch, no simplejpeg": without_simplejpeg,
        "resnets, torch": lambda photo: prepare_tensor(photo, SETTINGS),
        "resnets, no torch, scaled": lambda photo: prepare(photo, SCALED),
        "resnets, torch, scaled": lambda photo: prepare_tensor(photo, SCALED),
    }


def make_photos(width: int, height: int, count: int) -> list[bytes]:
    """Bring the example photos to a size, as JPEGs of quality 90 with halved colour (4:2:0).

    Args:
        width: in pixels.
        height: in pixels.
        count: how many; each example is used several times, cut elsewhere.
    """
    generator = np.random.default_rng(0)
    examples = [Image.open(path).convert("RGB") for path in sorted(EXAMPLES.glob("*.jpg"))]
    photos = []
    for i in range(count):
        example = examples[i % len(examples)]
        share = 1 - 0.1 * (i // len(examples) % 5)
        fitting = share * min(example.width, example.height * width / height)
        box = (0, 0, fitting, fitting * height / width)
        large = example.resize((width, height), Image.Resampling.BICUBIC, box=box)
        # Enlarged photos are smoother than a camera's, and a smooth JPEG decodes faster.
        noise = generator.normal(0, 5, (height, width, 1)).astype(np.float32)
        pixels = np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=90, subsampling="4:2:0")
        photos.append(file.getvalue())
    return photos


def read_photos(folder: Path, count: int) -> list[bytes]:
    """Read the first JPEGs of a folder."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".jpg", ".jpeg"})
    return [path.read_bytes() for path in paths[:count]]


def race(runs: Mapping[str, Contender], photos: Sequence[bytes], rounds: int) -> dict[str, list[float]]:
    """Let contenders take turns; give images per second of each round.

    Args:
        runs: the contenders.
        photos: that each decodes in each round.
        rounds: counted, after one that is not.
    """
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            start = time.process_time()
            for photo in photos:
                run(photo)
            if turn:
                rates[name].append(len(photos) / (time.process_time() - start))
    return rates


def differences(run: Contender, reference: Contender, photos: Sequence[bytes]) -> tuple[float, float]:
    """Mean and largest difference of two contenders in grey levels, 0 to 255."""
    levels = 255 * np.array(STD)[:, None, None]
    gaps = [np.abs(np.asarray(run(p)) - np.asarray(reference(p))) * levels for p in photos]
    return float(np.mean(gaps)), float(np.max(gaps))


def print_table(title: str, runs: Mapping[str, Contender], photos: Sequence[bytes], rounds: int) -> None:
    """Race contenders over some photos and print one line for each.

    Args:
        title: of the table.
        runs: the contenders; the first is what the others are compared with.
        photos: JPEGs.
        rounds: counted.
    """
    reference = next(iter(runs.values()))
    rates = race(runs, photos, rounds)
    base = statistics.median(next(iter(rates.values())))
    size = statistics.median(len(photo) for photo in photos) / 1000
    load = os.getloadavg()[0]
    print(f"\n{title}: {len(photos)} photos, median {size:,.0f} kB, {rounds} rounds, load {load:.1f}")
    print(f"  {'':<34}{'images/s':>10}{'spread':>20}{'ratio':>8}{'mean':>8}{'max':>6}  grey levels")
    for name, run in runs.items():
        rate = statistics.median(rates[name])
        spread = f"[{min(rates[name]):.1f} .. {max(rates[name]):.1f}]"
        mean, largest = differences(run, reference, photos)
        print(f"  {name:<34}{rate:10.1f}{spread:>20}{rate / base:8.2f}{mean:8.3f}{largest:6.1f}")


def main() -> None:
    """Print one table per size of photo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="counted, after one warm-up")
    parser.add_argument("--photos", type=Path, help="folder of JPEGs, instead of enlarged examples")
    parser.add_argument("--count", type=int, default=100, help="photos of the folder")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = contenders()
    if arguments.photos:
        photos = read_photos(arguments.photos, arguments.count)
        print_table(str(arguments.photos), runs, photos, arguments.rounds)
        return
    for title, (width, height, count) in SIZES.items():
        print_table(title, runs, make_photos(width, height, count), arguments.rounds)


if __name__ == "__main__":
    main()
