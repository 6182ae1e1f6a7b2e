"""timm's networks, with our names and options for them.

Left out:
    legacy_seresnet18, legacy_seresnet34   a ReLU between the last norm and squeeze-and-excitation
    legacy_senet154                        another stem, grouped bottlenecks and 3x3 projections
    resnext101_32x32d                      as resnext101_32x16d, but 1.9 GB
    resnet50s, resnet50t, ...              other stems or pools than ours
    densenetblur121d                       a blur in the stem's pool
    densenets with memory_efficient        recomputing, they count each batch twice in running statistics
"""

from __future__ import annotations

import re
from functools import partial
from types import ModuleType

import pytest
import torch
from torch.nn import functional

import resnets
from resnets.errors import WeightsMismatchError
from resnets.weights.from_timm import (
    DENSENET_DEEP,
    LEGACY_SENET,
    RESNET_DEEP,
    RESNET_DEEP_POOLED,
    RESNET_V2,
    RESNET_V2_DEEP,
    RESNET_WITH_EXTRAS,
    vgg_rules,
)
from resnets.weights.from_torchvision import DENSENET
from resnets.weights.identify import identify

from .comparison import (
    Case,
    assert_identified,
    assert_same,
    assert_same_outputs,
    assert_same_training,
    assert_same_weights,
    make_pair,
)

pytestmark = pytest.mark.parity

IMAGES = torch.randn(2, 3, 65, 80, generator=torch.Generator().manual_seed(1))

RESNETS = tuple(
    Case(name, name, RESNET_WITH_EXTRAS)
    for name in (
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
        "resnet200",
        "resnext50_32x4d",
        "resnext101_32x4d",
        "resnext101_32x8d",
        "resnext101_32x16d",
        "resnext101_64x4d",
        "wide_resnet50_2",
        "wide_resnet101_2",
    )
)

# Their classifier is a 1x1 convolution.
V2_MAP = {"norm": "final"}

DEEP = {"stem": "deep"}
POOLED = {"stem": "deep", "shortcut": "B-pool"}

DEEP_STEMS = (
    Case("resnet18d", "resnet18", RESNET_DEEP_POOLED, options=POOLED),
    Case("resnet50d", "resnet50", RESNET_DEEP_POOLED, options=POOLED),
    Case(
        "resnet50",
        "resnet50",
        RESNET_DEEP,
        options=DEEP,
        their_options={"stem_type": "deep", "stem_width": 32},
    ),
    Case("resnet50c", "resnet50", RESNET_DEEP, options=DEEP),
    Case("resnet101c", "resnet101", RESNET_DEEP, options=DEEP),
    Case("resnet152c", "resnet152", RESNET_DEEP, options=DEEP),
    Case(
        "resnetv2_50",
        "resnetv2_50_timm",
        RESNET_V2_DEEP,
        options=DEEP,
        their_options={"stem_type": "deep"},
        exact=False,
        maps=V2_MAP,
    ),
)

RESNETS_V2 = tuple(
    Case(f"resnetv2_{depth}", f"resnetv2_{depth}_timm", RESNET_V2, exact=False, maps=V2_MAP)
    for depth in (18, 34, 50, 101, 152)
)

SE_RESNETS = (
    Case("seresnet18", "seresnet18_timm", RESNET_WITH_EXTRAS),
    Case("seresnet34", "seresnet34_timm", RESNET_WITH_EXTRAS),
    *(
        Case(name, name, RESNET_WITH_EXTRAS)
        for name in (
            "seresnet50",
            "seresnet101",
            "seresnet152",
            "seresnext50_32x4d",
            "seresnext101_32x4d",
            "seresnext101_32x8d",
            "seresnext101_64x4d",
        )
    ),
)

LEGACY_SE_RESNETS = tuple(
    Case(
        theirs,
        ours,
        LEGACY_SENET,
        options={"stem_pool": "ceil"},
        their_options={"drop_rate": 0.0},
    )
    for theirs, ours in (
        ("legacy_seresnet50", "seresnet50_v1"),
        ("legacy_seresnet101", "seresnet101_v1"),
        ("legacy_seresnet152", "seresnet152_v1"),
        ("legacy_seresnext50_32x4d", "seresnext50_32x4d"),
        ("legacy_seresnext101_32x4d", "seresnext101_32x4d"),
    )
)

DENSENETS = (
    *(
        Case(name, name, DENSENET)
        for name in ("densenet121", "densenet161", "densenet169", "densenet201")
    ),
    Case(
        "densenet264d",
        "densenet264",
        DENSENET_DEEP,
        options={"growth_rate": 48, "stem": "deep", "stem_channels": 96},
    ),
)

