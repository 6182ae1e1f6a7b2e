"""timm's names of tensors, as of timm 1.0.31; legacy SE networks keep the names of Cadene's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from resnets.weights.from_torchvision import (
    DENSE_STAGES,
    DENSENET,
    RESNET,
    STRIDE_ON_3X3,
    is_bottleneck,
    numbered_layers,
)
from resnets.weights.layout import Convention, Table
from resnets.weights.renaming import Rule, Rules

if TYPE_CHECKING:
    from torch import Tensor

_UNIT = "stages.{stage}.units.{unit}"
_SQUEEZE = f"{_UNIT}.residual.squeeze_excitation"

RESNET_WITH_EXTRAS = (
    *RESNET,
    Rule("layer{stage+1}.{unit}.se.fc1", f"{_SQUEEZE}.reduce"),
    Rule("layer{stage+1}.{unit}.se.fc2", f"{_SQUEEZE}.expand"),
)

RESNET_DEEP = (
    Rule("conv1.0", "stem.conv1"),
    Rule("conv1.1", "stem.norm1"),
    Rule("conv1.3", "stem.conv2"),
    Rule("conv1.4", "stem.norm2"),
    Rule("conv1.6", "stem.conv"),
    *(rule for rule in RESNET_WITH_EXTRAS if rule.theirs != "conv1"),
)

# In a ResNet-D the pool is counted: it stands before the convolution.
RESNET_DEEP_POOLED = (
    *(rule for rule in RESNET_DEEP if "downsample" not in rule.theirs),
    Rule("layer{stage+1}.{unit}.downsample.1", f"{_UNIT}.shortcut.conv"),
    Rule("layer{stage+1}.{unit}.downsample.2", f"{_UNIT}.shortcut.norm"),
)

LEGACY_SENET = (
    Rule("layer0.conv1", "stem.conv"),
    Rule("layer0.bn1", "stem.norm"),
    Rule("layer{stage+1}.{unit}.conv{i}", f"{_UNIT}.residual.conv{{i}}"),
    Rule("layer{stage+1}.{unit}.bn{i}", f"{_UNIT}.residual.norm{{i}}"),
    Rule("layer{stage+1}.{unit}.se_module.fc1", f"{_SQUEEZE}.reduce"),
    Rule("layer{stage+1}.{unit}.se_module.fc2", f"{_SQUEEZE}.expand"),
    Rule("layer{stage+1}.{unit}.downsample.0", f"{_UNIT}.shortcut.conv"),
    Rule("layer{stage+1}.{unit}.downsample.1", f"{_UNIT}.shortcut.norm"),
    Rule("last_linear", "classifier"),
)

_V2_BODY = (
    Rule("stages.{stage}.blocks.{unit}.norm1", f"{_UNIT}.preactivation.norm"),
    Rule("stages.{stage}.blocks.{unit}.conv{i}", f"{_UNIT}.residual.conv{{i}}"),
    Rule("stages.{stage}.blocks.{unit}.norm2", f"{_UNIT}.residual.norm1"),
    Rule("stages.{stage}.blocks.{unit}.norm3", f"{_UNIT}.residual.norm2"),
    Rule("stages.{stage}.blocks.{unit}.downsample.conv", f"{_UNIT}.shortcut.conv"),
    Rule("norm", "final.norm"),
    Rule("head.fc", "classifier", window=1),
)

RESNET_V2 = (Rule("stem.conv", "stem.conv"), *_V2_BODY)

RESNET_V2_DEEP = (
    Rule("stem.conv1", "stem.conv1"),
    Rule("stem.norm1", "stem.norm1"),
    Rule("stem.conv2", "stem.conv2"),
    Rule("stem.norm2", "stem.norm2"),
    Rule("stem.conv3", "stem.conv"),
    *_V2_BODY,
)

DENSENET_DEEP = (
    Rule("features.conv0", "stem.conv1"),
    Rule("features.norm0", "stem.norm1"),
    Rule("features.conv1", "stem.conv2"),
    Rule("features.norm1", "stem.norm2"),
    Rule("features.conv2", "stem.conv"),
    Rule("features.norm2", "stem.norm"),
    *DENSE_STAGES,
)

# Its hidden layers are convolutions, the first of them over the whole 7x7 map.
VGG_CLASSIFIER = (
    Rule("pre_logits.fc1", "classifier.linear1", window=7),
    Rule("pre_logits.fc2", "classifier.linear2", window=1),
    Rule("head.fc", "classifier.linear3"),
)


def vgg_rules(tensors: Mapping[str, Tensor]) -> Rules:
    """The rules for a VGG, whose layers are numbered through: their tensors or ours tell its depths."""
    return (*numbered_layers(tensors), *VGG_CLASSIFIER)


def _is_legacy_resnet(found: Mapping[str, Any]) -> bool:
    return is_bottleneck(found) and found.get("cardinality", 1) == 1


_LEGACY = (
    Convention("stem_pool", "ceil", "Caffe's max pool: ceil_mode without padding"),
    Convention(
        "stride_on", "first", "the released SE-ResNets stride on the first 1x1", _is_legacy_resnet
    ),
    Convention(
        "stride_on",
        "spatial",
        "the released SE-ResNeXts stride on the 3x3",
        lambda found: found.get("cardinality", 1) > 1,
    ),
)

_OWN = Convention(
    "first_unit",
    "own",
    "the stem is bare and unit 1 pre-activates its branch only",
    lambda found: found.get("first_unit") != "either",
)

_AVERAGED = Convention("shortcut", "B-pool", "its projections read the average of the pixels")

_RESNET_SOURCE = "timm 1.0.31, models/resnet.py"
_RESNET_FAMILIES = ("resnet", "resnext", "wide_resnet_imagenet", "se_resnet")
_V2_SOURCE = "timm 1.0.31, models/resnetv2.py"

TABLES = (
    Table(
        "timm",
        "ResNet",
        _RESNET_SOURCE,
        RESNET_WITH_EXTRAS,
        families=_RESNET_FAMILIES,
        conventions=(STRIDE_ON_3X3,),
    ),
    Table(
        "timm",
        "ResNet with a deep stem",
        _RESNET_SOURCE,
        RESNET_DEEP,
        stems=("deep",),
        families=_RESNET_FAMILIES,
        conventions=(STRIDE_ON_3X3,),
    ),
    Table(
        "timm",
        "ResNet-D",
        _RESNET_SOURCE,
        RESNET_DEEP_POOLED,
        stems=("deep",),
        families=_RESNET_FAMILIES,
        conventions=(STRIDE_ON_3X3, _AVERAGED),
    ),
    Table(
        "timm",
        "legacy SE-ResNet",
        "timm 1.0.31, models/senet.py",
        LEGACY_SENET,
        families=("se_resnet",),
        conventions=_LEGACY,
    ),
    Table(
        "timm",
        "ResNetV2",
        _V2_SOURCE,
        RESNET_V2,
        families=("resnet_v2",),
        conventions=(STRIDE_ON_3X3, _OWN),
    ),
    Table(
        "timm",
        "ResNetV2 with a deep stem",
        _V2_SOURCE,
        RESNET_V2_DEEP,
        stems=("deep",),
        families=("resnet_v2",),
        conventions=(STRIDE_ON_3X3, _OWN),
    ),
    Table(
        "timm",
        "DenseNet",
        "timm 1.0.31, models/densenet.py",
        DENSENET,
        families=("densenet",),
    ),
    Table(
        "timm",
        "DenseNet with a deep stem",
        "timm 1.0.31, models/densenet.py",
        DENSENET_DEEP,
        stems=("deep",),
        families=("densenet",),
    ),
    Table(
        "timm",
        "VGG",
        "timm 1.0.31, models/vgg.py",
        counted=vgg_rules,
        stems=("none",),
        families=("vgg",),
    ),
)
