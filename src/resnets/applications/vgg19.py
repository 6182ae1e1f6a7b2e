"""keras.applications.vgg19, with its arguments and its preprocessing (caffe)."""

from __future__ import annotations

from resnets.applications.imagenet_utils import decode_predictions, preprocessing
from resnets.applications.model import make_constructor

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("caffe")
VGG19 = make_constructor("VGG19", "vgg19", "keras")