# Their hidden layers are convolutions over the whole map.
VGGS = tuple(
    Case(
        f"vgg{depth}_bn" if batch_norm else f"vgg{depth}",
        f"vgg{depth}_bn" if batch_norm else f"vgg{depth}",
        vgg_rules,
        options={"dropout": 0.0},
        exact=False,
        maps={"features": "final"},
    )
    for batch_norm in (False, True)
    for depth in (11, 13, 16, 19)
)

CASES = [*RESNETS, *DEEP_STEMS, *RESNETS_V2, *SE_RESNETS, *LEGACY_SE_RESNETS, *DENSENETS, *VGGS]

# Not vgg11_bn: a bias before a norm has no gradient but rounding errors.
TRAINED = (
    "resnet50",
    "resnext50_32x4d",
    "resnetv2_18",
    "resnetv2_50",
    "seresnet18",
    "seresnext50_32x4d",
    "legacy_seresnet50",
    "wide_resnet50_2",
    "densenet121",
    "vgg11",
)

DILATED = tuple(
    Case(
        case.theirs,
        case.ours,
        case.rules,
        options={"output_stride": output_stride},
        their_options={"output_stride": output_stride},
        exact=case.exact,
        maps=case.maps or {"layer4": "stages"},
    )
    for case in (*RESNETS, *SE_RESNETS, *RESNETS_V2)
    if case.theirs in ("resnet18", "resnet50", "seresnext50_32x4d", "resnetv2_18", "resnetv2_50")
    for output_stride in (16, 8)
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_scores(case: Case, timm: ModuleType) -> None:
    make = partial(timm.create_model, case.theirs, **case.their_options)
    theirs, ours = make_pair(make, case, IMAGES)
    assert_same_outputs(theirs, ours, IMAGES, case)
    assert_same_weights(theirs, ours, "timm")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_identified(case: Case, timm: ModuleType) -> None:
    make = partial(timm.create_model, case.theirs, **case.their_options)
    assert_identified(make, case, "timm")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("legacy_seresnet18", "it has a ReLU between the last norm and squeeze-and-excitation"),
        ("legacy_seresnet34", "it has a ReLU between the last norm and squeeze-and-excitation"),
        ("legacy_senet154", "its stem has three convolutions and its projections are 3x3"),
        (
            "resnetv2_50x1_bit",
            "it normalises groups of channels and standardises the weights of its convolutions",
        ),
    ],
)
def test_refused(name: str, reason: str, timm: ModuleType) -> None:
    with torch.device("meta"):
        weights = timm.create_model(name).state_dict()
    with pytest.raises(WeightsMismatchError, match=f"which no architecture here computes: {reason}$"):
        identify(weights)


@pytest.mark.parametrize("case", [case for case in CASES if case.theirs in TRAINED], ids=str)
def test_training(case: Case, timm: ModuleType) -> None:
    make = partial(timm.create_model, case.theirs, **case.their_options)
    theirs, ours = make_pair(make, case, IMAGES)
    assert_same_training(theirs, ours, IMAGES, case)


@pytest.mark.parametrize("case", DILATED, ids=str)
def test_dilation(case: Case, timm: ModuleType) -> None:
    make = partial(timm.create_model, case.theirs, **case.their_options)
    theirs, ours = make_pair(make, case, IMAGES)
    assert_same_outputs(theirs, ours, IMAGES, case)


@pytest.mark.parametrize(
    ("case", "last"),
    [
        (Case("resnet50", "resnet50", RESNET_WITH_EXTRAS), "stages.3"),
        (Case("resnetv2_50", "resnetv2_50_timm", RESNET_V2), "stages.3"),
        (Case("densenet121", "densenet121", DENSENET), "final"),
    ],
    ids=str,
)
def test_features(case: Case, last: str, timm: ModuleType) -> None:
    theirs, ours = make_pair(partial(timm.create_model, case.theirs), case, IMAGES)
    their_features = timm.create_model(case.theirs, features_only=True)
    named = {
        re.sub(r"^(stages|stem|features)\.", r"\1_", name): tensor
        for name, tensor in theirs.state_dict().items()
    }
    their_features.load_state_dict({name: named[name] for name in their_features.state_dict()})
    our_features = resnets.create_model(case.ours, features_only=True)
    named = ours.state_dict()
    our_features.load_state_dict({name: named[name] for name in our_features.state_dict()})
    with torch.no_grad():
        before_pool, *their_maps = their_features.eval()(IMAGES)
        our_maps = our_features.eval()(IMAGES)
    their_maps.insert(0, functional.max_pool2d(before_pool, 3, stride=2, padding=1))
    names = ["stem", "stages.0", "stages.1", "stages.2", last]
    for name, their_map in zip(names, their_maps, strict=True):
        assert_same(our_maps[name], their_map, exact=True, what=name)
