"""Our network, images and schedule with Accelerate, which moves them to whatever machine there is.

    accelerate launch examples/with_accelerate.py FOLDER [--epochs 20]
    python examples/with_accelerate.py FOLDER

FOLDER is whatever `resnets train` takes; `pip install accelerate` brings Accelerate. With several
processes, each reads its share of every step.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

import resnets
from resnets.data.augmentation.pipeline import augment
from resnets.data.augmentation.settings import Augmentation, PadCrop
from resnets.data.batches import normalize_batch
from resnets.data.dataset import Dataset
from resnets.data.loading import Loader, LoadingOptions
from resnets.evaluation.scoring import score_split
from resnets.recipes.settings import Schedule
from resnets.training.schedules import learning_rate_factor

SHOWN = resnets.Preprocessing(image_size=32)
AUGMENTATION = Augmentation(pad_crop=PadCrop(pad=4), flip=0.5)
SCHEDULE = Schedule(shape="cosine", warmup_epochs=1.0)
RATE = 0.1


def train(accelerator: Accelerator, dataset: Dataset, *, epochs: int) -> nn.Module:
    """Train a network.

    Args:
        accelerator: that says where and with how many.
        dataset: to learn.
        epochs: of training.
    """
    torch.manual_seed(0)
    network = resnets.create_model("resnet20", num_classes=len(dataset.class_names))
    optimizer = torch.optim.SGD(
        network.parameters(), lr=RATE, momentum=0.9, nesterov=True, weight_decay=1e-4
    )
    network, optimizer = accelerator.prepare(network, optimizer)
    loader = Loader(
        dataset.splits["train"],
        SHOWN,
        LoadingOptions(batch_size=32, shuffle=True, drop_last=True, workers=0),
        rank=accelerator.process_index,
        num_ranks=accelerator.num_processes,
    )
    step, num_steps = 0, epochs * loader.num_steps
    network.train()
    for epoch in range(epochs):
        for batch in loader.epoch(epoch):
            images, targets = augment(
                batch.images.to(accelerator.device),
                batch.labels.to(accelerator.device),
                AUGMENTATION,
                seed=0,
                epoch=epoch,
                indices=batch.indices,
                preprocessing=SHOWN,
                num_classes=len(dataset.class_names),
            )
            factor = learning_rate_factor(
                SCHEDULE, step, num_steps=num_steps, steps_per_epoch=loader.num_steps
            )
            for group in optimizer.param_groups:
                group["lr"] = RATE * factor
            with accelerator.autocast():
                scores = network(normalize_batch(images, SHOWN))
                loss = nn.functional.cross_entropy(scores, targets)
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
            step += 1
        accelerator.print(f"epoch {epoch + 1}: loss of the last step {loss.item():.4f}")
    trained: nn.Module = accelerator.unwrap_model(network)
    return trained


def main() -> None:
    """Train, validate, and write a model file for `resnets predict`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path("accelerate.safetensors"))
    given = parser.parse_args()
    accelerator = Accelerator()
    dataset = resnets.open_dataset(given.folder, needs_val=True)
    network = train(accelerator, dataset, epochs=given.epochs)
    if accelerator.is_main_process:
        with Loader(dataset.splits["val"], SHOWN, LoadingOptions(workers=0)) as loader:
            scores = score_split(network, loader, SHOWN)
        print(f"validation: {(scores.logits.argmax(1) == scores.labels).mean():.1%} recognised")
        resnets.Classifier.from_network(
            network.cpu(), preprocessing=SHOWN, class_names=dataset.class_names
        ).save(given.output)


if __name__ == "__main__":
    main()
