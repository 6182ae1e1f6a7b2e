"""keras.applications.resnet_v2, with its arguments and its preprocessing (tf)."""

from __future__ import annotations

from resnets.applications.imagenet_utils import decode_predictions, preprocessing
from resnets.applications.model import make_constructor

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")
ResNet50V2 = make_constructor("ResNet50V2", "resnetv2_50_keras", "keras")
ResNet101V2 = make_constructor("ResNet101V2", "resnetv2_101_keras", "keras")
ResNet152V2 = make_constructor("ResNet152V2", "resnetv2_152_keras", "keras")
