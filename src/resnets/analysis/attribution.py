"""`attribute`: what in each image speaks for a class, by one of four methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from resnets.analysis.activation_maps import activation_maps, choose_layers, gradcam, layercam
from resnets.analysis.input_attribution import integrated_gradients, occlusion
from resnets.errors import ConfigError, UnsupportedError
from resnets.weights.exported_network import ExportedNetwork

Method = Literal["gradcam", "layercam", "integrated-gradients", "occlusion"]
METHODS: tuple[Method, ...] = get_args(Method)

WHOLE = "image"
"""Stands for a layer where a method looks at the pixels themselves."""

WINDOWS_ACROSS = 5
_STEPS_PER_WINDOW = 3
# Windows of a fifth of the image hide what an object is recognised by; about 13 x 13 places of them.


def attribute(
    network: nn.Module,
    images: Tensor,
    targets: Tensor,
    *,
    method: Method = "gradcam",
    layers: str | Sequence[str] | None = None,
) -> dict[str, Tensor]:
    """Map what speaks for a class (above 0) and against it (below 0).

    Args:
        network: with scores as output; its mode, parameters and gradients stay as they are.
        images: preprocessed.
        targets: a class for each image.
        method: how; 'gradcam' and 'layercam' read the maps inside, the others ask about the pixels.
        layers: as for `check_method`.

    Shape:
        (N, C, H, W), (N,) -> {layer: (N, h, w)}, float32 on the CPU

    Raises:
        ConfigError: if the method or a layer is unknown, or they do not go together.
        UnsupportedError: if the method needs another kind of network.
    """
    chosen = check_method(network, method, layers)
    first = next(network.parameters())
    batch, classes = images.to(first.device, first.dtype), targets.to(first.device)
    if method == "integrated-gradients":
        made = {WHOLE: integrated_gradients(network, batch, classes)}
    elif method == "occlusion":
        window = max(1, round(min(images.shape[2:]) / WINDOWS_ACROSS))
        stride = max(1, round(window / _STEPS_PER_WINDOW))
        made = {WHOLE: occlusion(network, batch, classes, window=window, stride=stride)}
    else:
        combine = gradcam if method == "gradcam" else layercam
        made = activation_maps(network, batch, classes, combine=combine, layers=chosen)
    return {name: evidence.to("cpu", torch.float32) for name, evidence in made.items()}


def check_method(network: nn.Module, method: str, layers: str | Sequence[str] | None) -> tuple[str, ...]:
    """Check that a network can be explained in this way, and name the layers.

    Args:
        network: to be explained.
        method: one of `METHODS`.
        layers: None for the last map, 'stages' for one of each stage, or names of parts such as
            'stages.2'; only for methods that read maps.

    Raises:
        ConfigError: if the method or a layer is unknown, or they do not go together.
        UnsupportedError: if the method needs another kind of network.
    """
    if method not in METHODS:
        raise ConfigError(
            "the arguments of explain", [f"method must be {', '.join(METHODS)}; got {method!r}"]
        )
    if isinstance(network, ExportedNetwork) and method != "occlusion":
        raise UnsupportedError(
            f"an exported file has no layers and gradients, which {method!r} needs: explain it with "
            "method 'occlusion', or the model file that it was made of"
        )
    if method in ("gradcam", "layercam"):
        return choose_layers(network, layers)
    if layers is not None:
        raise ConfigError("the arguments of explain", [f"layers have no effect with method {method!r}"])
    return (WHOLE,)
