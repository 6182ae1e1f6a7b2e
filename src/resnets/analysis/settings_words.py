"""The settings of a training in a few words."""

from __future__ import annotations

from collections.abc import Iterator

from resnets.data.augmentation.settings import Augmentation
from resnets.recipes.settings import Schedule, TrainingSettings

_OPTIMIZERS = {"sgd": "SGD", "adamw": "AdamW", "lamb": "LAMB"}
_POLICIES = {
    "rand_augment": "RandAugment",
    "trivial_augment": "TrivialAugment",
    "auto_augment": "AutoAugment",
    "jitter": "colour jitter",
    "lighting": "lighting",
    "erasing": "erasing",
    "cutout": "cutout",
}


def settings_words(settings: TrainingSettings) -> str:
    """Say how a network is trained: optimizer, schedule, batch and augmentation.

    Args:
        settings: complete.

    Example:
        >>> from resnets.recipes.catalog import find_recipe
        >>> settings_words(find_recipe("resnet_cifar").settings())
        'SGD at 0.1, divided by 10 at epochs 81.8, 123; batches of 128; shifts, flips'
    """
    optimizer = settings.optimizer
    rate = "" if optimizer.learning_rate is None else f" at {optimizer.learning_rate:.3g}"
    augmentation = settings.augmentation or Augmentation()
    augmented = [*(["random crops"] if settings.crop else []), *_augmented(augmentation)]
    return (
        f"{_OPTIMIZERS[optimizer.name]}{rate}, {_schedule_words(settings.schedule)}; "
        f"batches of {settings.batch_size}; {', '.join(augmented) or 'no augmentation'}"
    )


def _schedule_words(schedule: Schedule) -> str:
    words = schedule.shape.replace("_", " ")
    if schedule.shape == "step":
        places = ", ".join(f"{epoch:.3g}" for epoch in schedule.milestones)
        words = f"divided by {1 / schedule.gamma:.3g} at epochs {places}"
    if schedule.warmup_epochs:
        words += f" after {schedule.warmup_epochs:g} epochs of warm-up"
    return words


def _augmented(augmentation: Augmentation) -> Iterator[str]:
    if augmentation.random_resized_crop:
        yield "random crops"
    if augmentation.pad_crop:
        yield "shifts"
    if augmentation.flip:
        yield "flips"
    for name, words in _POLICIES.items():
        if getattr(augmentation, name):
            yield words
    if augmentation.mixing:
        for name in ("mixup", "cutmix"):
            if getattr(augmentation.mixing, f"{name}_alpha"):
                yield name
