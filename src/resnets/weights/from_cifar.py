"""How the common re-implementations for CIFAR name tensors.

    akamaster/pytorch_resnet_cifar10    ResNets with shortcuts A (nothing stored) or B, `linear`
    kuangliu/pytorch-cifar              ResNets of four stages, PreActResNets that end without a norm,
                                        DenseNets that put new channels first
    bearpaw/pytorch-classification      ResNets with torchvision's names, PreResNets whose projections
                                        read the raw input, DenseNets
    chenyaofo/pytorch-cifar-models      ResNets with torchvision's names
    xternalz/WideResNet-pytorch         Wide ResNets
    weiaicunzai/pytorch-cifar100        ResNets of four stages

Others of theirs compute what no network here does; `unsupported` says which and why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from resnets.data.preprocessing_policy import Preprocessing
from resnets.weights import from_torchvision
from resnets.weights.from_pytorchcv import CIFAR_10
from resnets.weights.from_torchvision import is_bottleneck
from resnets.weights.layout import Convention, Table
from resnets.weights.renaming import Rule

if TYPE_CHECKING:
    from torch import Tensor

_UNIT = "stages.{stage}.units.{unit}"

SHORTCUT_RESNET = (
    Rule("conv1", "stem.conv"),
    Rule("bn1", "stem.norm"),
    Rule("layer{stage+1}.{unit}.conv{i}", f"{_UNIT}.residual.conv{{i}}"),
    Rule("layer{stage+1}.{unit}.bn{i}", f"{_UNIT}.residual.norm{{i}}"),
    Rule("layer{stage+1}.{unit}.shortcut.0", f"{_UNIT}.shortcut.conv"),
    Rule("layer{stage+1}.{unit}.shortcut.1", f"{_UNIT}.shortcut.norm"),
    Rule("linear", "classifier"),
)

_PREACTIVATION_UNITS = (
    Rule("conv1", "stem.conv"),
    Rule("layer{stage+1}.{unit}.bn1", f"{_UNIT}.preactivation.norm"),
    Rule("layer{stage+1}.{unit}.conv{i}", f"{_UNIT}.residual.conv{{i}}"),
    Rule("layer{stage+1}.{unit}.bn2", f"{_UNIT}.residual.norm1"),
    Rule("layer{stage+1}.{unit}.bn3", f"{_UNIT}.residual.norm2"),
)

PREACT_RESNET = (
    *_PREACTIVATION_UNITS,
    Rule("layer{stage+1}.{unit}.shortcut.0", f"{_UNIT}.shortcut.conv"),
    Rule("linear", "classifier"),
)

PRERESNET = (
    *_PREACTIVATION_UNITS,
    Rule("layer{stage+1}.{unit}.downsample.0", f"{_UNIT}.shortcut.conv"),
    Rule("bn", "final.norm"),
    Rule("fc", "classifier"),
)

WIDE_RESNET = (
    Rule("conv1", "stem.conv"),
    Rule("block{stage+1}.layer.{unit}.bn1", f"{_UNIT}.preactivation.norm"),
    Rule("block{stage+1}.layer.{unit}.conv{i}", f"{_UNIT}.residual.conv{{i}}"),
    Rule("block{stage+1}.layer.{unit}.bn2", f"{_UNIT}.residual.norm1"),
    Rule("block{stage+1}.layer.{unit}.convShortcut", f"{_UNIT}.shortcut.conv"),
    Rule("bn1", "final.norm"),
    Rule("fc", "classifier"),
)

# The first stage is called conv2_x, as in the paper's table 1.
SEQUENTIAL_RESNET = (
    Rule("conv1.0", "stem.conv"),
    Rule("conv1.1", "stem.norm"),
    Rule("conv{stage+2}_x.{unit}.residual_function.{i*3-3}", f"{_UNIT}.residual.conv{{i}}"),
    Rule("conv{stage+2}_x.{unit}.residual_function.{i*3-2}", f"{_UNIT}.residual.norm{{i}}"),
    Rule("conv{stage+2}_x.{unit}.shortcut.0", f"{_UNIT}.shortcut.conv"),
    Rule("conv{stage+2}_x.{unit}.shortcut.1", f"{_UNIT}.shortcut.norm"),
    Rule("fc", "classifier"),
)

_DENSE_UNITS = (
    Rule("conv1", "stem.conv"),
    Rule("dense{stage+1}.{unit}.bn1", f"{_UNIT}.preactivation.norm"),
    Rule("dense{stage+1}.{unit}.conv{i}", f"{_UNIT}.residual.conv{{i}}"),
    Rule("dense{stage+1}.{unit}.bn2", f"{_UNIT}.residual.norm1"),
    Rule("bn", "final.norm"),
)

DENSENET_NEW_FIRST = (
    *_DENSE_UNITS,
    Rule("trans{stage}.bn", "stages.{stage}.transition.norm"),
    Rule("trans{stage}.conv", "stages.{stage}.transition.conv"),
    Rule("linear", "classifier"),
)

DENSENET = (
    *_DENSE_UNITS,
    Rule("trans{stage}.bn1", "stages.{stage}.transition.norm"),
    Rule("trans{stage}.conv1", "stages.{stage}.transition.conv"),
    Rule("fc", "classifier"),
)


def append_new_channels(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Reorder a DenseNet's channels from newest first to newest last, ours."""
    return _reorder(tensors, to_ours=True)


