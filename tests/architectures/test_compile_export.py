"""Compilers and exporters take every family whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

import resnets

NETS: list[tuple[str, dict[str, Any]]] = [
    ("resnet18", {}),
    ("resnet20", {}),
    ("plain20", {}),
    ("vgg11_bn", {"hidden_features": 16}),
    ("resnetv2_18", {}),
    ("resnext29_2x64d", {}),
    ("seresnet18", {}),
    ("wrn-16-1", {"dropout": 0.3}),
    ("densenet-bc-22-6", {}),
    ("highway-11", {}),
]
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("resnet18", {"stem": "deep"}),
    ("resnet18", {"output_stride": 8}),
    ("resnet20", {"shortcut": "C"}),
    ("resnetv2_18_timm", {}),
    ("resnetv2_29", {}),
    ("resnext29_2x64d", {"form": "a"}),
    ("resnext29_2x64d", {"form": "b"}),
    ("resnet50", {}),
    ("resnext50_32x4d", {}),
    ("resnet110", {}),
    ("densenet121", {}),
    ("wide_resnet50_2", {}),
]
DEEPEST: list[tuple[str, dict[str, Any]]] = [
    ("resnet200", {}),
    ("resnetv2_200", {}),
    ("seresnet152", {}),
    ("densenet201", {}),
]


def each(*nets: tuple[str, dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("name", "options"), [pytest.param(*net, id=label(*net)) for net in nets]
    )


def label(name: str, options: dict[str, Any]) -> str:
    return name + "".join(f"-{key}={value}" for key, value in options.items())


def evaluated(name: str, options: dict[str, Any], **more: object) -> nn.Module:
    return resnets.create_model(name, **options, **more).eval()


def small(network: nn.Module) -> int:
    info: Any = network.feature_info
    return max(16, 2 * int(info[-1].stride))


def compiled(network: nn.Module) -> Callable[[Tensor], Any]:
    torch.compiler.reset()
    whole: Callable[[Tensor], Any] = torch.compile(network, fullgraph=True, backend="aot_eager")
    return whole


def check_compiled(name: str, options: dict[str, Any]) -> None:
    network = evaluated(name, options)
    batch = torch.randn(2, 3, small(network), small(network))
    with torch.no_grad():
        expected = network(batch)
        torch.testing.assert_close(compiled(network)(batch), expected, rtol=1e-4, atol=1e-4)


@each(*NETS)
def test_compile(name: str, options: dict[str, Any]) -> None:
    check_compiled(name, options)


@pytest.mark.slow
@each(*VARIANTS, *DEEPEST)
def test_compile_variants(name: str, options: dict[str, Any]) -> None:
    check_compiled(name, options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {"drop_path_rate": 0.1}),
        pytest.param("resnext29_2x64d", {"form": "b"}, marks=pytest.mark.slow),
    ],
    ids=["resnet18", "resnext29"],
)
def test_compile_for_training(name: str, options: dict[str, Any]) -> None:
    network = resnets.create_model(name, **options)
    scores = compiled(network)(torch.randn(2, 3, small(network), small(network)))
    scores.logsumexp(1).sum().backward()
    assert scores.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("options", [{"features_only": True}, {"include_top": False}], ids=str)
def test_compile_features(options: dict[str, Any]) -> None:
    network = evaluated("resnet20", options)
    batch = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(compiled(network)(batch), network(batch), rtol=1e-4, atol=1e-4)


def check_exported(name: str, options: dict[str, Any], *, multiple: int = 1) -> None:
    """Export with any batch, height and width, and run at other sizes.

    The last map has at least two pixels a side: torch treats sizes of 1 apart.
    """
    network = evaluated(name, options)
    stride = small(network) // 2
    # Pools between stages round down, everything else rounds up.
    least = 2 * stride if name.startswith(("vgg", "densenet")) else stride + multiple
    height, width = (Dim(d, min=least // multiple) * multiple for d in ("height", "width"))
    images = torch.randn(2, 3, 2 * stride, 3 * stride)
    shapes = ({0: Dim("batch"), 2: height, 3: width},)
    program = torch.export.export(network, (images,), dynamic_shapes=shapes).module()
    with torch.no_grad():
        for n, tall, wide in [(1, 2 * stride, least), (3, least, 3 * stride + 7 * multiple)]:
            batch = torch.randn(n, 3, tall, wide)
            torch.testing.assert_close(program(batch), network(batch), rtol=1e-4, atol=1e-4)


@each(*NETS)
def test_export_with_any_batch_and_size(name: str, options: dict[str, Any]) -> None:
    check_exported(name, options)


@pytest.mark.slow
@each(*VARIANTS)
def test_export_variants(name: str, options: dict[str, Any]) -> None:
    check_exported(name, options)


def test_export_of_average_pooled_shortcuts() -> None:
    """torch cannot tell how the last window is cut, so each pooled map must have an even size."""
    check_exported("resnet20", {"shortcut": "A-pool"}, multiple=4)


@each(*NETS, *VARIANTS)
def test_symbolic_trace(name: str, options: dict[str, Any]) -> None:
    network = evaluated(name, options)
    traced = torch.fx.symbolic_trace(network)
    batch = torch.randn(2, 3, small(network), small(network))
    with torch.no_grad():
        assert torch.equal(traced(batch), network(batch))


@pytest.mark.parametrize("options", [{"features_only": True}, {"include_top": False}], ids=str)
def test_symbolic_trace_of_features(options: dict[str, Any]) -> None:
    network = evaluated("resnet20", options)
    batch = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        expected, got = network(batch), torch.fx.symbolic_trace(network)(batch)
    torch.testing.assert_close(got, expected, rtol=0, atol=0)
