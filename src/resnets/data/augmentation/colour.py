"""What colours become: the operations of Pillow's ImageEnhance and ImageOps, for a batch at once.

Images are uint8 (N, C, H, W), RGB or luma; each operation takes one number for each image and gives the
grey levels that Pillow gives, since the published results were trained with those. fb.resnet.torch
blends without rounding and without cutting off at black and white; that is the difference.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LUMA = (19595, 38470, 7471)
# 0.299, 0.587 and 0.114 times 65536, as in Pillow's Convert.c (ITU-R 601-2).

EIGENVALUES = (0.2175, 0.0188, 0.0045)
EIGENVECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)
"""Of the covariance of ImageNet's colours, 0 to 1; a column for each value. fb.resnet.torch,
datasets/imagenet.lua."""


def to_grey(images: Tensor) -> Tensor:
    """Weigh red, green and blue to luma.

    Shape:
        (N, C, H, W) -> (N, 1, H, W)
    """
    if images.shape[1] == 1:
        return images
    weighed = images[:, :1].to(torch.int32).mul_(_LUMA[0]).add_(0x8000)
    weighed.add_(images[:, 1:2], alpha=_LUMA[1]).add_(images[:, 2:], alpha=_LUMA[2])
    return weighed.bitwise_right_shift_(16).to(torch.uint8)


def brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Blend with black: 0 gives black, 1 the image."""
    return _to_levels(images.to(torch.float32).mul_(_each(factors)))


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Blend with the mean of the image's luma: 0 gives that grey, 1 the image."""
    total = to_grey(images).sum((1, 2, 3), dtype=torch.int64)
    area = images.shape[2] * images.shape[3]
    return _blend((2 * total + area) // (2 * area), images, factors)  # the mean, rounded half up


def saturation(images: Tensor, factors: Tensor) -> Tensor:
    """Blend with the image's luma: 0 gives greys, 1 the image. Pillow calls it Color."""
    return _blend(to_grey(images), images, factors)


def sharpness(images: Tensor, factors: Tensor) -> Tensor:
    """Blend with a smoothed image: 0 gives that, 1 the image. The edge pixels stay as they are."""
    levels = images.to(torch.int16)
    across = levels[..., :-2] + levels[..., 1:-1] + levels[..., 2:]
    square = across[..., :-2, :] + across[..., 1:-1, :] + across[..., 2:, :]
    square += 4 * levels[..., 1:-1, 1:-1]
    smooth = images.to(torch.float32)
    smooth[..., 1:-1, 1:-1] = _rounded(square / 13)
    return _blend(smooth, images, factors)


def hue(images: Tensor, shifts: Tensor) -> Tensor:
    """Turn the colour wheel: 0 and 1 give the image, 0.5 the opposite colours.

    The wheel has 255 steps, as Pillow's HSV has; `shifts` of -0.5 to 0.5.
    """
    if images.shape[1] == 1:
        return images
    red, green, blue = images.to(torch.float32).unbind(1)
    high, low = torch.maximum(torch.maximum(red, green), blue), torch.minimum(red, green)
    spread = high - torch.minimum(low, blue)
    safe = spread.clamp(min=1)
    # Rounded where Pillow rounds: a last bit decides between two steps of the wheel.
    from_red, from_green, from_blue = (((high - c) / safe).double() for c in (red, green, blue))
    sector = torch.where(green == high, 2 + from_red - from_blue, 4 + from_green - from_red)
    sector = torch.where(red == high, from_blue - from_green, sector).float()
    turns = _wrapped(sector.double() / 6 + 1, 1).float()
    wheel = torch.where(spread > 0, (turns * 255).floor(), 0)
    share = torch.where(spread > 0, (spread / high.clamp(min=1) * 255).floor(), 0)
    share /= 255
    steps = (shifts * 255).trunc().view(-1, 1, 1)
    sextants = _wrapped(wheel + steps, 256) * (6 / 255)  # (N, H, W), 0 to 6
    channels = []
    for start in (5, 3, 1):  # red falls from sextant 1 to 2, green from 3 to 4, blue from 5 to 6
        place = _wrapped(sextants + start, 6)
        missing = torch.minimum(place, 4 - place).clamp_(0, 1)
        channels.append(_rounded(high * (1 - share * missing)))
    return torch.stack(channels, 1).clamp_(0, 255).to(torch.uint8)


def jitter(images: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and hue, in an order that differs from image to image.

    Args:
        images: uint8.
        factors: (N, 4), in that order.
        order: (N, K), for each image the numbers of what is changed, 0 to 3, one after the other.
    """
    operations = (brightness, contrast, saturation, hue)
    result = torch.empty_like(images)
    kinds, kind_of = torch.unique(order, dim=0, return_inverse=True)
    for number, kind in enumerate(kinds.tolist()):
        at = torch.nonzero(kind_of == number)[:, 0]
        changed = images[at]
        for which in kind:
            changed = operations[which](changed, factors[at, which])
        result.index_copy_(0, at, changed)
    return result


def lighting(images: Tensor, alphas: Tensor) -> Tensor:
    """Add the same colour to all pixels of an image, along the principal axes of ImageNet's colours.

    Args:
        images: uint8 or float32, levels of 0 to 255, RGB.
        alphas: one for each axis.

    Shape:
        (N, 3, H, W), (N, 3) -> (N, 3, H, W), float32: neither rounded nor cut off

    Source:
        Krizhevsky et al. 2012, sec. 4.1, with a standard deviation of 0.1; numbers as above.
    """
    values = torch.tensor(EIGENVALUES, device=images.device)
    vectors = torch.tensor(EIGENVECTORS, device=images.device)
    shifts = (vectors * (alphas * values)[:, None, :]).sum(2) * 255  # (N, 3)
    return images.to(torch.float32) + shifts[:, :, None, None]


def _each(numbers: Tensor) -> Tensor:
    return numbers.to(torch.float32).view(-1, 1, 1, 1)


def _blend(other: Tensor, images: Tensor, factors: Tensor) -> Tensor:
    """Mix other + factor * (image - other); `other` may be one level for each image."""
    start = other.to(torch.float32)
    start = start.view(-1, 1, 1, 1) if start.ndim == 1 else start
    return _to_levels((images.to(torch.float32) - start).mul_(_each(factors)).add_(start))


def _to_levels(numbers: Tensor) -> Tensor:
    return numbers.clamp_(0, 255).to(torch.uint8)  # cut off, not rounded, as in Pillow's Blend.c


def _wrapped(numbers: Tensor, length: int) -> Tensor:
    """Do what % does, five times as fast."""
    return numbers - (numbers / length).floor_().mul_(length)


def _rounded(numbers: Tensor) -> Tensor:
    return (numbers + 0.5).floor()