def prepend_new_channels(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Reorder a DenseNet's channels from newest last, ours, to newest first."""
    return _reorder(tensors, to_ours=False)


def _reorder(tensors: Mapping[str, Tensor], *, to_ours: bool) -> dict[str, Tensor]:
    import torch

    reordered = dict(tensors)
    for name, entering, growth, num_added in _readers(tensors):
        ends = [entering + growth * i for i in range(num_added + 1)]
        runs = [range(entering), *(range(a, a + growth) for a in ends[:-1])]
        # Where each of our channels is among theirs: their runs are ours in reverse order.
        total, order, start = ends[-1], [0] * ends[-1], 0
        for run in reversed(runs):
            for offset, channel in enumerate(run):
                order[channel if to_ours else start + offset] = start + offset if to_ours else channel
            start += len(run)
        axis = 1 if tensors[name].ndim > 1 else 0
        if tensors[name].ndim and tensors[name].shape[axis] == total:
            reordered[name] = tensors[name].index_select(axis, torch.tensor(order))
    return reordered


def _readers(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, int, int, int]]:
    """Tensors over concatenated channels: name, channels entering the stage, growth, units before."""
    depths: dict[int, int] = {}
    for name in tensors:
        if match := re.match(r"stages\.(\d+)\.units\.(\d+)\.", name):
            depths[int(match[1])] = max(depths.get(int(match[1]), 0), int(match[2]) + 1)
    entering = {s: tensors[f"stages.{s}.units.0.preactivation.norm.weight"].shape[0] for s in depths}
    last = "conv2" if "stages.0.units.0.residual.conv2.weight" in tensors else "conv1"
    growth = tensors[f"stages.0.units.0.residual.{last}.weight"].shape[0]
    unit = re.compile(r"stages\.(\d+)\.units\.(\d+)\.(?:preactivation\.norm|residual\.conv1)\.\w+")
    for name in tensors:
        if match := unit.fullmatch(name):
            yield name, entering[int(match[1])], growth, int(match[2])
        elif match := re.match(r"stages\.(\d+)\.transition\.", name):
            stage = int(match[1]) - 1
            yield name, entering[stage], growth, depths[stage]
        elif name.startswith(("final.norm.", "classifier.weight")):
            stage = max(depths)
            yield name, entering[stage], growth, depths[stage]


_SPATIAL = Convention("stride_on", "spatial", "its bottlenecks stride on the 3x3", is_bottleneck)

_B = Convention(
    "shortcut",
    "B",
    "it projects where the shape changes and nowhere else",
    lambda found: found.get("shortcut", "B") != "B",
)

AKAMASTER = Preprocessing(image_size=32)
"""ImageNet's mean and std, as its trainer.py has them."""

XTERNALZ = Preprocessing(
    image_size=32,
    mean=(125.3 / 255, 123.0 / 255, 113.9 / 255),
    std=(63.0 / 255, 62.1 / 255, 66.7 / 255),
)

WEIAICUNZAI = Preprocessing(image_size=32, mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762))
"""Of CIFAR-100's training images, conf/global_settings.py, rounded."""

