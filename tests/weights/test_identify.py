"""Weights of many networks under other names: the names are taken away, and found again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import resnets
from resnets.errors import UnknownNameError, UnsupportedError, WeightsMismatchError
from resnets.registry import find_architecture
from resnets.weights.identify import LAYOUTS, identify
from resnets.weights.to_layout import to_layout

Weights = dict[str, Tensor]


def weights_of(name: str, layout: str, **options: Any) -> Weights:
    """The weights of one of our networks, with the names of a layout and no values."""
    with torch.device("meta"):
        return to_layout(resnets.create_model(name, **options), layout)


# Architecture, its options as found, and the layouts that have such a network.
NETWORKS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("resnet18", {}, ("torchvision", "timm", "pytorchcv")),
    ("resnet50", {}, ("torchvision", "timm")),
    ("resnet50_v1", {}, ("pytorchcv",)),
    ("resnet152", {"num_classes": 37}, ("torchvision", "timm")),
    ("resnet18", {"depths": (1, 2, 3, 1), "in_channels": 1}, ("torchvision",)),
    ("resnet34", {"widths": (32, 64, 128, 256)}, ("torchvision",)),
    ("resnet18", {"stem": "deep", "shortcut": "B-pool"}, ("timm",)),
    ("resnet18", {"stem": "cifar", "num_classes": 10}, ("cifar",)),
    ("resnet50", {"stem": "deep"}, ("timm",)),
    ("resnet20", {}, ("cifar",)),
    ("resnet110", {"shortcut": "B", "num_classes": 100}, ("cifar", "pytorchcv")),
    ("resnet44", {}, ("cifar",)),
    ("resnet164_bottleneck", {"stride_on": "spatial"}, ("cifar", "pytorchcv")),
    ("resnext50_32x4d", {}, ("torchvision", "timm", "pytorchcv")),
    ("resnext101_64x4d", {"num_classes": 5}, ("torchvision", "timm", "pytorchcv")),
    ("resnext50_8x14d", {}, ("torchvision",)),
    ("resnext29_16x64d", {}, ("pytorchcv",)),
    ("wide_resnet50_2", {}, ("torchvision", "timm")),
    ("wide_resnet50_2", {"width_factor": 3}, ("torchvision",)),
    ("seresnet50", {}, ("timm",)),
    ("seresnet50_v1", {}, ("pytorchcv",)),
    ("seresnet50_v1", {"stem_pool": "ceil"}, ("timm",)),
    ("seresnext50_32x4d", {}, ("timm", "pytorchcv")),
    ("seresnet18_timm", {}, ("timm",)),
    ("resnetv2_50_timm", {}, ("timm",)),
    ("resnetv2_164", {"stride_on": "spatial"}, ("pytorchcv",)),
    ("resnetv2_18_timm", {"stem": "cifar", "final_norm": False}, ("cifar",)),
    ("resnetv2_50_timm", {"stem": "cifar", "final_norm": False, "num_classes": 10}, ("cifar",)),
    ("resnetv2_110", {"shortcut": "B", "first_unit": "own", "shortcut_input": "raw"}, ("cifar",)),
    (
        "resnetv2_164",
        {"stride_on": "spatial", "first_unit": "own", "shortcut_input": "raw", "num_classes": 100},
        ("cifar",),
    ),
    ("wrn-28-10", {}, ("cifar", "pytorchcv")),
    ("wrn-40-4", {"num_classes": 100}, ("cifar", "pytorchcv")),
    ("wrn-40-1", {}, ("cifar",)),
    ("densenet121", {}, ("torchvision", "timm", "pytorchcv")),
    ("densenet161", {"num_classes": 3}, ("torchvision", "timm", "pytorchcv")),
    ("densenet-bc-100-12", {}, ("pytorchcv",)),
    ("densenet-40-12", {"compression": 0.5, "stem_channels": 24}, ("pytorchcv",)),
    ("vgg16", {}, ("torchvision", "timm", "pytorchcv")),
    ("vgg11_bn", {"num_classes": 10}, ("torchvision", "timm", "pytorchcv")),
    ("vgg16_bn", {"hidden_features": 512, "image_size": 32}, ("torchvision",)),
]
CASES = [(name, options, layout) for name, options, layouts in NETWORKS for layout in layouts]


@pytest.mark.parametrize(("name", "options", "layout"), CASES)
def test_found_again(name: str, options: dict[str, Any], layout: str) -> None:
    found = identify(weights_of(name, layout, **options), layout=layout)
    assert (found.layout, found.architecture, dict(found.options)) == (layout, name, options)
    usual = find_architecture(name).settings.get("num_classes", 1000)
    assert found.num_classes == options.get("num_classes", usual)


@pytest.mark.parametrize("layout", ["torchvision", "timm", "pytorchcv"])
@pytest.mark.parametrize("name", ["resnet18", "densenet121", "vgg11"])
def test_without_a_classifier(name: str, layout: str) -> None:
    found = identify(weights_of(name, layout, include_top=False), layout=layout)
    assert (found.model, found.num_classes) == (f"{name},include_top=false", None)


@pytest.mark.parametrize(
    ("name", "layout", "head"),
    [
        ("resnet18", "torchvision", "fc"),
        ("resnetv2_18_timm", "timm", "head.fc"),
        ("densenet121", "torchvision", "classifier"),
        ("vgg11", "torchvision", "classifier.6"),
        ("resnet20", "cifar", "linear"),
        ("wrn-16-4", "cifar", "fc"),
    ],
)
@pytest.mark.parametrize("other", ["last_linear", "fc.1", "head.projection"])
def test_another_name_of_the_classifier(name: str, layout: str, head: str, other: str) -> None:
    weights = weights_of(name, layout, num_classes=7)
    renamed = {re.sub(f"^{re.escape(head)}\\.", f"{other}.", key): t for key, t in weights.items()}
    assert renamed.keys() != weights.keys()
    found = identify(renamed)
    assert (found.architecture, found.num_classes) == (name, 7)


def test_what_is_assumed() -> None:
    found = identify(weights_of("seresnet50_v1", "timm", stem_pool="ceil"))
    assert [(a.what, a.value, a.why, a.override) for a in found.assumed[:2]] == [
        (
            "stem_pool",
            "ceil",
            "Caffe's max pool: ceil_mode without padding",
            "stem_pool=padded",
        ),
        (
            "stride_on",
            "first",
            "the released SE-ResNets stride on the first 1x1",
            "stride_on=spatial",
        ),
    ]
    assert [a.what for a in found.assumed[2:]] == ["image size", "mean", "std", "class names"]


def test_what_is_assumed_can_be_overridden() -> None:
    weights = weights_of("resnet20", "cifar")
    assert identify(weights).model == "resnet20"
    assert identify(weights, options={"shortcut": "A-end"}).model == "resnet20,shortcut=A-end"
    weights = weights_of("resnet50", "torchvision")
    assert identify(weights, options={"stride_on": "first"}).model == "resnet50_v1,stride_on=first"


PREACT = {"stem": "cifar", "final_norm": False}
PRERESNET = {"stride_on": "spatial", "first_unit": "own", "shortcut_input": "raw"}


def test_what_projections_read_is_assumed() -> None:
    weights = weights_of("resnetv2_18_timm", "cifar", **PREACT)
    assert [(a.what, a.value, a.override) for a in identify(weights).assumed[:3]] == [
        ("first_unit", "own", "first_unit=shared"),
        ("shortcut_input", "preactivated", "shortcut_input=raw"),
        ("stem", "cifar", "stem=small"),
    ]
    found = identify(weights, options={"shortcut_input": "raw"})
    assert found.options == PREACT | {"shortcut_input": "raw"}
    weights = weights_of("resnetv2_164", "cifar", **PRERESNET)
    assert [(a.what, a.value, a.override) for a in identify(weights).assumed[:3]] == [
        ("stride_on", "spatial", "stride_on=first"),
        ("first_unit", "own", "first_unit=shared"),
        ("shortcut_input", "raw", "shortcut_input=preactivated"),
    ]


def test_a_first_unit_reads_the_raw_input_if_the_others_do() -> None:
    weights = weights_of("resnetv2_164", "pytorchcv", stride_on="spatial")
    assert identify(weights, options={"shortcut_input": "raw"}).options == PRERESNET


def test_preprocessing_is_the_layouts() -> None:
    assert identify(weights_of("wrn-28-10", "cifar")).preprocessing.std == (
        63.0 / 255,
        62.1 / 255,
        66.7 / 255,
    )
    assert identify(weights_of("resnet50", "timm")).preprocessing.mean == (0.485, 0.456, 0.406)


def test_names_that_two_publishers_share() -> None:
    found = identify(weights_of("resnet50", "torchvision"))
    assert (found.layout, found.also_fits) == ("torchvision", ("timm",))


def test_old_files() -> None:
    weights = weights_of("densenet121", "torchvision")
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name): tensor
        for name, tensor in weights.items()
        if not name.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    found = identify(old)
    assert found.model == "densenet121"
    assert len(found.filled) == 121  # one for each norm: 120 in front of convolutions and the last


def without(weights: Mapping[str, Tensor], *names: str) -> Weights:
    return {name: tensor for name, tensor in weights.items() if name not in names}


def test_missing_keys() -> None:
    weights = weights_of("resnet50", "torchvision")
    gone = without(weights, "layer3.4.conv2.weight", "layer3.5.bn1.bias")
    with pytest.raises(WeightsMismatchError) as caught:
        identify(gone)
    assert str(caught.value) == (
        "these weights look like torchvision resnet50, but 2 of 320 tensors missing, "
        "first 'layer3.4.conv2.weight'"
    )


@pytest.mark.parametrize(
    ("name", "layout", "options", "gone"),
    [
        ("resnetv2_18_timm", "timm", {}, r"norm\."),
        ("resnetv2_164", "cifar", PRERESNET, r"bn\."),
        ("resnetv2_18_timm", "cifar", PREACT, r"layer\d\.0\.shortcut\."),
        ("resnetv2_164", "cifar", PRERESNET, r"layer\d\.0\.downsample\."),
    ],
)
def test_without_a_last_norm_or_projections_a_file_is_incomplete(
    name: str, layout: str, options: dict[str, Any], gone: str
) -> None:
    weights = weights_of(name, layout, **options)
    left = {key: tensor for key, tensor in weights.items() if not re.match(gone, key)}
    lost = [k for k in weights if k not in left and not k.endswith("num_batches_tracked")]
    with pytest.raises(WeightsMismatchError) as caught:
        identify(left, layout=layout)
    assert str(caught.value) == (
        f"these weights look like {layout} {name}, but {len(lost)} of {len(weights)} tensors missing, "
        f"first {lost[0]!r}"
    )


def test_a_missing_tensor_that_has_no_name_of_theirs() -> None:
    weights = weights_of("wrn-16-1", "cifar")
    third = {
        name.replace("conv2", "conv3"): tensor for name, tensor in weights.items() if "conv2" in name
    }
    with pytest.raises(WeightsMismatchError) as caught:
        identify(weights | third)
    assert str(caught.value) == (
        "these weights look like cifar wrn-16-1-b333, but 24 of 118 tensors missing, "
        "first 'stages.0.units.0.residual.norm2.weight' (our name)"
    )


def test_keys_too_many() -> None:
    extra = {"layer1.0.attention.weight": torch.ones(2, 2), "layer1.0.attention.bias": torch.ones(2)}
    more = {"queue.weight": torch.ones(2, 2)}
    with pytest.raises(WeightsMismatchError) as caught:
        identify(weights_of("resnet50", "torchvision") | extra | more)
    assert str(caught.value) == (
        "these weights look like torchvision resnet50, but 3 of 323 keys unplaced, "
        "first 'layer1.0.attention.weight'"
    )


def test_another_shape() -> None:
    weights = weights_of("resnet50", "torchvision")
    weights["layer4.1.bn1.bias"] = torch.ones(3)
    with pytest.raises(WeightsMismatchError) as caught:
        identify(weights)
    assert str(caught.value) == (
        "these weights look like torchvision resnet50, but 1 of 320 tensors of another shape, "
        "first 'layer4.1.bn1.bias': (3,), not (512,)"
    )


def test_no_network_of_ours() -> None:
    transformer = nn.TransformerEncoderLayer(8, 2).state_dict()
    with pytest.raises(WeightsMismatchError) as caught:
        identify(transformer)
    assert re.fullmatch(
        r"these weights belong to no network here: of 12 keys, \d are known \(.+\)\. "
        r"Known layouts: torchvision, timm, cifar, pytorchcv",
        str(caught.value),
    )


STRANGERS: dict[str, tuple[dict[str, tuple[int, ...]], str]] = {
    "meliketoy": (
        {"layer1.0.conv1.bias": (4,), "layer1.0.bn1.running_mean": (4,)},
        "a Wide ResNet of meliketoy/wide-resnet.pytorch, which no architecture here computes: "
        "its convolutions have biases, the second of a unit strides, and its projections read what "
        "enters the unit before norm and ReLU",
    ),
    "weiaicunzai": (
        {"stage1.0.residual.0.running_mean": (4,)},
        "a pre-activation or Wide ResNet of weiaicunzai/pytorch-cifar100, which no architecture here "
        "computes: its convolutions and projections have biases",
    ),
    "weiaicunzai's DenseNet": (
        {"features.transition_layer_0.down_sample.1.weight": (4, 8, 1, 1)},
        "a DenseNet of weiaicunzai/pytorch-cifar100, which no architecture here computes: "
        "its transitions have no ReLU",
    ),
    "kuangliu's VGG": (
        {"features.0.weight": (4, 3, 3, 3), "features.0.bias": (4,), "classifier.weight": (10, 4)},
        "a VGG of kuangliu/pytorch-cifar, which no architecture here computes: "
        "its classifier is one linear layer; include_top=False takes the rest of it",
    ),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_networks_that_compute_something_else(name: str) -> None:
    shapes, sentence = STRANGERS[name]
    weights = {key: torch.zeros(shape) for key, shape in shapes.items()}
    with pytest.raises(
        WeightsMismatchError, match=f"^{re.escape(f'these weights look like {sentence}')}$"
    ):
        identify(weights)


def test_the_rest_of_a_network_with_another_classifier() -> None:
    body = weights_of("vgg11_bn", "torchvision", include_top=False)
    weights = body | {"classifier.weight": torch.ones(10, 512), "classifier.bias": torch.ones(10)}
    found = identify(weights, options={"include_top": False})
    assert found.model == "vgg11_bn,include_top=false"
    assert found.dropped == ("classifier.weight", "classifier.bias")


def test_unknown_layout() -> None:
    with pytest.raises(UnknownNameError) as caught:
        identify({}, layout="torchvison")
    assert str(caught.value) == (
        "no layout named 'torchvison'. Did you mean 'torchvision', 'pytorchcv'? "
        "All names: torchvision, timm, cifar, pytorchcv"
    )
    assert LAYOUTS == ("torchvision", "timm", "cifar", "pytorchcv")


@pytest.mark.parametrize(
    ("name", "options", "layout", "reason"),
    [
        (
            "resnet50_v1",
            {},
            "torchvision",
            "torchvision's ResNet has stride_on=spatial, this network stride_on=first",
        ),
        (
            "resnet18",
            {"stem_pool": "ceil"},
            "timm",
            "timm's ResNet has stem_pool=padded, this network stem_pool=ceil",
        ),
        (
            "densenet121_keras",
            {},
            "torchvision",
            "torchvision's DenseNet has norms that add 1e-05, those of this network add 1.001e-05",
        ),
        (
            "resnet18",
            {"stem": "small"},
            "cifar",
            "cifar's ResNet of four stages, kuangliu/pytorch-cifar has stem=cifar, this network stem=small",
        ),
        (
            "resnetv2_18_timm",
            PREACT | {"shortcut": "A"},
            "cifar",
            "cifar's PreActResNet, kuangliu/pytorch-cifar has shortcut=B, this network shortcut=A",
        ),
        (
            "resnetv2_18",
            PREACT | {"first_unit": "shared"},
            "cifar",
            "cifar's PreActResNet, kuangliu/pytorch-cifar has first_unit=own, this network "
            "first_unit=shared",
        ),
        (
            "resnetv2_18_timm",
            PREACT | {"shortcut_input": "raw", "stem": "small"},
            "cifar",
            "cifar's PreActResNet, kuangliu/pytorch-cifar has shortcut_input=preactivated, this network "
            "shortcut_input=raw",
        ),
        (
            "resnetv2_18_timm",
            {"shortcut_input": "raw"},
            "timm",
            "timm's ResNetV2 has shortcut_input=preactivated, this network shortcut_input=raw",
        ),
        (
            "resnetv2_164",
            PRERESNET,
            "pytorchcv",
            "pytorchcv's CIFAR ResNetV2 has shortcut_input=preactivated, this network "
            "shortcut_input=raw",
        ),
        (
            "resnetv2_18_timm",
            {"final_norm": False},
            "timm",
            "timm's ResNetV2 has final_norm=True, this network final_norm=False",
        ),
        (
            "resnetv2_18_timm",
            PREACT | {"shortcut_input": "raw"},
            "cifar",
            "cifar's PreActResNet, kuangliu/pytorch-cifar has shortcut_input=preactivated, this network "
            "shortcut_input=raw",
        ),
        (
            "resnetv2_164",
            PRERESNET | {"shortcut_input": "preactivated"},
            "cifar",
            "cifar's PreResNet, bearpaw/pytorch-classification has shortcut_input=raw, this network "
            "shortcut_input=preactivated",
        ),
        (
            "resnetv2_164",
            PRERESNET | {"first_unit": "shared"},
            "cifar",
            "cifar's PreResNet, bearpaw/pytorch-classification has first_unit=own, this network "
            "first_unit=shared",
        ),
        (
            "resnetv2_164",
            PRERESNET | {"first_unit": "after_stem"},
            "cifar",
            "cifar has no network with such tensors",
        ),
        (
            "resnet18",
            {"shortcut": "B-pool"},
            "torchvision",
            "torchvision's ResNet has shortcut=B, this network shortcut=B-pool",
        ),
        ("resnet18", {"stem": "cifar"}, "torchvision", "torchvision has no network with such tensors"),
        ("highway-11", {}, "torchvision", "torchvision has no network with such tensors"),
    ],
)
def test_not_written_where_it_would_compute_something_else(
    name: str, options: dict[str, Any], layout: str, reason: str
) -> None:
    message = f"{name} cannot be written in the layout of {layout}: {reason}"
    with pytest.raises(WeightsMismatchError, match=f"^{re.escape(message)}$"):
        weights_of(name, layout, **options)


def test_only_networks_of_ours_are_written() -> None:
    with pytest.raises(UnsupportedError, match=r"^only networks of create_model can be converted, got "):
        to_layout(nn.Linear(2, 2), "timm")
    with pytest.raises(UnknownNameError, match="no layout named 'keras'"):
        to_layout(resnets.create_model("resnet20"), "keras")
