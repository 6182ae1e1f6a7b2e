"""A network's scores for all images of a split, for evaluation and for every validation in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import log
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from resnets.data.batches import Batch, normalize_batch
from resnets.data.preprocessing_policy import Preprocessing

OnBatch = Callable[[int, int], None]
"""Is told how many batches are done, and of how many."""


class Batches(Protocol):
    """What gives batches: `resnets.data.loading.Loader`, or one that shows several views of each image.

    With V views, `Batch.images` holds V images for each label, one after the other.
    """

    @property
    def num_steps(self) -> int:
        """Batches of an epoch."""

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Read the batches."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What a network says about the images of a split.

    Attributes:
        logits: (N, C), float32: of one view the network's answer; of several, logarithms of the mean
            probabilities. The probabilities are their softmax in either case.
        labels: (N,), int64; -1 where the label is not known.
        indices: (N,), int64, of the images in their split.
    """

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]


def score_split(
    network: nn.Module,
    loader: Batches,
    preprocessing: Preprocessing,
    *,
    autocast: torch.dtype | None = None,
    channels_last: bool = True,
    flip: bool = False,
    temperature: float | None = None,
    on_batch: OnBatch | None = None,
) -> Scores:
    """Score the images of a split.

    The network computes on the device where it is, in evaluation mode, and is left in the mode that it
    was in. Without `autocast` it computes in float32 and no less: TF32 is switched off.

    Args:
        network: a classifier.
        loader: of the split, in its own order, with all its images.
        preprocessing: of the network.
        autocast: type in which to compute convolutions and matrix products, such as `torch.bfloat16`.
        channels_last: layout of the images that the network gets.
        flip: show the mirror image of each view, too.
        temperature: divides the network's answers.
        on_batch: called after each batch.
    """
    device = next(network.parameters()).device
    scored: list[tuple[Tensor, Tensor, Tensor]] = []
    buffer: Tensor | None = None
    with _evaluation_mode(network), torch.inference_mode(), _precision(device, autocast):
        for done, batch in enumerate(loader.epoch(0), start=1):
            if len(batch):
                images = batch.images.to(device, non_blocking=True)
                buffer = normalize_batch(images, preprocessing, out=buffer)
                views = _views(buffer, len(batch.images) // len(batch), flip=flip)
                logits = _average(
                    [
                        network(view if channels_last else view.contiguous()).float()
                        / (temperature or 1.0)
                        for view in views
                    ]
                )
                scored.append((logits.cpu(), batch.labels, batch.indices))
            if on_batch is not None:
                on_batch(done, loader.num_steps)
    if not scored:
        return Scores(np.empty((0, 0), np.float32), np.empty(0, np.int64), np.empty(0, np.int64))
    logits, labels, indices = (torch.cat(column) for column in zip(*scored, strict=True))
    return Scores(logits.numpy(), labels.numpy(), indices.numpy())


def _views(images: Tensor, num_views: int, *, flip: bool) -> Iterator[Tensor]:
    """Give the same view of all images at a time: memory does not grow with the number of views."""
    for view in range(num_views):
        shown = images[view::num_views]
        yield shown
        if flip:
            yield shown.flip(-1)


def _average(answers: list[Tensor]) -> Tensor:
    """Average the probabilities of the views, as in Krizhevsky et al. 2012, sec. 4.1."""
    if len(answers) == 1:
        return answers[0]
    return torch.stack([answer.log_softmax(1) for answer in answers]).logsumexp(0) - log(len(answers))


@contextmanager
def _evaluation_mode(network: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def _precision(device: torch.device, autocast: torch.dtype | None) -> Iterator[None]:
    if autocast is not None:
        with torch.autocast(device.type, dtype=autocast):
            yield
        return
    backends = torch.backends.cudnn.conv, torch.backends.cuda.matmul  # type: ignore[attr-defined]
    usual = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = "ieee"
    try:
        yield
    finally:
        for backend, precision in zip(backends, usual, strict=True):
            backend.fp32_precision = precision
