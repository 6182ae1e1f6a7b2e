"""What the classic recipes share: SGD with momentum, and the images of CIFAR and ImageNet."""

from __future__ import annotations

from typing import Literal

from resnets.data.augmentation.settings import Augmentation, PadCrop
from resnets.data.crop_policy import Padding
from resnets.data.preprocessing_policy import Preprocessing
from resnets.recipes.settings import Optimizer, Schedule

# fb.resnet.torch, datasets/cifar10.lua and cifar100.lua: levels of 0 to 255.
_CIFAR_LEVELS = {
    "cifar10": ((125.3, 123.0, 113.9), (63.0, 62.1, 66.7)),
    "cifar100": ((129.3, 124.1, 112.4), (68.2, 65.4, 70.4)),
}

STEPS_PER_EPOCH = 391
"""Of 128 images of CIFAR: papers count iterations."""


def cifar_preprocessing(data: str) -> Preprocessing:
    """Normalise by the mean and standard deviation of each channel, as fb.resnet.torch does.

    The ResNet papers subtract the mean of each pixel and do not divide; the norm behind the first
    convolution cancels a common factor.

    Args:
        data: 'cifar100', or anything else for CIFAR-10.
    """
    mean, std = _CIFAR_LEVELS.get(data, _CIFAR_LEVELS["cifar10"])
    return Preprocessing(
        image_size=32,
        mean=tuple(level / 255 for level in mean),
        std=tuple(level / 255 for level in std),
    )


def shift_and_flip(padding: Padding = "mean") -> Augmentation:
    """Pad by 4 pixels, cut a window out anywhere, mirror half of the images.

    Args:
        padding: see `PadCrop`: the papers and codes differ.
    """
    return Augmentation(pad_crop=PadCrop(pad=4, padding=padding), flip=0.5)


def sgd(
    *,
    learning_rate: float = 0.1,
    nesterov: bool = True,
    weight_decay: float = 1e-4,
    decay: Literal["all", "weights"] = "all",
) -> Optimizer:
    """SGD with momentum 0.9; the rest is fb.resnet.torch's unless given."""
    return Optimizer(
        name="sgd",
        learning_rate=learning_rate,
        momentum=0.9,
        nesterov=nesterov,
        weight_decay=weight_decay,
        decay=decay,
    )


def steps(*milestones: float, gamma: float = 0.1) -> Schedule:
    """A learning rate that is constant between the milestones, which are epochs."""
    return Schedule(shape="step", milestones=milestones, gamma=gamma)


def steps_after_warmup(
    *milestones: float, warmup_epochs: float, until_error: float | None = None
) -> Schedule:
    """The same after a start with a tenth of the learning rate."""
    return Schedule(
        shape="step",
        milestones=milestones,
        gamma=0.1,
        warmup="constant",
        warmup_start=0.1,
        warmup_epochs=warmup_epochs,
        warmup_until_error=until_error,
    )
