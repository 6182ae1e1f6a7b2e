"""What a family cannot take is an error that says so; what it takes does what it says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import resnets
from resnets.architectures.creation import NetworkSpec
from resnets.errors import ConfigError
from resnets.units import ResidualUnit, StochasticDepth

NETWORK = "num_classes, in_channels, include_top, pooling, features_only, image_size"
STACK = f"{NETWORK}, depths, widths, kernel_sizes, expansion, stride_on, stem, stem_pool, output_stride"
V2 = f"{STACK}, shortcut, drop_path_rate, init, first_unit, shortcut_input, final_norm"
VGG = f"{NETWORK}, depths, widths, batch_norm, hidden_features, dropout"


def meta(name: str, **options: object) -> Any:
    with torch.device("meta"):
        return resnets.create_model(name, **options)


def message(name: str, options: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        meta(name, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("resnetv2_50", {"zero_init_residual": True}, f"zero_init_residual is unknown, known are {V2}"),
        ("plain20", {"zero_init_residual": True}, f"zero_init_residual is unknown, known are {STACK}"),
        ("plain20", {"drop_path_rate": 0.1}, f"drop_path_rate is unknown, known are {STACK}"),
        ("plain20", {"shortcut": "A"}, f"shortcut is unknown, known are {STACK}"),
        ("vgg16", {"drop_path_rate": 0.1}, f"drop_path_rate is unknown, known are {VGG}"),
        ("vgg16", {"output_stride": 8}, f"output_stride is unknown, known are {VGG}"),
        ("vgg16", {"stem": "cifar"}, f"stem is unknown, known are {VGG}"),
        ("resnet50", {"num_class": 3}, "num_class is unknown, did you mean num_classes?"),
        ("resnet50", {"pooling": "max"}, "pooling needs include_top=False, and features_only=False"),
        (
            "resnet50",
            {"pooling": "max", "features_only": True, "include_top": False},
            "pooling needs include_top=False, and features_only=False",
        ),
        (
            "resnet50",
            {"include_top": False, "pooling": None},
            "pooling must be 'avg', 'max' or 'none', got None",
        ),
        (
            "resnet50",
            {"num_classes": 5, "features_only": True},
            "num_classes has no effect with features_only=True",
        ),
        (
            "resnet50",
            {"num_classes": 5, "include_top": False},
            "num_classes has no effect with include_top=False",
        ),
        ("resnet50", {"num_classes": "ten"}, "num_classes must be integer, got 'ten'"),
        ("resnet50", {"num_classes": True}, "num_classes must be integer, got True"),
        ("resnet50", {"num_classes": 0}, "num_classes must be greater than or equal to 1, got 0"),
        ("resnet50", {"num_classes": 2.5}, "num_classes must be integer, got 2.5"),
        ("resnet50", {"in_channels": 0}, "in_channels must be greater than or equal to 1, got 0"),
        ("resnet50", {"image_size": (224, 224)}, "image_size must be integer, got (224, 224)"),
        ("resnet50", {"include_top": "no"}, "include_top must be boolean, got 'no'"),
        ("resnet50", {"include_top": 0}, "include_top must be boolean, got 0"),
        ("resnet50", {"features_only": "yes"}, "features_only must be boolean, got 'yes'"),
        ("resnet18", {"kernel_sizes": (3, 2)}, "kernel_sizes.1 must be odd, got 2"),
        (
            "resnet18",
            {"kernel_sizes": ()},
            "depths and kernel_sizes need at least one entry each",
        ),
        (
            "resnet18",
            {"depths": (1, 1)},
            "depths and widths must have one entry per stage, got 2 and 4",
        ),
        ("resnet18", {"depths": (0, 1, 1, 1)}, "depths.0 must be greater than or equal to 1, got 0"),
        ("vgg16", {"depths": (1,)}, "depths and widths must have one entry per stage, got 1 and 5"),
        (
            "resnet18",
            {"stem": "big"},
            "stem must be 'imagenet', 'deep', 'small' or 'cifar', got 'big'",
        ),
        ("resnet18", {"stride_on": "last"}, "stride_on must be 'first' or 'spatial', got 'last'"),
        ("resnet18", {"output_stride": 3}, "output_stride must be 1, 2, 4, 8, 16 or 32, got 3"),
        ("resnet18", {"output_stride": True}, "output_stride must be integer, got True"),
        (
            "resnet18",
            {"output_stride": 2},
            "output_stride must be at least 4, the stride of the imagenet stem; got 2",
        ),
        (
            "resnet18",
            {"shortcut": "D"},
            "shortcut must be 'A', 'A-end', 'A-pool', 'B', 'B-pool' or 'C', got 'D'",
        ),
        ("resnet18", {"init": "in"}, "init must be 'fan_out' or 'fan_in', got 'in'"),
        (
            "resnet18",
            {"shortcut": "A", "widths": (64, 32, 16, 8)},
            "shortcut 'A' adds zero channels, so widths must not fall, got (64, 32, 16, 8); 'B' can",
        ),
        ("resnet18", {"drop_path_rate": 1.0}, "drop_path_rate must be less than 1, got 1.0"),
        ("resnet18", {"drop_path_rate": math.nan}, "drop_path_rate must be a finite number, got nan"),
        (
            "resnetv2_50",
            {"first_unit": "x"},
            "first_unit must be 'after_stem', 'shared' or 'own', got 'x'",
        ),
        (
            "resnetv2_50",
            {"shortcut_input": "x"},
            "shortcut_input must be 'preactivated' or 'raw', got 'x'",
        ),
        ("resnetv2_50", {"final_norm": "no"}, "final_norm must be boolean, got 'no'"),
        ("resnext50_32x4d", {"form": "d"}, "form must be 'a', 'b' or 'c', got 'd'"),
        (
            "resnext50_32x4d",
            {"widths": (8, 16, 32, 64)},
            "base_width must leave each path a channel: widths (8, 16, 32, 64) x 4 / 64 is below 1",
        ),
        ("seresnet50", {"reduction": 0}, "reduction must be greater than or equal to 1, got 0"),
        ("vgg16", {"dropout": 1.0}, "dropout must be less than 1, got 1.0"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_one_problem(name: str, options: dict[str, Any], problem: str) -> None:
    assert message(name, options) == f"1 problem in the options of {name}: {problem}"


def test_several_problems_at_once() -> None:
    assert message("resnet18", {"num_classes": "ten", "stem": "big", "zero_init": True}) == (
        "3 problems in the options of resnet18: num_classes must be integer, got 'ten'; "
        "stem must be 'imagenet', 'deep', 'small' or 'cifar', got 'big'; "
        "zero_init is unknown, did you mean zero_init_residual?"
    )
    headless = {"num_classes": 5, "include_top": False, "features_only": True}
    assert message("resnet50", headless) == (
        "2 problems in the options of resnet50: num_classes has no effect with include_top=False; "
        "num_classes has no effect with features_only=True"
    )
    assert message("resnext50_32x4d", {"kernel_sizes": (3, 3)}) == (
        "2 problems in the options of resnext50_32x4d: kernel_sizes.0 must be 1, got 3; "
        "kernel_sizes.2 is missing"
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("seresnet18", {"cardinality": 3}),
        ("seresnet20", {"cardinality": 32, "base_width": 4}),
        ("vgg16", {"image_size": 16}),
        ("resnet18", {"image_size": 4}),
        ("resnet18", {"depths": {2, 3, 4, 6}}),
    ],
    ids=str,
)
def test_options_that_cannot_work_are_config_errors(name: str, options: dict[str, Any]) -> None:
    assert message(name, options).startswith(f"1 problem in the options of {name}: ")


def test_numpy_integers_are_integers() -> None:
    network = resnets.create_model("resnet20", num_classes=np.int64(7), in_channels=np.uint8(1))
    assert network(torch.zeros(1, 1, 32, 32)).shape == (1, 7)
    assert meta("resnet18", output_stride=np.int64(8)).feature_info[-1].stride == 8


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {}),
        ("resnet50", {}),
        ("resnet18", {"shortcut": "A"}),
        ("resnet18", {"shortcut": "C"}),
        ("resnet20", {}),
        ("resnext29_2x64d", {"form": "a"}),
        ("resnext29_2x64d", {"form": "b"}),
        ("seresnet18", {}),
        ("resnet18", {"drop_path_rate": 0.2}),
        ("resnet18", {"kernel_sizes": (3,)}),
    ],
    ids=str,
)
def test_zero_init_makes_units_their_shortcuts(name: str, options: dict[str, Any]) -> None:
    network = resnets.create_model(name, zero_init_residual=True, **options)
    units = [module for module in network.modules() if isinstance(module, ResidualUnit)]
    assert units
    checked = 0
    for unit in units:
        x = torch.randn(2, unit_channels(unit), 8, 8)
        with torch.no_grad():
            assert torch.equal(unit(x), torch.relu(unit.shortcut(x)))
            assert not unit.residual(x).any()
        checked += 1
    assert checked == len(units)
    assert all(p.any() for n, p in network.named_parameters() if n.endswith("conv1.weight"))


def unit_channels(unit: ResidualUnit) -> int:
    return next(m.in_channels for m in unit.residual.modules() if isinstance(m, nn.Conv2d))


def test_without_zero_init_units_are_more_than_their_shortcuts() -> None:
    network = resnets.create_model("resnet20")
    for unit in network.modules():
        if isinstance(unit, ResidualUnit):
            assert unit.residual(torch.randn(2, unit_channels(unit), 8, 8)).any()


@pytest.mark.parametrize(
    ("image_size", "stride"),
    [(None, 32), (224, 32), (128, 32), (127, 16), (64, 16), (63, 8), (32, 8)],
)
@pytest.mark.parametrize("name", ["resnet18", "resnetv2_50", "resnext50_32x4d", "seresnet18"])
def test_image_size_picks_the_stem(name: str, image_size: int | None, stride: int) -> None:
    network = meta(name, image_size=image_size)
    assert network.feature_info[-1].stride == stride
    assert network.feature_info[0].stride == stride // 8


@pytest.mark.parametrize(("stem", "stride"), [("imagenet", 4), ("deep", 4), ("small", 2), ("cifar", 1)])
@pytest.mark.parametrize("image_size", [None, 32, 224])
def test_an_explicit_stem_wins(stem: str, stride: int, image_size: int | None) -> None:
    network = meta("resnet18", stem=stem, image_size=image_size)
    assert network.feature_info[0].stride == stride
    side = 64
    features = meta("resnet18", stem=stem, image_size=image_size, features_only=True)
    maps = features(torch.empty(2, 3, side, side, device="meta"))
    assert maps["stem"].shape == (2, 64, side // stride, side // stride)


def test_a_cifar_network_keeps_its_stem() -> None:
    assert meta("resnet20", image_size=224).feature_info[0].stride == 1


def test_vgg_takes_small_images() -> None:
    network = meta("vgg16", image_size=64)
    assert network.classifier.linear1.in_features == 512 * 2 * 2
    assert network(torch.empty(2, 3, 64, 64, device="meta")).shape == (2, 1000)
    assert meta("vgg16").classifier.linear1.in_features == 512 * 7 * 7
    assert meta("vgg16", image_size=448).classifier.linear1.in_features == 512 * 49


@pytest.mark.parametrize("name", ["resnet18", "resnetv2_50", "resnext29_2x64d", "seresnet20"])
def test_drop_probability_grows_with_depth(name: str) -> None:
    """arXiv:1603.09382, eq. 4 with p_L = 1 - rate: unit l of L is dropped with l / L * rate."""
    network = meta(name, drop_path_rate=0.3)
    drops = [m.drop_probability for m in network.modules() if isinstance(m, StochasticDepth)]
    units = [m for m in network.modules() if isinstance(m, ResidualUnit)]
    assert len(drops) == len(units)
    assert drops == pytest.approx([0.3 * (i + 1) / len(units) for i in range(len(units))])


def test_no_drop_module_without_a_rate() -> None:
    modules = meta("resnet18", drop_path_rate=0.0).modules()
    assert not [m for m in modules if isinstance(m, StochasticDepth)]


@pytest.mark.parametrize("name", ["resnet20", "resnetv2_29", "seresnet20"])
def test_nothing_is_dropped_in_evaluation(name: str) -> None:
    torch.manual_seed(1)
    plain = resnets.create_model(name).eval()
    torch.manual_seed(1)
    dropping = resnets.create_model(name, drop_path_rate=0.5).eval()
    batch = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(plain(batch), dropping(batch))
        one, two = dropping.train()(batch), dropping(batch)
    assert not torch.equal(one, two)


@pytest.mark.parametrize("name", ["resnet18", "resnetv2_50", "seresnet18", "plain18"])
def test_one_unit_is_a_network(name: str) -> None:
    drop = {} if name.startswith("plain") else {"drop_path_rate": 0.5}
    network = resnets.create_model(name, depths=(1,), widths=(4,), num_classes=2, **drop)
    output: Tensor = network(torch.randn(3, 3, 16, 16))
    assert output.shape == (3, 2)
    torch.autograd.backward(output.sum())
    assert all(p.grad is not None for p in network.parameters())


def test_one_convolution_is_a_vgg() -> None:
    network = resnets.create_model("vgg11", depths=[1], widths=[4], hidden_features=3)
    assert network(torch.randn(2, 3, 16, 16)).shape == (2, 1000)


@pytest.mark.parametrize("shortcut", ["A", "A-end", "A-pool", "B", "B-pool", "C"])
@pytest.mark.parametrize("side", [32, 33, 47])
def test_shortcuts_fit_any_image(shortcut: str, side: int) -> None:
    for name in ("resnet20", "resnetv2_29", "resnext29_2x64d"):
        assert meta(name, shortcut=shortcut)(torch.empty(1, 3, side, side, device="meta")).shape == (
            1,
            10,
        )


@pytest.mark.parametrize("side", [65, 97, 112])
@pytest.mark.parametrize("pool", ["padded", "ceil", "zeros"])
def test_stem_pools_fit_any_image(side: int, pool: str) -> None:
    network = meta("resnet18", stem_pool=pool, features_only=True)
    halved = -(-side // 2)
    padded = (halved - 1) // 2 + 1
    width = {"padded": padded, "ceil": -(-(halved - 3) // 2) + 1, "zeros": padded}[pool]
    assert network(torch.empty(1, 3, side, side, device="meta"))["stem"].shape[-1] == width


@pytest.mark.parametrize("first_unit", ["after_stem", "shared", "own"])
@pytest.mark.parametrize("shortcut_input", ["preactivated", "raw"])
@pytest.mark.parametrize("name", ["resnetv2_20", "resnetv2_20_basic"])
def test_what_the_shortcuts_of_resnet_v2_read(name: str, shortcut_input: str, first_unit: str) -> None:
    network = resnets.create_model(
        name, shortcut="B", first_unit=first_unit, shortcut_input=shortcut_input
    ).eval()
    units = [module for module in network.modules() if isinstance(module, ResidualUnit)]
    for place, unit in enumerate(units):
        x = torch.randn(2, unit_channels(unit), 8, 8)
        a = unit.preactivation(x)
        assert torch.equal(a, x) == (place == 0 and first_unit == "after_stem")
        projects = isinstance(unit.shortcut, nn.Sequential)
        is_shared = place == 0 and first_unit == "shared"
        seen = a if is_shared or (projects and shortcut_input == "preactivated") else x
        torch.testing.assert_close(unit(x), unit.shortcut(seen) + unit.residual(a))


def test_resnet_v2_without_its_final_norm() -> None:
    network = resnets.create_model("resnetv2_20", final_norm=False).eval()
    assert not [name for name in network.state_dict() if name.startswith("final")]
    images = torch.randn(2, 3, 32, 32)
    last = resnets.create_model("resnetv2_20", final_norm=False, features_only=True).eval()
    last.load_state_dict({k: v for k, v in network.state_dict().items() if "classifier" not in k})
    assert list(last(images)) == ["stem", "stages.0", "stages.1", "stages.2"]
    classify = network.get_submodule("classifier")
    expected = classify(last(images)["stages.2"].mean(dim=(2, 3)))
    torch.testing.assert_close(network(images), expected)


def test_spec_says_what_was_made() -> None:
    network = meta("ResNet-50", num_classes=3)
    assert isinstance(network.spec, NetworkSpec)
    assert network.spec.name == "resnet50"
    assert network.spec.options.num_classes == 3  # type: ignore[attr-defined]
