"""Each operation on grey levels gives exactly what Pillow gives."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from resnets.data.augmentation import tones

COUNT = 24


def pictures() -> Tensor:
    """Noise of narrow and wide ranges, a few of one level or two."""
    generator = torch.Generator().manual_seed(1)
    images = torch.rand((COUNT, 3, 33, 32), generator=generator)
    low = torch.randint(0, 200, (COUNT, 3, 1, 1), generator=generator)
    width = torch.randint(1, 56, (COUNT, 3, 1, 1), generator=generator)
    images = (low + images * width).to(torch.uint8)
    images[0], images[1] = 0, 131
    images[2, :, :5], images[2, :, 5:] = 0, 255
    images[3:6] = torch.randint(0, 256, (3, 3, 33, 32), generator=generator)
    return images


IMAGES = pictures()


def assert_same(ours: Tensor, theirs: list[Image.Image]) -> None:
    assert ours.dtype == torch.uint8
    assert (ours.permute(0, 2, 3, 1).numpy() == np.stack([np.asarray(image) for image in theirs])).all()


def pillow() -> list[Image.Image]:
    return [Image.fromarray(pixels) for pixels in IMAGES.permute(0, 2, 3, 1).numpy()]


def test_invert() -> None:
    assert_same(tones.invert(IMAGES), [ImageOps.invert(image) for image in pillow()])


def test_posterize() -> None:
    bits = torch.arange(COUNT) % 8 + 1
    theirs = [ImageOps.posterize(i, b) for i, b in zip(pillow(), bits.tolist(), strict=True)]
    assert_same(tones.posterize(IMAGES, bits.float()), theirs)
    assert (tones.posterize(IMAGES, torch.zeros(COUNT)) == 0).all()


def test_solarize() -> None:
    thresholds = torch.linspace(0, 256, COUNT)
    theirs = [ImageOps.solarize(i, t) for i, t in zip(pillow(), thresholds.tolist(), strict=True)]
    assert_same(tones.solarize(IMAGES, thresholds), theirs)


def test_solarize_add() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(3, 1, 1, 1)
    changed = tones.solarize_add(levels, torch.tensor([0, 77, 128])).flatten(1).tolist()
    for added, row in zip((0, 77, 128), changed, strict=True):
        assert row == [min(255, level + added) if level < 128 else level for level in range(256)]


def test_auto_contrast() -> None:
    assert_same(tones.auto_contrast(IMAGES), [ImageOps.autocontrast(image) for image in pillow()])


def test_equalize() -> None:
    assert_same(tones.equalize(IMAGES), [ImageOps.equalize(image) for image in pillow()])
    small = IMAGES[:, :, :8, :8]  # fewer pixels than levels
    theirs = [ImageOps.equalize(image.crop((0, 0, 8, 8))) for image in pillow()]
    assert_same(tones.equalize(small), theirs)
