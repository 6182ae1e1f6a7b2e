"""torchvision's names of tensors.

ResNet, ResNeXt and Wide ResNet, DenseNet and VGG as of torchvision 0.28. The published DenseNet files
still have older names (`norm.1` for `norm1`), which torchvision renames too (densenet.py,
`_load_state_dict`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from resnets.weights.layout import Convention, Table
from resnets.weights.renaming import Rule, Rules

if TYPE_CHECKING:
    from torch import Tensor

_UNIT = "stages.{stage}.units.{unit}"

RESNET = (
    Rule("conv1", "stem.conv"),
    Rule("bn1", "stem.norm"),
    Rule("layer{stage+1}.{unit}.conv{i}", f"{_UNIT}.residual.conv{{i}}"),
    Rule("layer{stage+1}.{unit}.bn{i}", f"{_UNIT}.residual.norm{{i}}"),
    Rule("layer{stage+1}.{unit}.downsample.0", f"{_UNIT}.shortcut.conv"),
    Rule("layer{stage+1}.{unit}.downsample.1", f"{_UNIT}.shortcut.norm"),
    Rule("fc", "classifier"),
)

_DENSE_UNIT = "features.denseblock{stage+1}.denselayer{unit+1}"

DENSE_STAGES = (
    Rule(f"{_DENSE_UNIT}.norm1", f"{_UNIT}.preactivation.norm"),
    Rule(f"{_DENSE_UNIT}.conv{{i}}", f"{_UNIT}.residual.conv{{i}}"),
    Rule(f"{_DENSE_UNIT}.norm2", f"{_UNIT}.residual.norm1"),
    Rule("features.transition{stage}.norm", "stages.{stage}.transition.norm"),
    Rule("features.transition{stage}.conv", "stages.{stage}.transition.conv"),
    Rule("features.norm5", "final.norm"),
    Rule("classifier", "classifier"),
)

DENSENET = (
    Rule("features.conv0", "stem.conv"),
    Rule("features.norm0", "stem.norm"),
    *DENSE_STAGES,
)

_OLD_DENSE_NAME = re.compile(r"(.*denselayer[0-9]+\.(?:norm|conv))\.([12]\.[a-z_]+)")

VGG_CLASSIFIER = (
    Rule("classifier.0", "classifier.linear1"),
    Rule("classifier.3", "classifier.linear2"),
    Rule("classifier.6", "classifier.linear3"),
)


def modern_name(name: str) -> str:
    """Today's name of a tensor in a DenseNet file of 2017; other names stay.

    Example:
        >>> modern_name("features.denseblock1.denselayer2.norm.1.weight")
        'features.denseblock1.denselayer2.norm1.weight'
    """
    match = _OLD_DENSE_NAME.fullmatch(name)
    return match[1] + match[2] if match else name


def vgg_rules(tensors: Mapping[str, Tensor]) -> Rules:
    """The rules for a VGG, whose layers are numbered through: their tensors or ours tell its depths."""
    return (*numbered_layers(tensors), *VGG_CLASSIFIER)


def numbered_layers(tensors: Mapping[str, Tensor]) -> Iterator[Rule]:
    """Rules for convolution, norm if there is one, activation, ..., and a pool after each stage."""
    depths, batch_norm = _vgg_depths(tensors)
    number = 0
    for stage, num_units in enumerate(depths):
        for unit in range(num_units):
            residual = f"stages.{stage}.units.{unit}.residual"
            yield Rule(f"features.{number}", f"{residual}.conv1")
            if batch_norm:
                yield Rule(f"features.{number + 1}", f"{residual}.norm1")
            number += 3 if batch_norm else 2
        number += 1


def _vgg_depths(tensors: Mapping[str, Tensor]) -> tuple[list[int], bool]:
    ours = [re.match(r"stages\.(\d+)\.units\.\d+\.residual\.conv1\.weight", name) for name in tensors]
    if stages := [int(match[1]) for match in ours if match]:
        batch_norm = "stages.0.units.0.residual.norm1.running_mean" in tensors
        return [stages.count(stage) for stage in range(max(stages) + 1)], batch_norm
    theirs = [(re.fullmatch(r"features\.(\d+)\.weight", name), t) for name, t in tensors.items()]
    numbers = sorted(int(match[1]) for match, tensor in theirs if match and tensor.ndim == 4)
    batch_norm = "features.1.running_mean" in tensors
    depths = [1]
    for before, number in pairwise(numbers):
        if number - before == (3 if batch_norm else 2):
            depths[-1] += 1
        else:
            depths.append(1)
    return depths, batch_norm


def is_bottleneck(found: Mapping[str, object]) -> bool:
    """Whether a network's units have a 1x1 convolution first, so that it matters which one strides."""
    kernel_sizes = found.get("kernel_sizes", ())
    return isinstance(kernel_sizes, tuple) and kernel_sizes[:1] == (1,)


STRIDE_ON_3X3 = Convention(
    "stride_on", "spatial", "bottlenecks stride on the 3x3 in its code (v1.5)", is_bottleneck
)

TABLES = (
    Table(
        "torchvision",
        "ResNet",
        "torchvision 0.28, models/resnet.py",
        RESNET,
        conventions=(STRIDE_ON_3X3,),
    ),
    Table(
        "torchvision",
        "DenseNet",
        "torchvision 0.28, models/densenet.py",
        DENSENET,
        families=("densenet",),
    ),
    Table(
        "torchvision",
        "VGG",
        "torchvision 0.28, models/vgg.py",
        counted=vgg_rules,
        stems=("none",),
        families=("vgg",),
    ),
)