TABLES = (
    # First, as the ResNets' tables know these names too: of two near misses, the first is told.
    Table(
        "cifar",
        "PreActResNet, kuangliu/pytorch-cifar",
        "kuangliu/pytorch-cifar, models/preact_resnet.py and main.py",
        PREACT_RESNET,
        stems=("cifar",),
        families=("resnet_v2",),
        conventions=(
            _B,
            _SPATIAL,
            Convention(
                "first_unit",
                "own",
                "unit 1 pre-activates its branch only, unless it projects",
                lambda found: found.get("first_unit") != "either",
            ),
            Convention(
                "shortcut_input", "preactivated", "its projections read the input after norm and ReLU"
            ),
        ),
        preprocessing=CIFAR_10,
    ),
    Table(
        "cifar",
        "PreResNet, bearpaw/pytorch-classification",
        "bearpaw/pytorch-classification, models/cifar/preresnet.py and cifar.py",
        PRERESNET,
        stems=("cifar",),
        families=("resnet_v2",),
        conventions=(
            _B,
            _SPATIAL,
            Convention("first_unit", "own", "every unit pre-activates its branch only"),
            Convention("shortcut_input", "raw", "its projections read the input before norm and ReLU"),
        ),
        preprocessing=CIFAR_10,
    ),
    Table(
        "cifar",
        "ResNet of three stages, akamaster/pytorch_resnet_cifar10",
        "akamaster/pytorch_resnet_cifar10, resnet.py and trainer.py",
        SHORTCUT_RESNET,
        stems=("cifar",),
        num_stages=(3,),
        families=("resnet",),
        conventions=(
            Convention(
                "shortcut",
                "A",
                "no projections are stored; it pads with zero channels on both sides",
                lambda found: str(found.get("shortcut", "")).startswith("A"),
            ),
            _SPATIAL,
        ),
        preprocessing=AKAMASTER,
    ),
    Table(
        "cifar",
        "ResNet of four stages, kuangliu/pytorch-cifar",
        "kuangliu/pytorch-cifar, models/resnet.py and main.py",
        SHORTCUT_RESNET,
        stems=("cifar",),
        families=("resnet", "resnext"),
        conventions=(_SPATIAL,),
        preprocessing=CIFAR_10,
    ),
    Table(
        "cifar",
        "ResNet with torchvision's names",
        "bearpaw/pytorch-classification, models/cifar/resnet.py; chenyaofo/pytorch-cifar-models",
        from_torchvision.RESNET,
        stems=("cifar",),
        families=("resnet", "resnext", "wide_resnet_imagenet"),
        conventions=(
            Convention(
                "shortcut",
                "A",
                "no projections are stored; the most copied code pads on both sides",
                lambda found: str(found.get("shortcut", "")).startswith("A"),
            ),
            _SPATIAL,
        ),
        preprocessing=CIFAR_10,
    ),
    Table(
        "cifar",
        "Wide ResNet, xternalz/WideResNet-pytorch",
        "xternalz/WideResNet-pytorch, wideresnet.py and train.py",
        WIDE_RESNET,
        stems=("cifar",),
        families=("wide_resnet",),
        preprocessing=XTERNALZ,
        family="wide_resnet",
    ),
    Table(
        "cifar",
        "ResNet, weiaicunzai/pytorch-cifar100",
        "weiaicunzai/pytorch-cifar100, models/resnet.py and conf/global_settings.py",
        SEQUENTIAL_RESNET,
        stems=("cifar",),
        families=("resnet",),
        conventions=(_SPATIAL,),
        preprocessing=WEIAICUNZAI,
    ),
    Table(
        "cifar",
        "DenseNet, kuangliu/pytorch-cifar",
        "kuangliu/pytorch-cifar, models/densenet.py and main.py",
        DENSENET_NEW_FIRST,
        stems=("cifar",),
        families=("densenet",),
        preprocessing=CIFAR_10,
        to_ours=append_new_channels,
        to_theirs=prepend_new_channels,
    ),
    Table(
        "cifar",
        "DenseNet, bearpaw/pytorch-classification",
        "bearpaw/pytorch-classification, models/cifar/densenet.py",
        DENSENET,
        stems=("cifar",),
        families=("densenet",),
        preprocessing=CIFAR_10,
    ),
)
