"""Which pixels a score depends on: integrated gradients, and covering one place after another.

Both ask the network as a whole, so they work for every classifier.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from resnets.analysis.activation_maps import evaluating

_AT_A_TIME = 16  # images that a network sees at once; bounds the memory


def integrated_gradients(
    network: nn.Module, images: Tensor, targets: Tensor, *, steps: int = 32
) -> Tensor:
    """Share the rise of a class's score from the mean grey to the image out among the pixels.

    Sundararajan et al. 2017, arXiv:1703.01365, eq. 1, with Gauss-Legendre nodes in place of the sum of
    eq. 3. The values of an image add up to score(image) - score(grey), but for the integration's error.

    Args:
        network: whose mode, parameters and gradients stay as they are.
        images: preprocessed, so that the mean grey is 0.
        targets: a class for each image.
        steps: gradients per image.

    Shape:
        (N, C, H, W), (N,) -> (N, H, W), summed over channels
    """
    nodes, shares = np.polynomial.legendre.leggauss(steps)
    with evaluating(network), torch.inference_mode(mode=False), torch.enable_grad():
        images = images.clone()  # one made in inference mode is not taken into a graph
        places, weights = images.new_tensor((1 + nodes) / 2), images.new_tensor(shares / 2)
        total = torch.zeros_like(images)
        for number, image in enumerate(images):
            for start in range(0, steps, _AT_A_TIME):
                part = slice(start, start + _AT_A_TIME)
                points = (places[part, None, None, None] * image).requires_grad_()
                score = network(points)[:, targets[number]].sum()
                (gradients,) = torch.autograd.grad(score, [points])
                total[number] += (weights[part, None, None, None] * gradients).sum(dim=0)
        return (total * images).sum(dim=1)


@torch.no_grad()
def occlusion(
    network: nn.Module, images: Tensor, targets: Tensor, *, window: int, stride: int
) -> Tensor:
    """Cover one place after another with the mean grey, and see how much the score falls.

    Zeiler & Fergus 2013, arXiv:1311.2901, sec. 4.2. A pixel gets the mean of the windows over it.

    Args:
        network: whose mode stays as it is.
        images: preprocessed, so that the mean grey is 0.
        targets: a class for each image.
        window: height and width of what is covered, in pixels.
        stride: from one window to the next, in pixels.

    Shape:
        (N, C, H, W), (N,) -> (N, H, W)
    """
    height, width = images.shape[2:]
    places = [
        (slice(top, top + window), slice(left, left + window))
        for top in _starts(height, window, stride)
        for left in _starts(width, window, stride)
    ]
    falls = images.new_zeros(len(images), height, width)
    covers = images.new_zeros(height, width)
    for rows, columns in places:
        covers[rows, columns] += 1
    with evaluating(network):
        whole = network(images).gather(1, targets[:, None])
        for number, image in enumerate(images):
            for start in range(0, len(places), _AT_A_TIME):
                part = places[start : start + _AT_A_TIME]
                covered = image.repeat(len(part), 1, 1, 1)
                for view, (rows, columns) in zip(covered, part, strict=True):
                    view[:, rows, columns] = 0
                scores = network(covered)[:, targets[number]]
                for score, (rows, columns) in zip(scores, part, strict=True):
                    falls[number, rows, columns] += whole[number, 0] - score
    return falls / covers


def _starts(length: int, window: int, stride: int) -> range:
    """Where windows begin, so that the last one reaches the end."""
    return range(0, max(1, length - window + stride), stride)
