"""pytorchcv's networks, with our names and options for them.

Left out:
    preresnet18, ..., preresnet200b   norm both at the end of the stem and before the first unit
    wrn50_2                           convolutions with biases, no norms
    bn_vgg11, ..., bn_vgg19           no biases in the convolutions
    seresnet164bn_cifar10, ...        no SE-ResNet with CIFAR bottlenecks has a name here
    *_cifar100, *_svhn, *_cub         as *_cifar10 and ImageNet's, but for the number of classes
"""

from __future__ import annotations

from functools import partial
from types import ModuleType

import pytest
import torch

from resnets.weights.from_pytorchcv import (
    CIFAR_DENSENET,
    CIFAR_DENSENET_BC,
    CIFAR_RESNET,
    CIFAR_RESNET_V2,
    DENSENET,
    RESNET,
    VGG,
)

from .comparison import (
    Case,
    assert_identified,
    assert_same_outputs,
    assert_same_training,
    assert_same_weights,
    make_pair,
)

pytestmark = pytest.mark.parity

# The pools of pytorchcv's networks have fixed sizes.
IMAGENET_IMAGES = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
CIFAR_IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))

# Their last pool adds in another order than ours, so that only the map before it is the same.
IMAGENET_MAP = {"features.stage4": "stages"}
CIFAR_MAP = {"features.stage3": "stages"}
PREACTIVATED_MAP = {"features.post_activ": "final"}

RESNETS = tuple(
    Case(theirs, ours, RESNET, options=options, exact=False, maps=IMAGENET_MAP)
    for theirs, ours, options in (
        ("resnet18", "resnet18", {}),
        ("resnet34", "resnet34", {}),
        ("resnet50", "resnet50_v1", {}),
        ("resnet101", "resnet101_v1", {}),
        ("resnet152", "resnet152_v1", {}),
        ("resnet200", "resnet200", {"stride_on": "first"}),
        ("resnet50b", "resnet50", {}),
        ("resnet101b", "resnet101", {}),
        ("resnet152b", "resnet152", {}),
        ("resnet200b", "resnet200", {}),
        ("resnext50_32x4d", "resnext50_32x4d", {}),
        ("resnext101_32x4d", "resnext101_32x4d", {}),
        ("resnext101_64x4d", "resnext101_64x4d", {}),
        ("seresnet18", "seresnet18", {}),
        ("seresnet34", "seresnet34", {}),
        ("seresnet50", "seresnet50_v1", {}),
        ("seresnet101", "seresnet101_v1", {}),
        ("seresnet152", "seresnet152_v1", {}),
        ("seresnet50b", "seresnet50", {}),
        ("seresnet101b", "seresnet101", {}),
        ("seresnet152b", "seresnet152", {}),
        ("seresnet200", "seresnet200", {"stride_on": "first"}),
        ("seresnet200b", "seresnet200", {}),
        ("seresnext50_32x4d", "seresnext50_32x4d", {}),
        ("seresnext101_32x4d", "seresnext101_32x4d", {}),
        ("seresnext101_64x4d", "seresnext101_64x4d", {}),
    )
)

# Their shortcuts project wherever the shape changes; their bottlenecks stride on the 3x3.
OPTION_B = {"shortcut": "B"}
SPATIAL = {"stride_on": "spatial"}

CIFAR_RESNETS = tuple(
    Case(
        f"{theirs}_cifar10",
        ours,
        CIFAR_RESNET,
        options=options,
        exact=False,
        maps=CIFAR_MAP,
    )
    for theirs, ours, options in (
        ("resnet20", "resnet20", OPTION_B),
        ("resnet56", "resnet56", OPTION_B),
        ("resnet110", "resnet110", OPTION_B),
        ("resnet1202", "resnet1202", OPTION_B),
        ("resnet164bn", "resnet164_bottleneck", SPATIAL),
        ("resnet272bn", "resnet272_bottleneck", SPATIAL),
        ("resnet542bn", "resnet542_bottleneck", SPATIAL),
        ("resnet1001", "resnet1001_bottleneck", SPATIAL),
        ("resnext20_16x4d", "resnext20_16x4d", {}),
        ("resnext20_32x2d", "resnext20_32x2d", {}),
        ("resnext20_32x4d", "resnext20_32x4d", {}),
        ("resnext29_32x4d", "resnext29_32x4d", {}),
        ("resnext29_16x64d", "resnext29_16x64d", {}),
        ("resnext272_1x64d", "resnext272_1x64d", {}),
        ("resnext272_2x32d", "resnext272_2x32d", {}),
        ("seresnet20", "seresnet20", OPTION_B),
        ("seresnet56", "seresnet56", OPTION_B),
        ("seresnet110", "seresnet110", OPTION_B),
        ("seresnet1202", "seresnet1202", OPTION_B),
    )
)

# The first unit pre-activates its branch only, unless it projects.
BASIC_V2 = {"shortcut": "B", "first_unit": "own"}

