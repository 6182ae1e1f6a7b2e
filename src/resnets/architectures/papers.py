"""The papers that the architectures come from."""

from __future__ import annotations

from resnets.registry import Paper

VGG = Paper(
    "Simonyan & Zisserman",
    2014,
    "Very Deep Convolutional Networks for Large-Scale Image Recognition",
    "1409.1556",
)
RESNET = Paper("He et al.", 2015, "Deep Residual Learning for Image Recognition", "1512.03385")
RESNET_V2 = Paper("He et al.", 2016, "Identity Mappings in Deep Residual Networks", "1603.05027")
RESNEXT = Paper(
    "Xie et al.",
    2016,
    "Aggregated Residual Transformations for Deep Neural Networks",
    "1611.05431",
)
WIDE_RESNET = Paper("Zagoruyko & Komodakis", 2016, "Wide Residual Networks", "1605.07146")
DENSENET = Paper("Huang et al.", 2016, "Densely Connected Convolutional Networks", "1608.06993")
HIGHWAY = Paper("Srivastava et al.", 2015, "Training Very Deep Networks", "1507.06228")
SENET = Paper("Hu et al.", 2017, "Squeeze-and-Excitation Networks", "1709.01507")
