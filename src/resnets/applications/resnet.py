"""keras.applications.resnet, with its arguments and its preprocessing (caffe)."""

from __future__ import annotations

from resnets.applications.imagenet_utils import decode_predictions, preprocessing
from resnets.applications.model import make_constructor

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("caffe")
ResNet50 = make_constructor("ResNet50", "resnet50_keras", "keras")
ResNet101 = make_constructor("ResNet101", "resnet101_keras", "keras")
ResNet152 = make_constructor("ResNet152", "resnet152_keras", "keras")
