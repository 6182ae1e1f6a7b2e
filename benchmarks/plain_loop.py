"""Top-1 after a short training: this package beside the same recipe written by hand in plain PyTorch.

ResNet-20 on class folders of CIFAR-10 (train/ and test/) and ResNet-8 on Fashion-MNIST; ten epochs,
batch 128, Nesterov momentum 0.9, weight decay 5e-4 on all parameters, learning rate up to 0.1 within an
epoch and down to 0 by a half cosine, pad 4, crop and flip, bfloat16 where autocast allows it. Both share
the network and nothing else: the loop by hand reads, augments, normalises, trains and measures by
itself. Both should reach the same accuracy, within two standard errors over the seeds.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from resnets import create_model

EPOCHS, BATCH, RATE, DECAY = 10, 128, 0.1, 5e-4
MEAN = {"cifar10": (0.4914, 0.4822, 0.4465), "fashion_mnist": (0.2860,)}
STD = {"cifar10": (0.2470, 0.2435, 0.2616), "fashion_mnist": (0.3530,)}
NETWORKS = {"cifar10": "resnet20", "fashion_mnist": "resnet8"}


def read(data: Path, split: str) -> tuple[Tensor, Tensor]:
    """Read all images of a split, (N, C, H, W), uint8, and their labels."""
    if (data / split).is_dir():
        folders = sorted(path for path in (data / split).iterdir() if path.is_dir())
        files = [
            (path, label) for label, folder in enumerate(folders) for path in sorted(folder.iterdir())
        ]
        pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path, _ in files])
        labels = torch.tensor([label for _, label in files])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), labels
    prefix = "train" if split == "train" else "t10k"
    images = gzip.decompress((data / f"{prefix}-images-idx3-ubyte.gz").read_bytes())
    numbers = gzip.decompress((data / f"{prefix}-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28).copy()
    return torch.from_numpy(pixels), torch.from_numpy(
        np.frombuffer(numbers, np.uint8, offset=8).astype(int)
    )


def by_hand(data: Path, name: str, seed: int) -> float:
    """Train and return the share of the test images that is recognised."""
    torch.manual_seed(seed)
    images, labels = read(data, "train")
    mean, std = (torch.tensor(numbers[name]).view(1, -1, 1, 1) for numbers in (MEAN, STD))
    images = (images / 255 - mean) / std
    network = create_model(NETWORKS[name], num_classes=10, in_channels=images.shape[1])
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        network.parameters(), lr=RATE, momentum=0.9, nesterov=True, weight_decay=DECAY
    )
    steps = math.ceil(len(images) / BATCH)
    size = images.shape[-1]
    step = 0
    for epoch in range(EPOCHS):
        network.train()
        started, total = time.perf_counter(), 0.0
        for chosen in torch.randperm(len(images)).split(BATCH):
            padded = nn.functional.pad(images[chosen], (4, 4, 4, 4))
            tops, lefts = torch.randint(0, 9, (2, len(chosen))).tolist()
            windows = [
                p[:, t : t + size, x : x + size] for p, t, x in zip(padded, tops, lefts, strict=True)
            ]
            mirrored = torch.rand(len(chosen)) < 0.5
            batch = torch.stack([w.flip(-1) if m else w for w, m in zip(windows, mirrored, strict=True)])
            factor = (
                step / steps
                if step < steps
                else 0.5 * (1 + math.cos(math.pi * (step - steps) / (steps * (EPOCHS - 1))))
            )
            for group in optimizer.param_groups:
                group["lr"] = RATE * factor
            with torch.autocast("cpu", torch.bfloat16):
                scores = network(batch.to(memory_format=torch.channels_last))
            loss = nn.functional.cross_entropy(scores.float(), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            step += 1
        took = time.perf_counter() - started
        print(
            f"seed {seed} epoch {epoch + 1} loss {total / steps:.4f} {took:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    network.eval()
    images, labels = read(data, "test")
    images = (images / 255 - mean) / std
    with torch.inference_mode():
        answers = torch.cat([network(part).argmax(1) for part in images.split(500)])
    return (answers == labels).double().mean().item()


def by_resnets(data: Path, name: str, seed: int) -> float:
    """Train with this package, and return the share of the test images that is recognised."""
    from resnets.config import validate
    from resnets.recipes.settings import TrainingSettings
    from resnets.training.train import train

    grey = {"channels": "L"} if name == "fashion_mnist" else {}
    size = 32 if name == "cifar10" else 28
    settings = {
        "complete": True,
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "val_share": 0.0,
        "seed": seed,
        "preprocessing": {"image_size": size, "mean": MEAN[name], "std": STD[name], **grey},
        "augmentation": {"pad_crop": {"pad": 4}, "flip": 0.5},
        "optimizer": {"learning_rate": RATE, "weight_decay": DECAY},
        "schedule": {"shape": "cosine", "warmup_epochs": 1.0},
        "precision": "bf16",
        "channels_last": True,
    }
    made = validate(TrainingSettings, settings, source="the benchmark")
    with tempfile.TemporaryDirectory() as folder:
        result = train(
            data, model=NETWORKS[name], output=Path(folder) / "run", settings=made, check=False
        )
    assert result.evaluation is not None
    return result.evaluation.metric("top1").value


CONTENDERS = {"by hand": by_hand, "resnets": by_resnets}


def main() -> None:
    """Train with every seed and print means and standard errors; finished runs are kept in a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "data", type=Path, help="CIFAR-10 as class folders, or the idx files of Fashion-MNIST"
    )
    parser.add_argument("--name", choices=sorted(NETWORKS), default="cifar10")
    parser.add_argument(
        "--contenders", nargs="*", choices=sorted(CONTENDERS), default=sorted(CONTENDERS)
    )
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--done", type=Path, default=Path("plain_loop.json"), help="results so far")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    done: dict[str, float] = json.loads(given.done.read_text()) if given.done.exists() else {}
    for seed in given.seeds:
        for contender in given.contenders:
            key = f"{given.name}, {contender}, {seed}"
            if key not in done:
                done[key] = CONTENDERS[contender](given.data, given.name, seed)
                given.done.write_text(json.dumps(done, indent=2))
    for contender in given.contenders:
        values = [done[f"{given.name}, {contender}, {seed}"] for seed in given.seeds]
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else math.nan
        shown = ", ".join(f"{value:.2%}" for value in values)
        print(f"{given.name}  {contender:<8} {statistics.mean(values):.2%} +- {error:.2%}  ({shown})")


if __name__ == "__main__":
    main()
