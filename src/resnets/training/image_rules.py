"""Rules for images: their size, their colours, and what is done to them in training."""

from __future__ import annotations

import re
from typing import Any

from resnets.data.augmentation.settings import Augmentation, PadCrop
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.preprocessing_policy import Preprocessing
from resnets.training.data_facts import DataFacts
from resnets.training.situation import Answer, Choice, Situation

_SIZES = (32, 64, 96, 128, 160, 192, 224)
_LARGEST = {"cpu": 128, "cuda": 224, "mps": 128}
# Pixels: on a processor, 224 would take three times as long as 128.
_SMALL = 64
# Pixels up to which images are moved about as a whole; larger ones are cropped like photos.
_KEPT = 96
# Pixels up to which squares of one size are not resized at all.
_BORDER = 8 / 7
# Resized side to the side of the crop of evaluation: 256 to 224 (Krizhevsky et al. 2012).
_MOST_ENLARGED, _FEW_ENLARGED = 1.15, 1.5
# How many times images may be enlarged: half of them, and all but 5 %.
_LEAST_AREA = 0.35
# Of random crops. Szegedy's 0.08 (arXiv:1409.4842) is for 90 epochs and more; short runs learn faster
# from larger parts (fast.ai's courses and Imagenette training take this).

_COLOURS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    # fb.resnet.torch, datasets/cifar10.lua and cifar100.lua, divided by 255.
    "cifar10": ((0.4914, 0.4824, 0.4467), (0.2471, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    # PyTorch's examples/mnist; the training images of Fashion-MNIST, whose authors state none.
    "mnist": ((0.1307,), (0.3081,)),
    "fashion_mnist": ((0.286,), (0.353,)),
}
_LUMA = ((0.4589,), (0.2257,))
# ImageNet's mean colour as luma (ITU-R 601-2) and the mean of its deviations.
_SIDED = re.compile(r"(?<![a-z])(left|right)(?![a-z])", re.IGNORECASE)


def choose_preprocessing(situation: Situation) -> Answer:
    """Fill in what the user did not say about the size and the colours of images."""
    given = situation.settings.preprocessing
    said = {} if given is None else {key: getattr(given, key) for key in given.model_fields_set}
    own = situation.model.trained_with if situation.model else None
    values: dict[str, Any] = own.model_dump(exclude_unset=True) if own else {}
    choices: list[Choice] = []
    for rule in (_size, _border, _colours):
        for key, value, reason in rule(situation, values | said):
            if key not in said:
                values[key] = value
            if key not in said and reason:
                choices.append(Choice(f"preprocessing.{key}", _text(value), reason))
    return Answer(Preprocessing(**{**values, **said}), tuple(choices))


_Found = list[tuple[str, Any, str]]
# Field of the preprocessing, value, reason; without a reason it goes without saying.


def _size(situation: Situation, known: dict[str, Any]) -> _Found:
    """Images are hardly enlarged, and no larger than the machine is fast.

    A data set of small squares keeps its size. Others get the largest step that half of the images
    reach within 15 % and 95 % of them within a third; on a processor at most 128 pixels. A network with
    weights sees what it was trained with, unless that enlarges images more than twice.
    """
    facts, model = situation.facts, situation.model
    median = facts.median_side
    if model and model.trained_with:
        size, reason = model.made_for, "the size that the weights were trained with"
        most = max(_SMALL, 2 * median // 32 * 32)
        if median and most < size:
            size, reason = (
                most,
                f"images have {median} pixels, and enlarging them more than twice is slow",
            )
        return [("image_size", size, reason)]
    if model and "image_size" in model.said:
        return [("image_size", model.said["image_size"], "the image_size of the model")]
    if facts.same_size and median <= _KEPT:
        size, reason = median, f"all images have {median}x{median} pixels, and need no resizing"
    else:
        largest = _LARGEST[situation.machine.device]
        room = min(_MOST_ENLARGED * median, _FEW_ENLARGED * facts.low_side, largest)
        size = max((step for step in _SIZES if step <= room), default=_SIZES[0])
        reason = f"the shorter sides of images have {median} pixels in the median"
        if size == largest < _MOST_ENLARGED * median:
            reason += f", and {largest} is what trains in reasonable time on this device"
    most = 2 * model.made_for if model else size
    if size > most:
        size, reason = most, f"{model.name if model else ''} was made for images of {most // 2} pixels"
    return [("image_size", size, reason)]


def _border(situation: Situation, known: dict[str, Any]) -> _Found:
    """Evaluation looks at the middle of photos, as it does for ImageNet, where they are large enough."""
    size, facts = known["image_size"], situation.facts
    if known.get("fit", "crop") != "crop":
        return []
    resized = round(size * _BORDER)
    own = situation.model.trained_with if situation.model else None
    if own and own.image_size == size:
        return []
    if size <= _SMALL or facts.median_side < resized:
        return [("resize_size", None, "")]
    return [("resize_size", resized, "the middle of photos is cut out, 7/8 of their shorter side")]


def _colours(situation: Situation, known: dict[str, Any]) -> _Found:
    """Grey images are given to the network as one channel; means and deviations are the data's own."""
    facts = situation.facts
    if situation.model and situation.model.trained_with:
        return []
    found: _Found = []
    channels = known.get("channels")
    if channels is None:
        count = len(known.get("mean", ()) or known.get("std", ())) or situation.said_channels
        channels = {1: "L", 3: "RGB"}.get(count or (1 if facts.grey_share == 1 else 3), "RGB")
        share = "all images are grey" if facts.grey_share == 1 else "there are images with colours"
        found.append(("channels", channels, "the channels of the model" if count else share))
    one = channels == "L"
    mean, std = _LUMA if one else (Preprocessing().mean, Preprocessing().std)
    reason = "ImageNet's, which fit photos"
    if len(facts.mean) == (1 if one else 3) and min(facts.std) > 0:
        mean, std, reason = facts.mean, facts.std, "measured on training images"
    if facts.known_as in _COLOURS and len(_COLOURS[facts.known_as][0]) == (1 if one else 3):
        mean, std = _COLOURS[facts.known_as]
        reason = f"the usual values of {facts.known_as}"
    if channels == "BGR":
        mean, std = mean[::-1], std[::-1]
    return [*found, ("mean", mean, f"{reason}, like the deviations (std)"), ("std", std, "")]


def choose_crop(situation: Situation) -> Answer | None:
    """Photos of more than 64 pixels are cropped at random, unless the user said what is done to them."""
    size = situation.image_size
    if size <= _SMALL or "augmentation" in situation.settings.model_fields_set:
        return None
    crop = RandomResizedCrop(scale=(_LEAST_AREA, 1.0))
    reason = f"photos are seen in parts of {_LEAST_AREA:.0%} to 100 %, as short trainings need them"
    return Answer(crop, (Choice("crop.scale", _text(crop.scale), reason),))


def choose_augmentation(situation: Situation) -> Answer:
    """Small images are moved by an eighth of their side (He et al. 2015, sec. 4.2: 4 of 32 pixels).

    Everything is mirrored, but for letters, digits, and classes that tell left from right.
    """
    size = situation.image_size
    against = _why_not_mirrored(situation.facts)
    flip = 0.0 if against else 0.5
    choices = [Choice("augmentation.flip", str(flip), against or "a mirrored image shows the same")]
    pad_crop = None
    if situation.settings.crop is None:
        pad_crop = PadCrop(pad=max(2, size // 8))
        moved = "small images are moved by up to an eighth of their side"
        choices.insert(0, Choice("augmentation.pad_crop.pad", str(pad_crop.pad), moved))
    return Answer(Augmentation(pad_crop=pad_crop, flip=flip), tuple(choices))


def _why_not_mirrored(facts: DataFacts) -> str:
    named = [name for name in facts.class_names if _SIDED.search(name)]
    if named:
        return f"mirrored images of {named[0]!r} would be of another class"
    letters = all(len(name) == 1 for name in facts.class_names)
    if facts.known_as == "mnist" or (letters and (facts.grey_share == 1 or not facts.mean)):
        return "the classes look like letters or digits, which are others when they are mirrored"
    return ""


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_text(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
