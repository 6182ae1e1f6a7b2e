"""Our network, images and schedule in Lightning: its Trainer does the rest.

    python examples/with_lightning.py FOLDER [--epochs 20]

FOLDER is whatever `resnets train` takes; `pip install lightning` brings Lightning.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn

import resnets
from resnets.data.augmentation.pipeline import augment
from resnets.data.augmentation.settings import Augmentation, PadCrop
from resnets.data.batches import normalize_batch
from resnets.data.dataset import Split
from resnets.data.loading import Loader, LoadingOptions
from resnets.recipes.settings import Schedule
from resnets.training.schedules import learning_rate_factor


class Batches:
    """What the Trainer takes for a data loader: each pass is the next epoch, augmented anew.

    Args:
        split: of a data set.
        preprocessing: of the network.
        augmentation: of training; None for validation.
    """

    def __init__(
        self,
        split: Split,
        preprocessing: resnets.Preprocessing,
        augmentation: Augmentation | None = None,
    ) -> None:
        options = LoadingOptions(batch_size=32, shuffle=augmentation is not None, workers=0)
        self.loader = Loader(split, preprocessing, options)
        self.preprocessing = preprocessing
        self.augmentation = augmentation or Augmentation()
        self.epoch = 0

    def __len__(self) -> int:
        return self.loader.num_steps

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self.loader.epoch(self.epoch):
            images, targets = augment(
                batch.images,
                batch.labels,
                self.augmentation,
                seed=0,
                epoch=batch.epoch,
                indices=batch.indices,
                preprocessing=self.preprocessing,
                num_classes=0,  # needed where labels are mixed
            )
            yield normalize_batch(images, self.preprocessing), targets
        self.epoch += 1


class Training(LightningModule):  # type: ignore[misc]
    """How a network learns.

    Args:
        network: any classifier.
        num_steps: of the training.
        steps_per_epoch: of an epoch.
    """

    def __init__(self, network: nn.Module, *, num_steps: int, steps_per_epoch: int) -> None:
        super().__init__()
        self.network = network
        self.num_steps = num_steps
        self.steps_per_epoch = steps_per_epoch

    def training_step(self, batch: tuple[Tensor, Tensor], _number: int) -> Tensor:
        """Compute the loss of a batch."""
        images, targets = batch
        return nn.functional.cross_entropy(self.network(images), targets)

    def validation_step(self, batch: tuple[Tensor, Tensor], _number: int) -> None:
        """Count what is recognised."""
        images, labels = batch
        hits = (self.network(images).argmax(1) == labels).float()
        self.log("val_top1", hits.mean(), batch_size=len(labels))

    def configure_optimizers(self) -> dict[str, object]:
        """SGD, a linear warm-up of an epoch and half a cosine."""
        optimizer = torch.optim.SGD(
            self.network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4
        )
        schedule = Schedule(shape="cosine", warmup_epochs=1.0)

        def factor(step: int) -> float:
            return learning_rate_factor(
                schedule, step, num_steps=self.num_steps, steps_per_epoch=self.steps_per_epoch
            )

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


def main() -> None:
    """Train, and write a model file for `resnets predict`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path("lightning.safetensors"))
    given = parser.parse_args()
    dataset = resnets.open_dataset(given.folder, needs_val=True)
    shown = resnets.Preprocessing(image_size=32)
    augmentation = Augmentation(pad_crop=PadCrop(pad=4), flip=0.5)
    train = Batches(dataset.splits["train"], shown, augmentation)
    val = Batches(dataset.splits["val"], shown)
    torch.manual_seed(0)
    network = resnets.create_model("resnet20", num_classes=len(dataset.class_names))
    training = Training(network, num_steps=given.epochs * len(train), steps_per_epoch=len(train))
    trainer = Trainer(
        max_epochs=given.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(training, train, val)
    print(f"validation: {trainer.callback_metrics['val_top1']:.1%} recognised")
    resnets.Classifier.from_network(
        network.cpu(), preprocessing=shown, class_names=dataset.class_names
    ).save(given.output)


if __name__ == "__main__":
    main()
