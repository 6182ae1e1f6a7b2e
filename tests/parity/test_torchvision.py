"""torchvision's networks, with our names for them."""

from __future__ import annotations

from functools import partial
from types import ModuleType

import pytest
import torch

from resnets.weights.from_torchvision import DENSENET, RESNET, vgg_rules

from .comparison import (
    Case,
    assert_identified,
    assert_same_outputs,
    assert_same_training,
    assert_same_weights,
    make_pair,
)

pytestmark = pytest.mark.parity

IMAGES = torch.randn(2, 3, 65, 80, generator=torch.Generator().manual_seed(1))

RESNETS = tuple(
    Case(name, name, RESNET)
    for name in (
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
        "resnext50_32x4d",
        "resnext101_32x8d",
        "resnext101_64x4d",
        "wide_resnet50_2",
        "wide_resnet101_2",
    )
)

DENSENETS = tuple(
    Case(name, name, DENSENET, options=options)
    for name, options in (
        ("densenet121", {}),
        ("densenet121", {"memory_saving": True}),
        ("densenet161", {}),
        ("densenet169", {}),
        ("densenet201", {}),
    )
)

VGGS = tuple(
    Case(
        f"vgg{depth}_bn" if batch_norm else f"vgg{depth}",
        f"vgg{depth}_bn" if batch_norm else f"vgg{depth}",
        vgg_rules,
    )
    for batch_norm in (False, True)
    for depth in (11, 13, 16, 19)
)

CASES = [*RESNETS, *DENSENETS, *VGGS]

TRAINED = (
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "wide_resnet50_2",
    "densenet121",
    "vgg11",
    "vgg11_bn",
)

# torchvision takes, per stage after the first, whether to dilate instead of to stride.
DILATED = tuple(
    Case(
        name,
        name,
        RESNET,
        options={"output_stride": output_stride},
        their_options={"replace_stride_with_dilation": dilate},
        maps={"layer4": "stages"},
    )
    for name in ("resnet50", "resnext50_32x4d", "wide_resnet50_2")
    for output_stride, dilate in (
        (16, (False, False, True)),
        (8, (False, True, True)),
        (4, (True, True, True)),
    )
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_scores(case: Case, torchvision: ModuleType) -> None:
    theirs, ours = make_pair(partial(torchvision.models.get_model, case.theirs), case, IMAGES)
    assert_same_outputs(theirs, ours, IMAGES, case)
    assert_same_weights(theirs, ours, "torchvision")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_identified(case: Case, torchvision: ModuleType) -> None:
    assert_identified(partial(torchvision.models.get_model, case.theirs), case, "torchvision")


@pytest.mark.parametrize("case", [case for case in CASES if case.theirs in TRAINED], ids=str)
def test_training(case: Case, torchvision: ModuleType) -> None:
    theirs, ours = make_pair(partial(torchvision.models.get_model, case.theirs), case, IMAGES)
    assert_same_training(theirs, ours, IMAGES, case)


@pytest.mark.parametrize("case", DILATED, ids=str)
def test_dilation(case: Case, torchvision: ModuleType) -> None:
    make = partial(torchvision.models.get_model, case.theirs, **case.their_options)
    theirs, ours = make_pair(make, case, IMAGES)
    assert_same_outputs(theirs, ours, IMAGES, case)
