"""keras.applications.resnet50: one network of `resnet`."""

from __future__ import annotations

from resnets.applications.resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
