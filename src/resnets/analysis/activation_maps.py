"""Where a class shows in the maps of a network: Grad-CAM and LayerCAM.

A network is a chain of parts, so its maps are had by running part after part: there are no hooks that
could stay behind, and gradients are recorded only from the first map that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from resnets.errors import ConfigError, UnsupportedError, suggest
from resnets.networks.residual_network import ResidualNetwork

Combine = Callable[[Tensor, Tensor], Tensor]
"""From maps and gradients, both (N, C, h, w), to one map of evidence, (N, h, w)."""


def gradcam(maps: Tensor, gradients: Tensor) -> Tensor:
    """Weigh each channel by the mean of its gradient.

    Selvaraju et al. 2017, arXiv:1610.02391, eq. 1 and 2, before the ReLU.

    Args:
        maps: A, of a layer.
        gradients: of the score of a class with respect to A.

    Shape:
        (N, C, h, w), (N, C, h, w) -> (N, h, w)
    """
    return (gradients.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1)


def layercam(maps: Tensor, gradients: Tensor) -> Tensor:
    """Weigh each value by its own gradient where that is positive; for early layers, too.

    Jiang et al. 2021, doi:10.1109/TIP.2021.3089943, eq. 5 to 7, before the ReLU.

    Args:
        maps: A, of a layer.
        gradients: of the score of a class with respect to A.

    Shape:
        (N, C, h, w), (N, C, h, w) -> (N, h, w)
    """
    return (gradients.relu() * maps).sum(dim=1)


def map_layers(network: nn.Module) -> tuple[str, ...]:
    """Name the layer of each stage whose maps explain best, the last of all at the end.

    That is the output of the stage; of the last stage, what follows its norm and ReLU where a network
    ends with these (pre-activation units, DenseNet). A last pooling only makes the map coarser (VGG).

    Args:
        network: a chain of stages, with a classifier.

    Raises:
        UnsupportedError: if the network is no such chain.
    """
    if not isinstance(network, ResidualNetwork):
        raise UnsupportedError(
            f"a {type(network).__name__} has no chain of maps to explain it by; "
            "integrated-gradients and occlusion need none"
        )
    stages = [info for info in network.feature_info if info.name.startswith("stages.")]
    last = network.feature_info[-1]
    if last.stride == stages[-1].stride:
        stages[-1] = last
    return tuple(info.name for info in stages)


def choose_layers(network: nn.Module, layers: str | Sequence[str] | None) -> tuple[str, ...]:
    """Find the layers that are meant.

    Args:
        network: a chain of stages.
        layers: None for the last map, 'stages' for one of each stage, or names of parts.

    Raises:
        ConfigError: if there is no such part, or none is named.
        UnsupportedError: if the network is no such chain.
    """
    usual = map_layers(network)
    if layers is None:
        return usual[-1:]
    if layers == "stages":
        return usual
    named = [layers] if isinstance(layers, str) else list(layers)
    known = [name for name, _ in _parts(network)]
    problems = [
        f"{name!r} is no part of this network; its parts are {', '.join(known)}"
        + (f"; did you mean {close}?" if (close := suggest(name, known, count=1)) else "")
        for name in named
        if name not in known
    ]
    if problems or not named:
        raise ConfigError("layers", problems or ["must name at least one part"])
    return tuple(name for name in known if name in named)


def activation_maps(
    network: nn.Module, images: Tensor, targets: Tensor, *, combine: Combine, layers: Sequence[str]
) -> dict[str, Tensor]:
    """Map the evidence for one class of each image.

    Args:
        network: a chain of stages; its mode, parameters and gradients stay as they are.
        images: preprocessed.
        targets: a class for each image.
        combine: `gradcam` or `layercam`.
        layers: names of parts, as `choose_layers` gives them.

    Shape:
        (N, C, H, W), (N,) -> {layer: (N, h, w)}
    """
    captured: dict[str, Tensor] = {}
    with evaluating(network), torch.inference_mode(mode=False), torch.enable_grad():
        x = images.clone()
        for name, part in _parts(network):
            with torch.set_grad_enabled(bool(captured)):
                x = part(x)
            if name in layers:
                captured[name] = x if captured else x.detach().requires_grad_()
                x = captured[name].clone()  # the next part may write into what it gets
        scores: Tensor = network.classifier(network.pool(x))  # type: ignore[operator]
        chosen = scores.gather(1, targets[:, None]).sum()
        gradients = torch.autograd.grad(chosen, list(captured.values()))
    return {
        name: combine(maps.detach(), gradient)
        for (name, maps), gradient in zip(captured.items(), gradients, strict=True)
    }


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode for a while.

    Args:
        network: afterwards, each module is in the mode that it was in.
    """
    training = [module for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _parts(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """What a network runs before pool and classifier, in order."""
    assert isinstance(network, ResidualNetwork)
    yield "stem", network.stem
    for number, stage in enumerate(network.stages):
        yield f"stages.{number}", stage
    yield "final", network.final
