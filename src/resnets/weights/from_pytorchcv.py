"""pytorchcv's names of tensors, as of pytorchcv 0.0.74."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resnets.data.preprocessing_policy import Preprocessing
from resnets.weights.from_torchvision import is_bottleneck
from resnets.weights.layout import Convention, Table
from resnets.weights.renaming import Rule

_THEIR_UNIT = "features.stage{stage+1}.unit{unit+1}"
_UNIT = "stages.{stage}.units.{unit}"
_SQUEEZE = f"{_UNIT}.residual.squeeze_excitation"

_UNITS = (
    Rule(f"{_THEIR_UNIT}.body.conv{{i}}.conv", f"{_UNIT}.residual.conv{{i}}"),
    Rule(f"{_THEIR_UNIT}.body.conv{{i}}.bn", f"{_UNIT}.residual.norm{{i}}"),
    Rule(f"{_THEIR_UNIT}.se.conv1", f"{_SQUEEZE}.reduce"),
    Rule(f"{_THEIR_UNIT}.se.conv2", f"{_SQUEEZE}.expand"),
    Rule(f"{_THEIR_UNIT}.identity_conv.conv", f"{_UNIT}.shortcut.conv"),
    Rule(f"{_THEIR_UNIT}.identity_conv.bn", f"{_UNIT}.shortcut.norm"),
    Rule("output", "classifier"),
)

RESNET = (
    Rule("features.init_block.conv.conv", "stem.conv"),
    Rule("features.init_block.conv.bn", "stem.norm"),
    *_UNITS,
)

CIFAR_RESNET = (
    Rule("features.init_block.conv", "stem.conv"),
    Rule("features.init_block.bn", "stem.norm"),
    *_UNITS,
)

CIFAR_RESNET_V2 = (
    Rule("features.init_block", "stem.conv"),
    Rule(f"{_THEIR_UNIT}.body.conv{{i}}.conv", f"{_UNIT}.residual.conv{{i}}"),
    Rule(f"{_THEIR_UNIT}.body.conv1.bn", f"{_UNIT}.preactivation.norm"),
    Rule(f"{_THEIR_UNIT}.body.conv2.bn", f"{_UNIT}.residual.norm1"),
    Rule(f"{_THEIR_UNIT}.body.conv3.bn", f"{_UNIT}.residual.norm2"),
    Rule(f"{_THEIR_UNIT}.identity_conv", f"{_UNIT}.shortcut.conv"),
    Rule("features.post_activ.bn", "final.norm"),
    Rule("output", "classifier"),
)

_DENSE_STAGES = (
    Rule("features.stage{stage+1}.trans{stage+1}.conv.bn", "stages.{stage}.transition.norm"),
    Rule("features.stage{stage+1}.trans{stage+1}.conv.conv", "stages.{stage}.transition.conv"),
    Rule("features.post_activ.bn", "final.norm"),
    Rule("output", "classifier"),
)

_DENSE_BOTTLENECKS = (
    Rule(f"{_THEIR_UNIT}.conv{{i}}.conv", f"{_UNIT}.residual.conv{{i}}"),
    Rule(f"{_THEIR_UNIT}.conv1.bn", f"{_UNIT}.preactivation.norm"),
    Rule(f"{_THEIR_UNIT}.conv2.bn", f"{_UNIT}.residual.norm1"),
)

DENSENET = (
    Rule("features.init_block.conv", "stem.conv"),
    Rule("features.init_block.bn", "stem.norm"),
    *_DENSE_BOTTLENECKS,
    *_DENSE_STAGES,
)

CIFAR_DENSENET_BC = (
    Rule("features.init_block", "stem.conv"),
    *_DENSE_BOTTLENECKS,
    *_DENSE_STAGES,
)

CIFAR_DENSENET = (
    Rule("features.init_block", "stem.conv"),
    Rule(f"{_THEIR_UNIT}.conv.conv", f"{_UNIT}.residual.conv1"),
    Rule(f"{_THEIR_UNIT}.conv.bn", f"{_UNIT}.preactivation.norm"),
    *_DENSE_STAGES,
)

VGG = (
    Rule(f"{_THEIR_UNIT}.conv", f"{_UNIT}.residual.conv1"),
    Rule(f"{_THEIR_UNIT}.bn", f"{_UNIT}.residual.norm1"),
    Rule("output.fc1.fc", "classifier.linear1"),
    Rule("output.fc2.fc", "classifier.linear2"),
    Rule("output.fc3", "classifier.linear3"),
)

CIFAR_10 = Preprocessing(image_size=32, mean=(0.4914, 0.4822, 0.4465), std=(0.2023, 0.1994, 0.2010))
"""Of kuangliu/pytorch-cifar, bearpaw/pytorch-classification and pytorchcv alike."""


def _is_resnet(found: Mapping[str, Any]) -> bool:
    return is_bottleneck(found) and found.get("cardinality", 1) == 1


def _is_resnext(found: Mapping[str, Any]) -> bool:
    return is_bottleneck(found) and not _is_resnet(found)


_IMAGENET = (
    Convention(
        "stride_on",
        "first",
        "its networks without a 'b' in their names stride on the first 1x1; those with one on the 3x3",
        _is_resnet,
        also=("spatial",),
    ),
    Convention("stride_on", "spatial", "its ResNeXts stride on the 3x3", _is_resnext),
)
_SPATIAL = Convention("stride_on", "spatial", "its CIFAR bottlenecks stride on the 3x3", is_bottleneck)
_SOURCE = "pytorchcv 0.0.74, models/"

TABLES = (
    Table(
        "pytorchcv",
        "ResNet",
        f"{_SOURCE}resnet.py, resnext.py, seresnet.py",
        RESNET,
        families=("resnet", "resnext", "se_resnet"),
        conventions=_IMAGENET,
    ),
    Table(
        "pytorchcv",
        "CIFAR ResNet",
        f"{_SOURCE}resnet_cifar.py, resnext_cifar.py, seresnet_cifar.py",
        CIFAR_RESNET,
        stems=("cifar",),
        families=("resnet", "resnext", "se_resnet"),
        conventions=(_SPATIAL,),
        preprocessing=CIFAR_10,
    ),
    Table(
        "pytorchcv",
        "CIFAR ResNetV2",
        f"{_SOURCE}preresnet_cifar.py, wrn_cifar.py",
        CIFAR_RESNET_V2,
        stems=("cifar",),
        families=("resnet_v2", "wide_resnet"),
        conventions=(
            _SPATIAL,
            Convention(
                "first_unit",
                "own",
                "unit 1 pre-activates its branch only, unless it projects",
                lambda found: found.get("first_unit") not in ("either", None),
            ),
        ),
        preprocessing=CIFAR_10,
    ),
    Table("pytorchcv", "DenseNet", f"{_SOURCE}densenet.py", DENSENET, families=("densenet",)),
    # Before the bottlenecks' table, which could write it too, under other names.
    Table(
        "pytorchcv",
        "CIFAR DenseNet",
        f"{_SOURCE}densenet_cifar.py",
        CIFAR_DENSENET,
        stems=("cifar",),
        families=("densenet",),
        preprocessing=CIFAR_10,
    ),
    Table(
        "pytorchcv",
        "CIFAR DenseNet-BC",
        f"{_SOURCE}densenet_cifar.py",
        CIFAR_DENSENET_BC,
        stems=("cifar",),
        families=("densenet",),
        preprocessing=CIFAR_10,
    ),
    Table("pytorchcv", "VGG", f"{_SOURCE}vgg.py", VGG, stems=("none",), families=("vgg",)),
)
