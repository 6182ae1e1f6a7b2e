"""A network that is called as Keras' models are: NHWC in, probabilities or NHWC features out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from resnets.architectures.creation import create_model
from resnets.errors import ConfigError, UnsupportedError
from resnets.weights.catalog import find_weights
from resnets.weights.foreign import read_foreign
from resnets.weights.pretrained import read_published

Pooling = Literal["avg", "max"]


class KerasStyleModel(nn.Module):
    """One of our networks behind the interface of a Keras model.

    Args:
        name: what Keras calls it.
        network: with channels first, as all of ours.
        input_shape: (height, width, channels); None where any size will do.
        softmax: turn scores into probabilities.

    Shape:
        (N, H, W, C) -> (N, classes), (N, features) or (N, H', W', features)
    """

    def __init__(
        self, name: str, network: nn.Module, input_shape: tuple[int | None, ...], *, softmax: bool
    ) -> None:
        super().__init__()
        self.name = name
        self.network = network.eval()
        self.softmax = softmax
        self.input_shape = (None, *input_shape)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the outputs for images with channels last."""
        output: Tensor = self.network(images.permute(0, 3, 1, 2).contiguous())
        if output.ndim == 4:
            return output.permute(0, 2, 3, 1)
        return output.softmax(1) if self.softmax else output

    def predict(
        self, x: ArrayLike | Tensor, batch_size: int = 32, verbose: object = None
    ) -> NDArray[np.float32]:
        """Compute the outputs for an array, some images at a time.

        Args:
            x: (N, H, W, C), preprocessed.
            batch_size: images at a time.
            verbose: taken and ignored; nothing is printed.
        """
        images = torch.as_tensor(np.asarray(x, np.float32))
        with torch.inference_mode():
            parts = [self(part) for part in images.split(batch_size)]
        result: NDArray[np.float32] = torch.cat(parts).numpy()
        return result

    def count_params(self) -> int:
        """Parameters and statistics; fewer than in Keras, as biases before norms are folded here."""
        return sum(t.numel() for n, t in self.network.state_dict().items() if "num_batches" not in n)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """(None, ...) as Keras writes it; None for sizes that depend on the input."""
        size = [224 if side is None else side for side in self.input_shape[1:]]
        with torch.inference_mode():
            shape = self(torch.zeros(1, *size)).shape[1:]
        if len(shape) == 3 and None in self.input_shape[1:3]:
            return (None, None, None, shape[2])
        return (None, *shape)


Constructor = Callable[..., KerasStyleModel]


def make_constructor(
    name: str, architecture: str, tag: str, *, shape_first: bool = False
) -> Constructor:
    """Make the function that users of Keras know by a name such as `ResNet50`.

    Args:
        name: of the function.
        architecture: ours.
        tag: of the published weights that `weights='imagenet'` means.
        shape_first: `input_shape` comes first, as in classification_models.
    """

    def construct(
        include_top: bool = True,
        weights: str | Path | None = "imagenet",
        input_tensor: None = None,
        input_shape: tuple[int | None, ...] | None = None,
        pooling: Pooling | None = None,
        classes: int = 1000,
        classifier_activation: str | None = "softmax",
        name: str = name,
    ) -> KerasStyleModel:
        shape = _check(
            name, include_top, weights, input_tensor, input_shape, classes, classifier_activation
        )
        options: dict[str, Any] = {"in_channels": shape[2]} if shape[2] != 3 else {}
        if include_top:
            options |= {"num_classes": classes} if classes != 1000 else {}
        else:
            options |= {"include_top": False, "pooling": pooling or "none"}
        network = create_model(architecture, **options)
        if weights is not None:
            network.load_state_dict(_read(weights, architecture, tag, network, include_top=include_top))
        return KerasStyleModel(
            name, network, shape, softmax=include_top and classifier_activation == "softmax"
        )

    def construct_by_shape(
        input_shape: tuple[int | None, ...] | None = None,
        input_tensor: None = None,
        include_top: bool = True,
        classes: int = 1000,
        weights: str | Path | None = "imagenet",
    ) -> KerasStyleModel:
        return construct(include_top, weights, input_tensor, input_shape, classes=classes)

    made: Constructor = construct_by_shape if shape_first else construct
    made.__name__ = made.__qualname__ = name
    made.__doc__ = (
        f"Make {name} ({architecture} here), called as in Keras; "
        "weights: 'imagenet' for the publisher's own file, a path, or None."
    )
    return made


def _check(
    name: str,
    include_top: bool,
    weights: str | Path | None,
    input_tensor: None,
    input_shape: tuple[int | None, ...] | None,
    classes: int,
    classifier_activation: str | None,
) -> tuple[Any, ...]:
    if input_tensor is not None:
        raise UnsupportedError(
            f"{name} here is a PyTorch network and cannot be put behind a Keras tensor; call it instead"
        )
    problems = []
    if weights == "imagenet" and include_top and classes != 1000:
        problems.append(f"weights='imagenet' with include_top=True need classes=1000, got {classes}")
    if include_top and classifier_activation not in ("softmax", None):
        problems.append(
            f"classifier_activation must be 'softmax' or None, got {classifier_activation!r}"
        )
    shape = input_shape or ((224, 224, 3) if include_top else (None, None, 3))
    if len(shape) != 3 or shape[2] is None:
        problems.append(f"input_shape must be (height, width, channels), got {input_shape}")
    elif weights == "imagenet" and shape[2] != 3:
        problems.append(f"weights='imagenet' need 3 channels, got {shape[2]}")
    if problems:
        raise ConfigError(f"the arguments of {name}", problems)
    return shape


def _read(
    weights: str | Path, architecture: str, tag: str, network: nn.Module, *, include_top: bool
) -> dict[str, Tensor]:
    """The weights for a network, without a classifier that it does not have."""
    known = {
        "imagenet": tag,
        "imagenet11k-places365ch": "cm_imagenet11k_places365",
        "imagenet11k": "cm_imagenet11k",
    }
    if str(weights) in known:
        row = find_weights(f"{architecture}:{known[str(weights)]}")
        source = read_published(row, include_top=include_top)
    else:
        source = read_foreign(weights).network
    tensors = source.state_dict()
    if include_top:
        return tensors
    return {name: tensors[name] for name in network.state_dict() if name in tensors}
