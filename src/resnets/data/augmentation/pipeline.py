"""Augment a batch: every step drawn from (seed, epoch, index) and made on the batch's device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from resnets.data.augmentation import colour, geometry
from resnets.data.augmentation.erasing import draw_cutouts, draw_erased, erase
from resnets.data.augmentation.mixing import draw_mixture, mix_images, mix_labels
from resnets.data.augmentation.parameters import Draws, Purpose, below
from resnets.data.augmentation.policies import apply_step, draw_steps
from resnets.data.augmentation.settings import Augmentation, ColourJitter
from resnets.data.cropping import DRAWS
from resnets.data.order import Indices
from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ConfigError, InputShapeError

_CHANNELS = (1, 3)
_CACHED = 2**19
# Levels that a CPU changes at once: colours of 64 images of 224 pixels take it three times as long
# together as three by three, which stay in its cache.


def augment(
    images: Tensor,
    labels: Tensor,
    settings: Augmentation,
    *,
    seed: int,
    epoch: int,
    indices: Indices | Tensor | Sequence[int],
    preprocessing: Preprocessing | None = None,
    num_classes: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Change the images of a batch, in the order of the fields of `Augmentation`.

    What is drawn for an image depends on the seed, the epoch and its index; only mixing also depends on
    the batch: on which image comes before, and with per='batch' on which is the first.

    Args:
        images: uint8.
        labels: int64, 0 to num_classes - 1.
        settings: what to do.
        seed: of the run, 0 or more.
        epoch: 0 or more.
        indices: (N,), of the images in their split; see `Draws`.
        preprocessing: of the network, whose mean fills what is left empty. [ImageNet's mean]
        num_classes: of the data set; needed for mixing.

    Returns:
        Images, uint8 or, after lighting or mixup, float32, in both cases levels of 0 to 255 for
        `normalize_batch`; and targets: the labels, or with mixing (N, num_classes), float32.

    Raises:
        ConfigError: if the settings do not fit the images.

    Shape:
        (N, C, H, W) or (N, H, W, C), C = 3 or 1, laid out as it was
    """
    planes = _as_planes(images, labels, indices)
    if problems := _problems(settings, planes, num_classes):
        raise ConfigError("augmentation", problems)
    fill = mean_levels(preprocessing or Preprocessing(), num_channels=planes.shape[1]).to(images.device)
    draws = Draws(seed=seed, epoch=epoch, indices=indices)
    changed = _in_parts(planes, settings, draws, fill) if len(planes) else planes
    targets = labels
    if settings.mixing is not None and num_classes is not None:
        mixture = draw_mixture((planes.shape[3], planes.shape[2]), settings.mixing, draws)
        changed = mix_images(changed, mixture)
        targets = mix_labels(labels, mixture, num_classes=num_classes)
    if planes.is_contiguous():
        return changed.contiguous(), targets
    rows = changed.permute(0, 2, 3, 1)
    if not rows.is_contiguous():  # .contiguous() would take three times as long, for bytes
        rows = torch.stack(changed.unbind(1), 3)
    return (rows if planes is not images else rows.permute(0, 3, 1, 2)), targets


def mean_levels(preprocessing: Preprocessing, *, num_channels: int) -> Tensor:
    """The grey levels that normalising brings closest to zero.

    Args:
        preprocessing: of the network.
        num_channels: of the images, RGB or luma.

    Shape:
        (num_channels,), uint8
    """
    mean = preprocessing.mean[::-1] if preprocessing.channels == "BGR" else preprocessing.mean
    if len(mean) != num_channels:  # the mean of colours, for images that are grey
        mean = (sum(mean) / len(mean),) * num_channels
    return torch.tensor([round(255 * level) for level in mean], dtype=torch.uint8)


def _as_planes(images: Tensor, labels: Tensor, indices: Indices | Tensor | Sequence[int]) -> Tensor:
    """The images as (N, C, H, W), in the memory where they are."""
    shape = tuple(images.shape)
    is_image = len(shape) == 4 and images.dtype == torch.uint8
    if not is_image or (shape[1] not in _CHANNELS and shape[3] not in _CHANNELS):
        raise InputShapeError(
            "augmentation takes uint8 images (N, C, H, W) or (N, H, W, C) of 1 or 3 channels; "
            f"got {shape} of type {str(images.dtype).removeprefix('torch.')}"
        )
    if not len(images) == len(labels) == len(indices):
        raise InputShapeError(
            "augmentation takes a label and an index for each image; "
            f"got {len(images)} images, {len(labels)} labels and {len(indices)} indices"
        )
    return images if shape[1] in _CHANNELS else images.permute(0, 3, 1, 2)