CIFAR_RESNETS_V2 = tuple(
    Case(
        f"{theirs}_cifar10",
        ours,
        CIFAR_RESNET_V2,
        options=options,
        exact=False,
        maps=PREACTIVATED_MAP,
    )
    for theirs, ours, options in (
        ("preresnet20", "resnetv2_20_basic", BASIC_V2),
        ("preresnet56", "resnetv2_56_basic", BASIC_V2),
        ("preresnet110", "resnetv2_110", BASIC_V2),
        ("preresnet1202", "resnetv2_1202_basic", BASIC_V2),
        ("preresnet164bn", "resnetv2_164", SPATIAL),
        ("preresnet272bn", "resnetv2_272", SPATIAL),
        ("preresnet542bn", "resnetv2_542", SPATIAL),
        ("preresnet1001", "resnetv2_1001", SPATIAL),
    )
)

WIDE_RESNETS = tuple(
    Case(f"{theirs}_cifar10", ours, CIFAR_RESNET_V2, exact=False, maps=PREACTIVATED_MAP)
    for theirs, ours in (
        ("wrn16_10", "wrn-16-10"),
        ("wrn28_10", "wrn-28-10"),
        ("wrn40_8", "wrn-40-8"),
    )
)

DENSENETS = tuple(
    Case(name, name, DENSENET, exact=False, maps=PREACTIVATED_MAP)
    for name in ("densenet121", "densenet161", "densenet169", "densenet201")
)

# Their transitions halve the channels and their stems have 2k, bottlenecks or not.
CIFAR_DENSENETS = tuple(
    Case(
        f"{theirs}_cifar10",
        ours,
        CIFAR_DENSENET_BC if theirs.endswith("bc") else CIFAR_DENSENET,
        options=options,
        exact=False,
        maps=PREACTIVATED_MAP,
    )
    for theirs, ours, options in (
        ("densenet40_k12", "densenet-40-12", {"compression": 0.5, "stem_channels": 24}),
        ("densenet100_k12", "densenet-100-12", {"compression": 0.5, "stem_channels": 24}),
        ("densenet100_k24", "densenet-100-24", {"compression": 0.5, "stem_channels": 48}),
        ("densenet40_k12_bc", "densenet-bc-40-12", {}),
        ("densenet40_k24_bc", "densenet-bc-40-24", {}),
        ("densenet40_k36_bc", "densenet-bc-40-36", {}),
        ("densenet100_k12_bc", "densenet-bc-100-12", {}),
        ("densenet190_k40_bc", "densenet-bc-190-40", {}),
        ("densenet250_k24_bc", "densenet-bc-250-24", {}),
    )
)

VGGS = tuple(
    Case(theirs, ours, VGG)
    for depth in (11, 13, 16, 19)
    for theirs, ours in ((f"vgg{depth}", f"vgg{depth}"), (f"bn_vgg{depth}b", f"vgg{depth}_bn"))
)

CASES = [
    *RESNETS,
    *DENSENETS,
    *VGGS,
    *CIFAR_RESNETS,
    *CIFAR_RESNETS_V2,
    *WIDE_RESNETS,
    *CIFAR_DENSENETS,
]

TRAINED = (
    "resnet50",
    "seresnet18",
    "vgg11",
    "bn_vgg11b",
    "resnet20_cifar10",
    "resnet164bn_cifar10",
    "resnext20_16x4d_cifar10",
    "preresnet20_cifar10",
    "preresnet164bn_cifar10",
    "seresnet20_cifar10",
    "wrn16_10_cifar10",
    "densenet121",
    "densenet40_k12_cifar10",
    "densenet40_k12_bc_cifar10",
)


def _images(case: Case) -> torch.Tensor:
    return CIFAR_IMAGES if case.theirs.endswith("cifar10") else IMAGENET_IMAGES


@pytest.mark.parametrize("case", CASES, ids=str)
def test_scores(case: Case, pytorchcv: ModuleType) -> None:
    images = _images(case)
    theirs, ours = make_pair(partial(pytorchcv.get_model, case.theirs), case, images)
    assert_same_outputs(theirs, ours, images, case)
    assert_same_weights(theirs, ours, "pytorchcv")


# A ResNeXt of one path is a ResNet.
ONE_PATH = "resnext272_1x64d_cifar10"


@pytest.mark.parametrize("case", [case for case in CASES if case.theirs != ONE_PATH], ids=str)
def test_identified(case: Case, pytorchcv: ModuleType) -> None:
    # Names that end in 'b' are the only sign of the place of the stride.
    is_b = case.theirs.endswith("b") and "vgg" not in case.theirs
    known = {"stride_on": "spatial"} if is_b else {}
    assert_identified(partial(pytorchcv.get_model, case.theirs), case, "pytorchcv", known=known)


@pytest.mark.parametrize("case", [case for case in CASES if case.theirs in TRAINED], ids=str)
def test_training(case: Case, pytorchcv: ModuleType) -> None:
    images = _images(case)
    theirs, ours = make_pair(partial(pytorchcv.get_model, case.theirs), case, images)
    assert_same_training(theirs, ours, images, case)
