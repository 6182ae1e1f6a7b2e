"""keras.applications.densenet, with its arguments and its preprocessing (torch)."""

from __future__ import annotations

from resnets.applications.imagenet_utils import decode_predictions, preprocessing
from resnets.applications.model import make_constructor

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("torch")
DenseNet121 = make_constructor("DenseNet121", "densenet121_keras", "keras")
DenseNet169 = make_constructor("DenseNet169", "densenet169_keras", "keras")
DenseNet201 = make_constructor("DenseNet201", "densenet201_keras", "keras")
