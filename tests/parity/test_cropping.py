"""Random resized crops against torchvision's."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch

from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.cropping import DRAWS, draw_box
from resnets.data.order import image_seeds, uniforms

COUNT = 6000
DECILES = np.arange(1, 10) / 10


@pytest.mark.parity
@pytest.mark.parametrize("size", [(500, 375), (200, 600), (64, 64)])
def test_boxes_are_drawn_as_torchvision_draws_them(
    torchvision: ModuleType, size: tuple[int, int]
) -> None:
    image = torch.zeros(3, size[1], size[0])
    draw = torchvision.transforms.RandomResizedCrop.get_params
    theirs = np.array([draw(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(COUNT)])
    draws = uniforms(image_seeds(0, 0, np.arange(COUNT)), DRAWS).tolist()
    ours = np.array([draw_box(size, RandomResizedCrop(), each) for each in draws])
    for our, their in zip(ours.T, theirs[:, [1, 0, 3, 2]].T, strict=True):
        # The standard error of the difference of two medians is 1.6 % of the range, at most.
        gap = np.abs(np.quantile(our, DECILES) - np.quantile(their, DECILES))
        assert gap.max() <= 0.05 * max(size)
