"""keras.applications.vgg16, with its arguments and its preprocessing (caffe)."""

from __future__ import annotations

from resnets.applications.imagenet_utils import decode_predictions, preprocessing
from resnets.applications.model import make_constructor

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("caffe")
VGG16 = make_constructor("VGG16", "vgg16", "keras")