def _problems(settings: Augmentation, images: Tensor, num_classes: int | None) -> list[str]:
    """What does not fit, in a sentence each."""
    channels, side = images.shape[1], min(images.shape[2:])
    problems = []
    if settings.lighting and channels != 3:
        problems.append(f"lighting needs images of 3 channels, got {channels}")
    crop = settings.pad_crop
    if crop and crop.padding == "reflect" and crop.pad >= side:
        problems.append(
            f"pad_crop.pad must be less than the side of the images, {side}, to reflect; got {crop.pad}"
        )
    if settings.mixing and num_classes is None:
        problems.append("mixing needs num_classes")
    return problems


def _in_parts(images: Tensor, settings: Augmentation, draws: Draws, fill: Tensor) -> Tensor:
    """Change a few images at a time where that is faster; each depends on nothing but itself."""
    size = len(images)
    if images.device.type == "cpu":
        size = max(1, _CACHED // images[0].numel())
    parts = [
        _change(images[start : start + size], settings, draws.of(slice(start, start + size)), fill)
        for start in range(0, len(images), size)
    ]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _change(images: Tensor, settings: Augmentation, draws: Draws, fill: Tensor) -> Tensor:
    """Do to each image what does not depend on others."""
    size = images.shape[3], images.shape[2]
    images = _move(images, settings, draws, fill)
    if policy := settings.policy:
        images = images.contiguous()
        colours = fill if policy.fill == "mean" else torch.zeros_like(fill)
        for step in draw_steps(policy, draws):
            images = apply_step(images, step, fill=colours, interpolation=policy.interpolation)
    if settings.jitter:
        factors, order = (p.to(images.device) for p in _draw_jitter(settings.jitter, draws))
        images = colour.jitter(images.contiguous(), factors, order)
    if settings.lighting:
        alphas = torch.from_numpy(
            (draws.normal(Purpose.LIGHTING, 3) * settings.lighting).astype(np.float32)
        )
        images = colour.lighting(images, alphas.to(images.device))
    if settings.erasing:
        noise = draws if settings.erasing.fill == "random" else None
        images = erase(images, draw_erased(size, settings.erasing, draws), fill=fill, noise=noise)
    if settings.cutout:
        images = erase(images, draw_cutouts(size, settings.cutout, draws), fill=fill)
    return images


def _move(images: Tensor, settings: Augmentation, draws: Draws, fill: Tensor) -> Tensor:
    if settings.random_resized_crop:
        size = images.shape[3], images.shape[2]
        drawn = draws.uniform(Purpose.BOX, DRAWS)
        images = geometry.resize_boxes(
            images, geometry.draw_boxes(size, settings.random_resized_crop, drawn), size
        )
    crop = settings.pad_crop
    if not crop and not settings.flip:
        return images
    pad = crop.pad if crop else 0
    tops, lefts = below(draws.uniform(Purpose.PAD_CROP, 2), 2 * pad + 1).T
    flips = draws.happens(Purpose.FLIP, settings.flip)
    padding = crop.padding if crop else "mean"
    return geometry.crop_and_flip(images, tops, lefts, flips, pad=pad, padding=padding, fill=fill)


def _draw_jitter(jitter: ColourJitter, draws: Draws) -> tuple[Tensor, Tensor]:
    """Factors and order for `colour.jitter`."""
    widths = np.array([jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue])
    middles = np.array([1.0, 1.0, 1.0, 0.0])
    lowest = np.where(middles > 0, np.maximum(middles - widths, 0), -widths)
    factors = lowest + (middles + widths - lowest) * draws.uniform(Purpose.JITTER, 4)
    order = draws.order(Purpose.JITTER_ORDER, 4)
    is_used = widths[order] > 0  # as many in every row
    order = order[is_used].reshape(len(draws), -1)
    return torch.from_numpy(factors.astype(np.float32)), torch.from_numpy(order)
