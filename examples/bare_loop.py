"""Our network, images and recipe in a bare loop of PyTorch: the parts of `resnets.train`, one by one.

    python examples/bare_loop.py FOLDER [--epochs 20]

FOLDER is whatever `resnets train` takes. With the same settings, `resnets.train` gives the same losses.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

import resnets
from resnets.data.augmentation.pipeline import augment
from resnets.data.augmentation.settings import Augmentation, PadCrop
from resnets.data.batches import normalize_batch
from resnets.data.loading import Loader, LoadingOptions
from resnets.evaluation.scoring import score_split
from resnets.recipes.settings import Optimizer, Schedule, TrainingSettings
from resnets.training.optimizers import make_optimizer, set_learning_rate
from resnets.training.schedules import learning_rate_factor

RATE = 0.1


def recipe(folder: Path, *, epochs: int) -> TrainingSettings:
    """He et al. 2015, arXiv:1512.03385, sec. 4.2, with a cosine in place of the steps.

    Args:
        folder: of the images.
        epochs: of the training.
    """
    return TrainingSettings(
        complete=True,
        data=str(folder),
        model="resnet20",
        epochs=epochs,
        batch_size=32,
        preprocessing=resnets.Preprocessing(image_size=32),
        augmentation=Augmentation(pad_crop=PadCrop(pad=4), flip=0.5),
        optimizer=Optimizer(learning_rate=RATE, momentum=0.9, weight_decay=1e-4),
        schedule=Schedule(shape="cosine"),
        select="last",
        precision="float32",
        channels_last=True,
    )


def train(network: nn.Module, loader: Loader, settings: TrainingSettings, num_classes: int) -> None:
    """Train.

    Args:
        network: to train.
        loader: of the training images.
        settings: from `recipe`.
        num_classes: of the images.
    """
    epochs, preprocessing = settings.epochs, settings.preprocessing
    assert epochs is not None
    assert preprocessing is not None
    assert settings.augmentation is not None
    optimizer = make_optimizer(network, settings, learning_rate=RATE)
    num_steps, step = epochs * loader.num_steps, 0
    network.train()
    for epoch in range(epochs):
        loss_sum = num_images = 0.0
        for batch in loader.epoch(epoch):
            images, targets = augment(
                batch.images,
                batch.labels,
                settings.augmentation,
                seed=settings.seed,
                epoch=epoch,
                indices=batch.indices,
                preprocessing=preprocessing,
                num_classes=num_classes,
            )
            factor = learning_rate_factor(
                settings.schedule, step, num_steps=num_steps, steps_per_epoch=loader.num_steps
            )
            set_learning_rate(optimizer, RATE * factor)
            scores = network(normalize_batch(images, preprocessing))
            loss = nn.functional.cross_entropy(scores, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum, num_images = loss_sum + loss.item() * len(batch), num_images + len(batch)
            step += 1
        print(f"epoch {epoch + 1}: loss {loss_sum / num_images:.6f}")


def main() -> None:
    """Train, validate, and write a model file for `resnets predict`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path("bare_loop.safetensors"))
    given = parser.parse_args()
    settings = recipe(given.folder, epochs=given.epochs)
    preprocessing = settings.preprocessing
    assert preprocessing is not None
    dataset = resnets.open_dataset(given.folder, needs_val=True)
    names = dataset.class_names
    torch.manual_seed(settings.seed)
    network = resnets.create_model("resnet20", num_classes=len(names))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    reading = LoadingOptions(batch_size=32, shuffle=True, workers=0)
    with Loader(dataset.splits["train"], preprocessing, reading, seed=settings.seed) as loader:
        train(network, loader, settings, len(names))
    with Loader(dataset.splits["val"], preprocessing, LoadingOptions(workers=0)) as loader:
        scores = score_split(network, loader, preprocessing)
    print(f"validation: {(scores.logits.argmax(1) == scores.labels).mean():.1%} recognised")
    resnets.Classifier.from_network(network, preprocessing=preprocessing, class_names=names).save(
        given.output
    )


if __name__ == "__main__":
    main()
