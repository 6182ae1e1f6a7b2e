"""qubvel/classification_models: `Classifiers.get('resnet18')`, with its arguments and its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resnets.applications import densenet, resnet_v2, vgg16, vgg19
from resnets.applications.imagenet_utils import preprocessing
from resnets.applications.model import Constructor, make_constructor
from resnets.errors import UnknownNameError

# The name there, of the function, and the mode of preprocessing; None: the network normalises by itself.
_OWN = {
    **{f"resnet{depth}": (f"ResNet{depth}", None) for depth in (18, 34, 50, 101, 152)},
    **{f"seresnet{depth}": (f"SEResNet{depth}", None) for depth in (18, 34)},
    **{f"seresnet{depth}": (f"SEResNet{depth}", "torch") for depth in (50, 101, 152)},
    **{f"resnext{depth}": (f"ResNeXt{depth}", None) for depth in (50, 101)},
    **{f"seresnext{depth}": (f"SEResNeXt{depth}", "torch") for depth in (50, 101)},
}
_KERAS: dict[str, tuple[Constructor, Callable[..., Any]]] = {
    "resnet50v2": (resnet_v2.ResNet50V2, resnet_v2.preprocess_input),
    "resnet101v2": (resnet_v2.ResNet101V2, resnet_v2.preprocess_input),
    "resnet152v2": (resnet_v2.ResNet152V2, resnet_v2.preprocess_input),
    "densenet121": (densenet.DenseNet121, densenet.preprocess_input),
    "densenet169": (densenet.DenseNet169, densenet.preprocess_input),
    "densenet201": (densenet.DenseNet201, densenet.preprocess_input),
    "vgg16": (vgg16.VGG16, vgg16.preprocess_input),
    "vgg19": (vgg19.VGG19, vgg19.preprocess_input),
}


class Classifiers:
    """The networks by name, each with the preprocessing that it needs."""

    @classmethod
    def models_names(cls) -> list[str]:
        """The names that `get` knows."""
        return [*_OWN, *_KERAS]

    @classmethod
    def get(cls, name: str) -> tuple[Constructor, Callable[..., Any]]:
        """Look up a network.

        Args:
            name: such as 'resnext50'.

        Returns:
            The function that makes it, and its `preprocess_input`.

        Raises:
            UnknownNameError: with the closest names.
        """
        if name in _OWN:
            title, mode = _OWN[name]
            make = make_constructor(title, f"{name}_cm", "cm", shape_first=True)
            return make, preprocessing(mode)  # type: ignore[arg-type]
        if name in _KERAS:
            return _KERAS[name]
        known = cls.models_names()
        raise UnknownNameError(
            "network of classification_models", name, known=known, hint=", ".join(known)
        )
