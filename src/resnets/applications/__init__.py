"""The names that users of keras.applications and classification_models know: change the import line.

    from keras.applications.resnet50 import ResNet50, preprocess_input, decode_predictions
    from resnets.applications.resnet50 import ResNet50, preprocess_input, decode_predictions

`weights="imagenet"` is that publisher's own file. Inputs are NHWC, outputs probabilities, as there; the
models are PyTorch networks, so Keras layers cannot be put on top of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resnets.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from resnets.applications.classifiers import Classifiers as Classifiers
    from resnets.applications.densenet import DenseNet121 as DenseNet121
    from resnets.applications.densenet import DenseNet169 as DenseNet169
    from resnets.applications.densenet import DenseNet201 as DenseNet201
    from resnets.applications.resnet import ResNet50 as ResNet50
    from resnets.applications.resnet import ResNet101 as ResNet101
    from resnets.applications.resnet import ResNet152 as ResNet152
    from resnets.applications.resnet_v2 import ResNet50V2 as ResNet50V2
    from resnets.applications.resnet_v2 import ResNet101V2 as ResNet101V2
    from resnets.applications.resnet_v2 import ResNet152V2 as ResNet152V2
    from resnets.applications.vgg16 import VGG16 as VGG16
    from resnets.applications.vgg19 import VGG19 as VGG19

_HOMES = {
    "Classifiers": "resnets.applications.classifiers",
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), "resnets.applications.densenet"),
    **dict.fromkeys(("ResNet50", "ResNet101", "ResNet152"), "resnets.applications.resnet"),
    **dict.fromkeys(("ResNet50V2", "ResNet101V2", "ResNet152V2"), "resnets.applications.resnet_v2"),
    "VGG16": "resnets.applications.vgg16",
    "VGG19": "resnets.applications.vgg19",
}
__all__ = sorted(_HOMES)
__getattr__ = lazy_exports(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
